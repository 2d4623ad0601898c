"""Jobs: /v1/jobs, /v1/job/:id and what hangs below it."""

import asyncio
from typing import Any

from nomad_api.models import Deployment, Job, JobStub, JobSubmission
from orchestrator import jobs as job_writes
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json, listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, namespace
from orchestrator.http.route import Answer, missing, read, write
from orchestrator.http.routes.allocations import stub
from orchestrator.scheduler import plan_job
from orchestrator.state.store import Committed

READ = namespace("read-job")
WRITE_REPLY: dict[str, Any] = {"KnownLeader": False, "LastContact": 0, "NextToken": ""}


@read("/v1/jobs", needs=namespace("list-jobs"))
def jobs(call: Call) -> Answer:
    with_meta = call.boolean("meta")
    if call.namespace == "*":
        rows = [job for job in call.state.jobs if str(job.id).startswith(call.prefix)]
    else:
        rows = list(call.state.jobs.prefixed(call.namespace, call.prefix))
    rows = [job for job in rows if call.acl.allow_namespace(str(job.namespace), "list-jobs")]
    index = max(call.state.jobs.index, call.state.job_summaries.index)

    def shown(job: Job) -> JobStub:
        summary = call.state.job_summaries.get(job.namespace, job.id)
        fields = {name: getattr(job, name) for name in JobStub.model_fields if hasattr(job, name)}
        fields |= {"periodic": job.periodic is not None, "parameterized_job": job.parameterized_job is not None}
        return JobStub.model_construct(**{**fields, "job_summary": summary, "meta": job.meta if with_meta else None})

    return listing.page(call, rows, listing.by_namespaced_id, index=index, watch=("jobs", "job_summaries"), shown=shown)


@read("/v1/job/{job_id+}", needs=READ)
def job(call: Call) -> Answer:
    found = call.state.jobs.get(*_key(call))
    watch = _watch("jobs", call)
    if found is None:
        return missing("job not found", call.state.jobs.index, watch)
    return Answer(found, found.modify_index, (watch,))


@write("/v1/jobs", needs=anyone)
@write("/v1/job/{job_id+}", needs=anyone)
async def register(call: Call) -> Answer:
    body = go_json.fields(call.json(), "api.JobRegisterRequest")
    job = _job_of(call, body)
    if "job_id" in call.path and job.id != call.path["job_id"]:
        raise APIError(400, "Job ID does not match name")
    _allow(call, str(job.namespace), "submit-job")
    enforce = body.boolean("EnforceIndex", within="JobRegisterRequest")
    index = body.integer("JobModifyIndex", within="JobRegisterRequest")
    submission = body.get("Submission")
    committed = await call.store.write(
        "JobRegistered",
        lambda tx: job_writes.register(
            tx,
            job,
            submission=go_json.convert(submission, JobSubmission) if submission else None,
            enforce_index=index if enforce else None,
            eval_priority=body.integer("EvalPriority", within="JobRegisterRequest"),
            preserve_counts=body.boolean("PreserveCounts", within="JobRegisterRequest"),
        ),
    )
    return _registered(committed)


@write("/v1/job/{job_id+}", needs=namespace("submit-job"), methods="DELETE")
async def deregister(call: Call) -> Answer:
    purge = call.boolean("purge")
    call.boolean("global")
    no_delay = _no_shutdown_delay(call)
    priority = call.number("eval_priority", "")
    if not 0 <= priority <= 100:
        raise APIError(400, "Eval priority must be between 1 and 100 inclusively")
    committed = await call.store.write(
        "JobDeregistered",
        lambda tx: job_writes.deregister(
            tx, call.namespace, call.path["job_id"], purge=purge, eval_priority=priority, no_shutdown_delay=no_delay
        ),
    )
    result = committed.value
    index = committed.index if result.existed else 0
    reply = {
        "EvalID": result.eval_id,
        "EvalCreateIndex": index,
        "JobModifyIndex": index,
        "VolumeEvalID": "",
        "VolumeEvalIndex": 0,
        "Index": index,
    }
    return Answer(reply | WRITE_REPLY, index)


@write("/v1/job/{job_id+}/evaluate", needs=READ)
async def evaluate(call: Call) -> Answer:
    options = (go_json.fields(call.json(), "api.JobEvaluateRequest").get("EvalOptions") or {}) if call.body else {}
    force = bool(options.get("ForceReschedule"))
    committed = await call.store.write(
        "JobRegistered",
        lambda tx: job_writes.evaluate(tx, call.namespace, call.path["job_id"], force_reschedule=force),
    )
    return _registered(committed)


