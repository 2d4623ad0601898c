"""Deployments of the in-memory Nomad: one for each version of a service or system job, successful once all is healthy."""

from typing import Final

from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Cluster, Row

ACTIVE: Final = ("initializing", "pending", "blocked", "unblocking", "running", "paused")


def latest(cluster: Cluster, job: Row) -> Row | None:
    """The newest deployment of a job."""
    wanted = (job["Namespace"], job["ID"])
    rows = [row for row in cluster.deployments.values() if (row["Namespace"], row["JobID"]) == wanted]
    return max(rows, key=lambda row: int(row["CreateIndex"]), default=None)


def begin(cluster: Cluster, job: Row, totals: dict[str, int]) -> Row:
    """A new deployment of a job; one that is still going on is cancelled. `totals` says how many allocations of each group."""
    before = latest(cluster, job)
    if before is not None and before["Status"] in ACTIVE:
        settle(cluster, before, "cancelled", "Cancelled due to newer version of job")
    index = cluster.change("deployments")
    row: Row = {
        "ID": cluster.new_id(),
        "Namespace": job["Namespace"],
        "JobID": job["ID"],
        "JobVersion": job["Version"],
        "JobModifyIndex": job["JobModifyIndex"],
        "JobCreateIndex": job["CreateIndex"],
        "Status": "running",
        "StatusDescription": "Deployment is running",
        "TaskGroups": {name: {"DesiredTotal": total, "HealthyAllocs": 0} for name, total in totals.items()},
        "CreateIndex": index,
        "ModifyIndex": index,
    }
    cluster.deployments[row["ID"]] = row
    _tell(cluster, "PlanResult", row)
    return row


def settle(cluster: Cluster, deployment: Row, status: str, description: str) -> Row:
    """Let a deployment have another status; the answer to who asked for it."""
    index = cluster.change(f"deployments/{deployment['ID']}")
    deployment |= {"Status": status, "StatusDescription": description, "ModifyIndex": index}
    _tell(cluster, "DeploymentStatusUpdate", deployment)
    return {"EvalID": cluster.new_id(), "EvalCreateIndex": index, "DeploymentModifyIndex": index, "Index": index}


# What the routes do


def listed(request: Request) -> list[Row]:
    return request.listed(request.cluster.deployments.values(), "ID")


def get(request: Request) -> Row:
    if (row := request.cluster.deployments.get(request.id)) is None:
        raise Refused(404, "deployment not found")
    return row


def of_job(request: Request) -> list[Row]:
    rows = request.cluster.deployments.values()
    return [row for row in rows if (row["Namespace"], row["JobID"]) == (request.namespace, request.id)]


def latest_of_job(request: Request) -> Row | None:
    return latest(request.cluster, {"Namespace": request.namespace, "ID": request.id})


def fail(request: Request) -> Row:
    return settle(request.cluster, _active(request, "fail"), "failed", "Deployment marked as failed")


def pause(request: Request) -> Row:
    paused = bool(request.body.get("Pause"))
    status = ("paused", "Deployment is paused") if paused else ("running", "Deployment is running")
    return settle(request.cluster, _active(request, "pause"), *status)


def promote(request: Request) -> Row:
    return settle(request.cluster, _active(request, "promote"), "running", "Deployment is running")


def _active(request: Request, action: str) -> Row:
    if (row := request.cluster.deployments.get(request.id)) is None:
        raise Refused(500, "deployment not found")
    if row["Status"] not in ACTIVE:
        raise Refused(500, f"can't {action} terminal deployment")
    return row


def _tell(cluster: Cluster, type: str, row: Row) -> None:
    payload = {"Deployment": dict(row)}
    cluster.publish("Deployment", type, row["ID"], payload, row["JobID"], namespace=row["Namespace"])
