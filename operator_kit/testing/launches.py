"""What makes instances and versions of jobs in the in-memory Nomad: dispatch, periodic launches, scaling, going back."""

import asyncio
import base64
import binascii
from typing import Final

from operator_kit.testing import deployments, jobs
from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Cluster, Row, key_of

LARGEST_PAYLOAD: Final = 16 * 1024


def dispatch(request: Request) -> Row:
    """An instance of a parameterized job."""
    cluster, body = request.cluster, request.body
    parent = cluster.jobs.get(request.key)
    if parent is None:
        raise Refused(500, "parameterized job not found")
    if not parent.get("ParameterizedJob"):
        raise Refused(500, f'Specified job "{parent["ID"]}" is not a parameterized job')
    if parent["Stop"]:
        raise Refused(500, f'Specified job "{parent["ID"]}" is stopped')
    _check_dispatch(parent["ParameterizedJob"], _payload(body), body.get("Meta") or {})
    token = request.params.get("idempotency_token") or ""
    for known in cluster.jobs.values() if token else ():
        if (known.get("ParentID"), known.get("DispatchIdempotencyToken")) == (parent["ID"], token):
            return _dispatched(known, "", cluster.index)
    prefix = f"{body['IdPrefixTemplate']}-" if body.get("IdPrefixTemplate") else ""
    child_id = f"{parent['ID']}/dispatch-{prefix}{_now()}-{cluster.new_id()[:8]}"
    answer = _launch(
        cluster,
        parent,
        child_id,
        Dispatched=True,
        DispatchIdempotencyToken=token,
        Payload=body.get("Payload"),
        Meta={**(parent.get("Meta") or {}), **(body.get("Meta") or {})},
    )
    return _dispatched(cluster.jobs[key_of(parent["Namespace"], child_id)], answer["EvalID"], answer["Index"])


def force_periodic(request: Request) -> Row:
    """An instance of a periodic job, now."""
    cluster = request.cluster
    parent = cluster.jobs.get(request.key)
    if parent is None:
        raise Refused(500, "job not found")
    if not parent.get("Periodic"):
        raise Refused(500, "can't force launch non-periodic job")
    if parent["Stop"] or parent["Periodic"].get("Enabled") is False:
        text = f'force launch for job "{parent["ID"]}" failed: can\'t force run non-tracked job "{parent["ID"]}"'
        raise Refused(500, f"{text} ({parent['Namespace']})")
    answer = _launch(cluster, parent, f"{parent['ID']}/periodic-{_now()}", Periodic=None)
    return {name: answer[name] for name in ("EvalID", "EvalCreateIndex", "Index")}


def scale(request: Request) -> Row:
    """Another count of a group; without a count only an event, which is not kept here."""
    cluster, body = request.cluster, request.body
    name, count = (body.get("Target") or {}).get("Group") or "", body.get("Count")
    job = cluster.jobs.get(request.key)
    if not name:
        raise Refused(400, "missing task group name for scaling action")
    if job is None:
        raise Refused(404, f'job "{request.id}" not found')
    group = next((group for group in job["TaskGroups"] if group["Name"] == name), None)
    if group is None:
        raise Refused(400, f'task group "{name}" specified for scaling does not exist in job')
    if body.get("JobModifyIndex"):
        jobs.enforce(job, body["JobModifyIndex"])
    if count is None:
        return jobs.registered(cluster, job, "", cluster.index)
    _check_count(count, group.get("Scaling") or {})
    deployment = deployments.latest(cluster, job)
    if deployment is not None and deployment["Status"] in deployments.ACTIVE:
        raise Refused(400, "job scaling blocked due to active deployment")
    groups = [{**other, "Count": count} if other is group else other for other in job["TaskGroups"]]
    answer = jobs.put(cluster, {**job, "TaskGroups": groups}, "job-scaling")
    return answer | {"Index": cluster.change("scaling_events")}  # the event of it is written after the job


def scale_status(request: Request) -> Row:
    job = jobs.get(request)
    running = jobs.summary(request)["Summary"]
    groups = {
        group["Name"]: {"Desired": group["Count"], "Running": running[group["Name"]]["Running"], "Events": None}
        for group in job["TaskGroups"]
    }
    common = {name: job[name] for name in ("Namespace", "JobModifyIndex")}
    return {**common, "JobID": job["ID"], "JobCreateIndex": job["CreateIndex"], "JobStopped": job["Stop"], "TaskGroups": groups}


def revert(request: Request) -> Row:
    """An old version, as a new one."""
    cluster, wanted = request.cluster, request.body.get("JobVersion")
    job = cluster.jobs.get(request.key)
    old = next((row for row in cluster.versions.get(request.key, ()) if row["Version"] == wanted), None)
    if job is None or old is None:
        where = f'job "{request.id}" in namespace "{request.namespace}"'
        raise Refused(500, f"{where} at version {wanted} not found" if job else f"{where} not found")
    if job["Version"] == wanted:
        raise Refused(500, "can't revert to current version")
    enforced = request.body.get("EnforcePriorVersion")
    if enforced is not None and enforced != job["Version"]:
        raise Refused(500, f"Current job has version {job['Version']}; enforcing version {enforced}")
    return jobs.put(cluster, old, "job-register")


def _launch(cluster: Cluster, parent: Row, child_id: str, **fields: object) -> Row:
    child = {key: value for key, value in parent.items() if key != "ID"}
    return jobs.put(cluster, {**child, "ID": child_id, "Name": child_id, "ParentID": parent["ID"], **fields}, "job-register")


def _dispatched(child: Row, evaluation: str, index: int) -> Row:
    return {
        "DispatchedJobID": child["ID"],
        "EvalID": evaluation,
        "EvalCreateIndex": index if evaluation else 0,
        "JobCreateIndex": child["CreateIndex"],
        "Index": index,
    }


def _payload(body: Row) -> bytes:
    try:
        return base64.b64decode(body.get("Payload") or "", validate=True)
    except binascii.Error:
        raise Refused(400, "illegal base64 data at input byte 0") from None


def _check_dispatch(wanted: Row, payload: bytes, meta: dict[str, str]) -> None:
    required, optional = wanted.get("MetaRequired") or (), wanted.get("MetaOptional") or ()
    if wanted.get("Payload") == "required" and not payload:
        raise Refused(500, "Payload is not provided but required by parameterized job")
    if wanted.get("Payload") == "forbidden" and payload:
        raise Refused(500, "Payload provided but forbidden by parameterized job")
    if len(payload) > LARGEST_PAYLOAD:
        raise Refused(500, f"Payload exceeds maximum size; {len(payload)} > {LARGEST_PAYLOAD}")
    if unknown := [name for name in meta if name not in (*required, *optional)]:
        raise Refused(500, f"Dispatch request included unpermitted metadata keys: [{' '.join(unknown)}]")
    if missing := [name for name in required if name not in meta]:
        raise Refused(500, f"Dispatch did not provide required meta keys: [{' '.join(missing)}]")


def _check_count(count: int, scaling: Row) -> None:
    if count < 0:
        raise Refused(400, "scaling action count can't be negative")
    if (low := scaling.get("Min")) is not None and count < low:
        raise Refused(400, f"group count was less than scaling policy minimum: {count} < {low}")
    if (high := scaling.get("Max")) is not None and count > high:
        raise Refused(400, f"group count was greater than scaling policy maximum: {count} > {high}")


def _now() -> int:
    return 1_767_225_600 + int(asyncio.get_running_loop().time())
