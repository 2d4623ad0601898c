"""Allocations of the in-memory Nomad: they are placed at once, run, get healthy or end after a while, and offer services."""

import asyncio
from typing import Any

from operator_kit.testing import deployments, services
from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Cluster, Row, key_of


def of_job(cluster: Cluster, job: Row) -> list[Row]:
    """All allocations of a job."""
    wanted = (job["Namespace"], job["ID"])
    return [row for row in cluster.allocations.values() if (row["Namespace"], row["JobID"]) == wanted]


def place(cluster: Cluster, job: Row, before: Row | None) -> None:
    """Do what the scheduler does after a registration: place, update in place, stop, and begin a deployment."""
    deployment = None
    if job["Type"] in ("service", "system"):
        totals = {group["Name"]: len(_slots(cluster, job, group)) for group in job["TaskGroups"]}
        deployment = deployments.begin(cluster, job, totals)
    kept = {(row["Name"], row["NodeID"]): row for row in of_job(cluster, job) if row["DesiredStatus"] == "run"}
    for group in job["TaskGroups"]:
        old = next((other for other in (before or {}).get("TaskGroups", ()) if other["Name"] == group["Name"]), None)
        for name, node in _slots(cluster, job, group):
            row = kept.get((name, node["ID"]))
            if row is not None and old is not None and _in_place(old, group):
                del kept[(name, node["ID"])]
                verdict = {"DeploymentStatus": None} if deployment else {}
                update(cluster, row, "PlanResult", JobVersion=job["Version"], DeploymentID=_id(deployment), **verdict)
            else:
                run(cluster, job, group, name, node, deployment)
    for row in kept.values():
        stop(cluster, row)
    if deployment is not None and cluster.healthy_after is not None:
        key, version = key_of(job["Namespace"], job["ID"]), job["Version"]
        asyncio.get_running_loop().call_later(cluster.healthy_after, _grow_healthy, cluster, key, version)


def run(cluster: Cluster, job: Row, group: Row, name: str, node: Row, deployment: Row | None) -> Row:
    """A new allocation of a group, running."""
    index = cluster.change("allocations", "job_summary")
    row: Row = {
        "ID": cluster.new_id(),
        "Name": name,
        "Namespace": job["Namespace"],
        "JobID": job["ID"],
        "JobType": job["Type"],
        "JobVersion": job["Version"],
        "TaskGroup": group["Name"],
        "NodeID": node["ID"],
        "NodeName": node["Name"],
        "DeploymentID": _id(deployment),
        "DesiredStatus": "run",
        "CreateIndex": index,
    }
    cluster.allocations[row["ID"]] = row
    states = {task["Name"]: {"State": "running", "Restarts": 0, "Failed": False, "Events": []} for task in _tasks(group)}
    update(cluster, row, ClientStatus="running", TaskStates=states)
    services.offer(cluster, job, group, row)
    if job["Type"] in ("batch", "sysbatch") and cluster.batch_takes is not None:
        asyncio.get_running_loop().call_later(cluster.batch_takes, end, cluster, row["ID"], 0)
    return row


def stop(cluster: Cluster, row: Row) -> None:
    """End an allocation that is not wanted any more."""
    services.withdraw(cluster, row)
    ended = {"ClientStatus": "complete"} if row["ClientStatus"] in ("pending", "running") else {}
    update(cluster, row, DesiredStatus="stop", **ended)


def end(cluster: Cluster, allocation_id: str, exit_code: int) -> None:
    """Let the tasks of an allocation end by themselves; nothing happens to one that has ended already."""
    row = cluster.allocations.get(allocation_id)
    if row is None or row["ClientStatus"] not in ("pending", "running"):
        return
    services.withdraw(cluster, row)
    event = {"Type": "Terminated", "ExitCode": exit_code, "DisplayMessage": f"Exit Code: {exit_code}"}
    state = {"State": "dead", "Restarts": 0, "Failed": exit_code != 0, "Events": [event]}
    states = dict.fromkeys(row["TaskStates"], state)
    update(cluster, row, ClientStatus="failed" if exit_code else "complete", TaskStates=states)
    job = cluster.jobs.get(key_of(row["Namespace"], row["JobID"]))
    if job is not None and not any(other["ClientStatus"] in ("pending", "running") for other in of_job(cluster, job)):
        index = cluster.change(f"jobs/{key_of(row['Namespace'], row['JobID'])}")
        job |= {"Status": "dead", "ModifyIndex": index}
        cluster.publish("Job", "AllocationUpdated", job["ID"], {"Job": dict(job)}, namespace=job["Namespace"])