@write("/v1/job/{job_id+}/revert", needs=namespace("revert-job"))
async def revert(call: Call) -> Answer:
    body = _body_of_this_job(call, "api.JobRevertRequest")
    version = body.integer("JobVersion", within="JobRevertRequest")
    prior = body.get("EnforcePriorVersion")
    committed = await call.store.write(
        "JobRegistered",
        lambda tx: job_writes.revert(tx, call.namespace, call.path["job_id"], version, enforce_prior_version=prior),
    )
    return _registered(committed)


@write("/v1/job/{job_id+}/stable", needs=namespace("stable-job"))
async def stable(call: Call) -> Answer:
    body = _body_of_this_job(call, "api.JobStabilityRequest")
    version = body.integer("JobVersion", within="JobStabilityRequest")
    wanted = body.boolean("Stable", within="JobStabilityRequest")
    committed = await call.store.write(
        "JobStability", lambda tx: job_writes.set_stable(tx, call.namespace, call.path["job_id"], version, wanted)
    )
    return Answer({"Index": committed.index}, committed.index)


@write("/v1/job/{job_id+}/plan", needs=anyone)
async def plan(call: Call) -> Answer:
    body = go_json.fields(call.json(), "api.JobPlanRequest")
    job = _job_of(call, body)
    if job.id != call.path["job_id"]:
        raise APIError(400, "Job ID does not match")
    _allow(call, str(job.namespace), "submit-job")
    planned = plan_job(call.store, job, diff=bool(body.get("Diff")))
    return Answer(planned, planned.index)


@write("/v1/validate/job", needs=namespace("read-job"))
async def validate(call: Call) -> Answer:
    body = go_json.fields(call.json(), "api.JobValidateRequest")
    if not body.get("Job"):
        raise APIError(400, "Job must be specified")
    job = go_json.convert(body["Job"], Job, within="Job")
    found = job_writes.validate(call.state, job_writes.canonicalize(job))
    reply = {
        "DriverConfigValidated": True,
        "ValidationErrors": found.errors or None,
        "Error": found.error_text,
        "Warnings": found.warnings_text,
    }
    return Answer(reply)


@write("/v1/jobs/parse", needs=anyone)
async def parse(call: Call) -> Answer:
    if not (call.acl.allow_namespace(call.namespace, "parse-job") or call.acl.allow_namespace(call.namespace, "submit-job")):
        raise PermissionDenied
    body = go_json.fields(call.json(), "api.JobsParseRequest")
    source = body.get("JobHCL") or ""
    if not source:
        raise APIError(400, "Job spec is empty")
    from jobspec import JobspecError
    from jobspec import parse as parse_jobspec
    from jobspec.canonical import canonical

    try:
        parsed = await asyncio.to_thread(parse_jobspec, source, variables=body.get("Variables") or "", strict=False)
    except JobspecError as error:
        raise APIError(400, f"Failed to parse job: {error}") from None
    if body.get("Canonicalize"):
        return Answer(canonical(parsed))
    return Answer(parsed)


@read("/v1/job/{job_id+}/summary", needs=READ, methods="GET PUT POST DELETE")
def summary(call: Call) -> Answer:
    found = call.state.job_summaries.get(*_key(call))
    watch = _watch("job_summaries", call)
    if found is None:
        return missing("job not found", call.state.job_summaries.index, watch)
    return Answer(found, found.modify_index, (watch,))


@read("/v1/job/{job_id+}/versions", needs=READ, methods="GET PUT POST DELETE")
def versions(call: Call) -> Answer:
    found = sorted(call.state.job_versions.by("job", _key(call)), key=lambda job: -(job.version or 0))
    watch = _watch("job_versions", call)
    if not found:
        return missing("job versions not found", call.state.job_versions.index, watch)
    diffs = None
    if call.boolean("diffs"):
        diffs = [job_writes.diff_jobs(older, newer) for newer, older in zip(found, [*found[1:], None], strict=True) if older]
    index = max(job.modify_index or 0 for job in found)
    body = {"Versions": found, "Diffs": diffs, "Index": index, "KnownLeader": True, "LastContact": 0, "NextToken": ""}
    return Answer(body, index, (watch,))


@read("/v1/job/{job_id+}/allocations", needs=READ)
def allocations(call: Call) -> Answer:
    job = call.state.jobs.get(*_key(call))
    everything = call.flag("all")
    found = [
        alloc
        for alloc in call.state.allocations.by("job", _key(call))
        if everything or job is None or alloc.job is None or alloc.job.create_index == job.create_index
    ]
    index = max((alloc.modify_index for alloc in found), default=call.state.allocations.index)
    return Answer([stub(alloc) for alloc in found], index, ("allocations",))


