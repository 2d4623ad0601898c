"""Jobs of the in-memory Nomad: register, plan, deregister, and what is known of a job. Evaluations are complete at once."""

from typing import Final

from operator_kit.testing import allocations
from operator_kit.testing.evaluations import evaluate
from operator_kit.testing.plan import diff
from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import DEFAULT, Cluster, Row, key_of

_SERVERS: Final = frozenset(
    "Version CreateIndex ModifyIndex JobModifyIndex SubmitTime Status StatusDescription Stable Stop NomadTokenID".split()
)
_DEFAULTS: Final[Row] = {"Region": "global", "Type": "service", "Priority": 50, "NodePool": "default", "Datacenters": ["*"]}

_STUB: Final = (
    "ID ParentID Name Namespace Datacenters NodePool Type Priority Stop Status StatusDescription Meta CreateIndex ModifyIndex "
    "JobModifyIndex SubmitTime"
).split()

VERSIONS: Final = 6
"""Versions of a job that are kept."""


def listed(request: Request) -> list[Row]:
    rows = request.listed(request.cluster.jobs.values(), "ID")
    return [_stub(request.cluster, job, request.flag("meta")) for job in rows]


def get(request: Request) -> Row:
    if (job := request.cluster.jobs.get(request.key)) is None:
        raise Refused(404, "job not found")
    return job


def versions(request: Request) -> Row:
    if (known := request.cluster.versions.get(request.key)) is None:
        raise Refused(404, "job versions not found")
    return {"Versions": known, "Diffs": None}


def summary(request: Request) -> Row:
    return _summary(request.cluster, get(request))


def plan(request: Request) -> Row:
    job = canonical(request.body["Job"], request)
    present = request.cluster.jobs.get(key_of(job["Namespace"], job["ID"]))
    changes = diff(wish(present) if present else None, wish(job))
    return {
        "Diff": changes,
        "JobModifyIndex": present["JobModifyIndex"] if present else 0,
        "Warnings": "",
        "FailedTGAllocs": None,
    }


def register(request: Request) -> Row:
    job = canonical(request.body.get("Job") or {}, request)
    cluster, key = request.cluster, key_of(job["Namespace"], job["ID"])
    _validate(cluster, job)
    present = cluster.jobs.get(key)
    if request.body.get("EnforceIndex"):
        enforce(present, request.body.get("JobModifyIndex") or 0)
    if present and not present["Stop"] and wish(present) == wish(job):
        index = cluster.change("evaluations")
        return registered(cluster, present, evaluate(cluster, present, "job-register", index), index)
    return put(cluster, job, "job-register")


def put(cluster: Cluster, job: Row, trigger: str) -> Row:
    """Store a new version of a job and let the scheduler act; the answer to a registration."""
    key = key_of(job["Namespace"], job["ID"])
    present = cluster.jobs.get(key)
    launches = _launches(job)
    index = cluster.change(f"jobs/{key}", "job_summary", *(["evaluations"] if launches else []))
    cluster.jobs[key] = job = {
        "ParentID": "",
        **job,
        "Stop": False,
        "Status": "running",
        "Version": present["Version"] + 1 if present else 0,
        "CreateIndex": present["CreateIndex"] if present else index,
        "ModifyIndex": index,
        "JobModifyIndex": index,
    }
    cluster.versions[key] = [dict(job), *cluster.versions.get(key, [])][:VERSIONS]
    cluster.publish("Job", "JobRegistered", job["ID"], {"Job": dict(job)}, namespace=job["Namespace"])
    evaluation = ""
    if launches:
        evaluation = evaluate(cluster, job, trigger, index)
        allocations.place(cluster, job, present)
    return registered(cluster, job, evaluation, index)


def deregister(request: Request) -> Row:
    cluster, purge = request.cluster, request.flag("purge")
    present = cluster.jobs.get(request.key)
    if present is None:
        return registered(cluster, {"JobModifyIndex": 0}, "", 0)
    index = cluster.change(f"jobs/{request.key}", "job_summary", "evaluations", "allocations", "deployments")
    fields = {"Stop": True, "Status": "dead", "ModifyIndex": index, "JobModifyIndex": index}
    job = {**present, **fields, "Version": present["Version"] + 1}
    for row in allocations.of_job(cluster, job):
        if row["DesiredStatus"] == "run":
            allocations.stop(cluster, row)
    if purge:
        _forget(cluster, request.key, job)
    else:
        cluster.jobs[request.key] = job
        cluster.versions[request.key] = [dict(job), *cluster.versions[request.key]][:VERSIONS]
    payload = {"Job": dict(job), **({"Deleted": True} if purge else {})}
    cluster.publish("Job", "JobDeregistered", job["ID"], payload, namespace=job["Namespace"], index=index)
    evaluation = evaluate(cluster, job, "job-deregister", index) if _launches(job) else ""
    # The index is given even where nothing is evaluated, as with what only launches others.
    return registered(cluster, job, evaluation, index) | {"EvalCreateIndex": index}


