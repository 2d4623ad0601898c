"""Evaluations of the in-memory Nomad: its scheduler acts at once, so all of them are complete."""

from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Cluster, Row


def listed(request: Request) -> list[Row]:
    return request.listed(request.cluster.evaluations.values(), "ID")


def get(request: Request) -> Row:
    if (row := request.cluster.evaluations.get(request.id)) is None:
        raise Refused(404, "eval not found")
    return row


def of_job(request: Request) -> list[Row]:
    rows = request.cluster.evaluations.values()
    return [row for row in rows if (row["Namespace"], row["JobID"]) == (request.namespace, request.id)]


def evaluate(cluster: Cluster, job: Row, trigger: str, index: int) -> str:
    """An evaluation of a job, complete already; its ID."""
    row = {
        "ID": cluster.new_id(),
        "Namespace": job["Namespace"],
        "JobID": job["ID"],
        "Type": job["Type"],
        "Priority": job["Priority"],
        "TriggeredBy": trigger,
        "Status": "complete",
        "StatusDescription": "",
        "JobModifyIndex": job["JobModifyIndex"],
        "CreateIndex": index,
        "ModifyIndex": index,
    }
    cluster.evaluations[row["ID"]] = row
    payload, namespace = {"Evaluation": dict(row)}, job["Namespace"]
    cluster.publish("Evaluation", "EvaluationUpdated", row["ID"], payload, job["ID"], "", namespace=namespace)
    return str(row["ID"])