@read("/v1/job/{job_id+}/evaluations", needs=READ)
def evaluations(call: Call) -> Answer:
    found = sorted(call.state.evaluations.by("job", _key(call)), key=lambda evaluation: evaluation.status)
    index = max((evaluation.modify_index for evaluation in found), default=call.state.evaluations.index)
    return Answer(list(found), index, ("evaluations",))


@read("/v1/job/{job_id+}/deployments", needs=READ)
def deployments(call: Call) -> Answer:
    everything = call.flag("all")
    found = _deployments(call, everything)
    index = max((deployment.modify_index for deployment in found), default=call.state.deployments.index)
    return Answer(list(found), index, ("deployments",))


@read("/v1/job/{job_id+}/deployment", needs=READ)
def latest_deployment(call: Call) -> Answer:
    found = max(_deployments(call, False), key=lambda deployment: deployment.create_index, default=None)
    index = found.modify_index if found else call.state.deployments.index
    return Answer(found if found else b"null", index, ("deployments",))


@read("/v1/job/{job_id+}/submission", needs=READ)
def submission(call: Call) -> Answer:
    text = call.text("version")
    if not text.isdigit():
        raise APIError(
            400, f'Failed to parse value of "version" ({text}) as a uint64: strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    found = call.state.job_submissions.get(*_key(call), int(text))
    if found is None:
        return missing("job source not found", call.state.job_submissions.index, "job_submissions")
    shown = JobSubmission.model_construct(**{name: getattr(found, name) for name in JobSubmission.model_fields})
    return Answer(shown, found.modify_index, ("job_submissions",))


@read("/v1/job/{job_id+}/services", needs=READ)
def services(call: Call) -> Answer:
    if call.state.jobs.get(*_key(call)) is None:
        return missing("job not found", call.state.jobs.index, "jobs")
    found = call.state.services.by("job", _key(call))
    return Answer(list(found), max(call.state.services.index, 1), ("services",))


def _registered(committed: Committed[job_writes.RegisterResult]) -> Answer:
    """The answer to whatever registers a job or makes an evaluation of it."""
    result = committed.value
    reply = {
        "EvalID": result.eval_id,
        "EvalCreateIndex": committed.index if result.eval_id else 0,
        "JobModifyIndex": result.job_modify_index,
        "Warnings": result.warnings,
        "Index": committed.index,
    }
    return Answer(reply | WRITE_REPLY, committed.index)


def _job_of(call: Call, body: Any) -> Job:
    """The job of a request's body, in its namespace: the query's, else its own, else `default`."""
    given = body.get("Job")
    if given is None:
        raise APIError(400, "Job must be specified")
    if not isinstance(given, dict):
        raise APIError(
            400,
            f"json: cannot unmarshal {go_json.kind(given)} into Go struct field {body.go_name}.Job of type api.Job",
        )
    job = go_json.convert(given, Job, within="Job")
    if not job.id:
        raise APIError(400, "Job ID hasn't been provided")
    region = call.text("region") or job.region
    if region and region not in (call.services.region, "global"):
        raise APIError(500, "No path to region")
    return job.evolve(namespace=call.text("namespace") or job.namespace or "default", region=call.services.region)


def _body_of_this_job(call: Call, go_type: str) -> go_json.Fields:
    """A body that names the job of the path. Raises APIError 400."""
    body = go_json.fields(call.json(), go_type)
    given = body.get("JobID") or ""
    if not given:
        raise APIError(400, "JobID must be specified")
    if given != call.path["job_id"]:
        raise APIError(400, "Job ID does not match")
    return body


def _deployments(call: Call, everything: bool) -> list[Deployment]:
    job = call.state.jobs.get(*_key(call))
    return [
        deployment
        for deployment in call.state.deployments.by("job", _key(call))
        if everything or job is None or deployment.job_create_index == job.create_index
    ]


def _no_shutdown_delay(call: Call) -> bool:
    try:
        return call.boolean("no_shutdown_delay")
    except APIError as error:
        # The stray letter is the real one's.
        raise APIError(500, error.message.replace('"no_shutdown_delay"', '"no_shutdown_delay"q')) from None


def _allow(call: Call, job_namespace: str, capability: str) -> None:
    if not call.acl.allow_namespace(job_namespace, capability):
        raise PermissionDenied


def _key(call: Call) -> tuple[str, str]:
    return (call.namespace, call.path["job_id"])


def _watch(table: str, call: Call) -> tuple[str, Any]:
    key = _key(call)
    return (table, lambda changed: changed[:2] == key)