def reevaluate(request: Request) -> Row:
    job = request.cluster.jobs.get(request.key)
    if job is None:
        raise Refused(500, "job not found")
    index = request.cluster.change("evaluations")
    return registered(request.cluster, job, evaluate(request.cluster, job, "job-register", index), index)


def enforce(present: Row | None, index: int) -> None:
    """Refuse what was meant for another JobModifyIndex than the job has; 0 means that there is none yet."""
    if present is None and index:
        raise Refused(500, f"Enforcing job modify index {index}: job does not exist")
    if present is not None and index == 0:
        raise Refused(500, "Enforcing job modify index 0: job already exists")
    if present is not None and index != present["JobModifyIndex"]:
        held = present["JobModifyIndex"]
        raise Refused(500, f"Enforcing job modify index {index}: job exists with conflicting job modify index: {held}")


def registered(cluster: Cluster, job: Row, evaluation: str, index: int) -> Row:
    """The answer to whatever makes a new version of a job."""
    return {
        "EvalID": evaluation,
        "EvalCreateIndex": index if evaluation else 0,
        "JobModifyIndex": job["JobModifyIndex"],
        "Index": index,
        "Warnings": "",
        "LastContact": 0,
        "KnownLeader": False,
        "NextToken": "",
    }


def canonical(job: Row, request: Request) -> Row:
    """The job with Nomad's defaults, and without what is unset. Its namespace is that of the query, else its own."""
    groups = [{**group, "Count": _count(group, job)} for group in job.get("TaskGroups") or ()]
    given = {key: value for key, value in job.items() if value is not None}
    namespace = request.params.get("namespace") or given.get("Namespace") or DEFAULT
    return {"Name": given.get("ID"), **_DEFAULTS, **given, "Namespace": namespace, "TaskGroups": groups}


def wish(job: Row) -> Row:
    """What of a job its author decides."""
    return {key: value for key, value in job.items() if key not in _SERVERS and value not in (None, "", False)}


def _launches(job: Row) -> bool:
    """Whether the scheduler acts on the job itself, and not on instances of it."""
    return not (job.get("Periodic") or (job.get("ParameterizedJob") and not job.get("Dispatched")))


def _count(group: Row, job: Row) -> int:
    count = group.get("Count")
    return int(count) if count is not None else (group.get("Scaling") or {}).get("Min") or 1


def _validate(cluster: Cluster, job: Row) -> None:
    if not job.get("ID"):
        raise Refused(400, "Job ID hasn't been provided")
    where = f'job "{job["ID"]}" is in nonexistent'
    problems = [] if job["TaskGroups"] else ["Missing job task groups"]
    problems += ["Job ID contains a space"] if " " in job["ID"] else []
    problems += [] if job["Namespace"] in cluster.namespaces else [f'{where} namespace "{job["Namespace"]}"']
    problems += [] if job["NodePool"] in cluster.node_pools else [f'{where} node pool "{job["NodePool"]}"']
    if problems:
        count = f"{len(problems)} error{'s' if len(problems) > 1 else ''} occurred:"
        raise Refused(500, count + "".join(f"\n\t* {problem}" for problem in problems) + "\n\n")


def _forget(cluster: Cluster, key: str, job: Row) -> None:
    del cluster.jobs[key]
    cluster.versions.pop(key, None)
    for table in (cluster.allocations, cluster.deployments):
        for row in [row for row in table.values() if (row["Namespace"], row["JobID"]) == (job["Namespace"], job["ID"])]:
            del table[row["ID"]]


def _stub(cluster: Cluster, job: Row, with_meta: bool) -> Row:
    stub = {key: job.get(key) for key in _STUB if key != "Meta" or with_meta}
    kinds = {"Periodic": bool(job.get("Periodic")), "ParameterizedJob": bool(job.get("ParameterizedJob"))}
    return {**stub, **kinds, "JobSummary": _summary(cluster, job)}


def _summary(cluster: Cluster, job: Row) -> Row:
    names = ("Queued", "Complete", "Failed", "Running", "Starting", "Lost", "Unknown")
    groups: dict[str, dict[str, int]] = {group["Name"]: dict.fromkeys(names, 0) for group in job["TaskGroups"]}
    index = job["ModifyIndex"]
    for row in allocations.of_job(cluster, job):
        index = max(index, row["ModifyIndex"])
        state = "Starting" if row["ClientStatus"] == "pending" else row["ClientStatus"].capitalize()
        if row["TaskGroup"] in groups:
            groups[row["TaskGroup"]][state] += 1
    common = {"JobID": job["ID"], "Namespace": job["Namespace"], "CreateIndex": job["CreateIndex"], "ModifyIndex": index}
    return {**common, "Summary": groups, "Children": {"Pending": 0, "Running": 0, "Dead": 0}}