def update(cluster: Cluster, row: Row, type: str = "AllocationUpdated", **fields: Any) -> None:
    """Change an allocation, and tell of it."""
    row |= fields | {"ModifyIndex": cluster.change(f"allocations/{row['ID']}", "job_summary")}
    keys = (row["JobID"], row.get("DeploymentID", ""))
    cluster.publish("Allocation", type, row["ID"], {"Allocation": dict(row)}, *keys, namespace=row["Namespace"])


def make_healthy(cluster: Cluster, job: Row, version: int) -> None:
    """Let the allocations of that version be healthy, and their deployment succeed."""
    for row in of_job(cluster, job):
        if row["JobVersion"] == version and row["DesiredStatus"] == "run":
            update(cluster, row, DeploymentStatus={"Healthy": True})
    deployment = deployments.latest(cluster, job)
    if deployment and deployment["JobVersion"] == version and deployment["Status"] == "running":
        deployments.settle(cluster, deployment, "successful", "Deployment completed successfully")


def crash(cluster: Cluster, job: Row, message: str) -> None:
    """Let every task of the job's allocations have ended with this message, and wait for a restart."""
    for row in of_job(cluster, job):
        if row["DesiredStatus"] == "run":
            events = [{"Type": "Terminated", "DisplayMessage": message}, {"Type": "Restarting"}]
            state = {"State": "pending", "Restarts": 1, "Failed": False, "Events": events}
            update(cluster, row, ClientStatus="pending", TaskStates=dict.fromkeys(row["TaskStates"], state))


# What the routes do


def get(request: Request) -> Row:
    if (row := request.cluster.allocations.get(request.id)) is None:
        raise Refused(404, "alloc not found")
    return row


def listed(request: Request) -> list[Row]:
    return request.listed(request.cluster.allocations.values(), "ID")


def of_job_listed(request: Request) -> list[Row]:
    return of_job(request.cluster, {"Namespace": request.namespace, "ID": request.id})


def of_deployment(request: Request) -> list[Row]:
    return [row for row in request.cluster.allocations.values() if row["DeploymentID"] == request.id]


def of_node(request: Request) -> list[Row]:
    return [row for row in request.cluster.allocations.values() if row["NodeID"] == request.id]


def stop_one(request: Request) -> Row:
    """Stop an allocation; the scheduler places another in its stead."""
    cluster, row = request.cluster, get(request)
    job = cluster.jobs[key_of(row["Namespace"], row["JobID"])]
    stop(cluster, row)
    group = next(group for group in job["TaskGroups"] if group["Name"] == row["TaskGroup"])
    if job["Type"] not in ("batch", "sysbatch") or request.flag("reschedule"):
        run(cluster, job, group, row["Name"], cluster.nodes[row["NodeID"]], None)
    return {"EvalID": cluster.new_id(), "Index": cluster.index}


def restart(request: Request) -> None:
    row, task = get(request), request.body.get("TaskName") or ""
    if task and task not in row["TaskStates"]:
        raise Refused(404, f'Could not find task "{task}"')
    states = dict(row["TaskStates"])
    for name in [task] if task else states:
        states[name] = {**states[name], "State": "running", "Restarts": states[name]["Restarts"] + 1}
    update(request.cluster, row, TaskStates=states)


def _grow_healthy(cluster: Cluster, key: str, version: int) -> None:
    if (job := cluster.jobs.get(key)) is not None and not job["Stop"]:
        make_healthy(cluster, job, version)


def _slots(cluster: Cluster, job: Row, group: Row) -> list[tuple[str, Row]]:
    """The names that allocations of a group have, and their nodes: one on each node for system jobs."""
    nodes = [node for node in cluster.nodes.values() if _takes(node, job)]
    if job["Type"] in ("system", "sysbatch"):
        return [(f"{job['ID']}.{group['Name']}[0]", node) for node in nodes]
    names = [f"{job['ID']}.{group['Name']}[{number}]" for number in range(group["Count"])]
    return [(name, nodes[number % len(nodes)]) for number, name in enumerate(names)] if nodes else []


def _takes(node: Row, job: Row) -> bool:
    eligible = node["SchedulingEligibility"] == "eligible" and node["Status"] == "ready" and not node["Drain"]
    return eligible and job["NodePool"] in ("all", node["NodePool"])


def _in_place(old: Row, new: Row) -> bool:
    """Whether the tasks of a group need not be replaced."""
    outside = ("Count", "Scaling", "Services", "Constraints", "Update")
    return _without(old, outside) == _without(new, outside)


def _without(group: Row, names: tuple[str, ...]) -> Row:
    return {key: value for key, value in group.items() if key not in names}


def _tasks(group: Row) -> list[Row]:
    return group.get("Tasks") or []


def _id(deployment: Row | None) -> str:
    return deployment["ID"] if deployment else ""
