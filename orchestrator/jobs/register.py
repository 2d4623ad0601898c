"""Registering jobs: versions, indexes, and the evaluation that makes the scheduler look.

A version is made whenever the specification changes; registering the same again only makes an evaluation. Six versions are
kept, and beyond them the newest stable one and all that carry a tag.
"""

import uuid
from dataclasses import dataclass

from nomad_api.models import Job, JobSubmission
from nomad_api.models.job import Scaling, TaskGroup
from orchestrator.errors import APIError
from orchestrator.jobs.canonicalize import canonicalize
from orchestrator.jobs.evaluations import new_evaluation, put_evaluation
from orchestrator.jobs.status import add_groups_to_summary, status_of, update_status
from orchestrator.jobs.validation import check, warnings_text
from orchestrator.state.records import StoredSubmission
from orchestrator.state.store import Transaction

TRACKED_VERSIONS = 6
MAX_SOURCE_SIZE = 1_000_000


@dataclass(frozen=True)
class RegisterResult:
    """`eval_id` is empty where no evaluation is made: for periodic and parameterized jobs."""

    eval_id: str
    job_modify_index: int
    warnings: str = ""


def register(
    tx: Transaction,
    job: Job,
    *,
    submission: JobSubmission | None = None,
    enforce_index: int | None = None,
    eval_priority: int = 0,
    preserve_counts: bool = False,
    preserve_resources: bool = False,
    nomad_token_id: str = "",
) -> RegisterResult:
    """Register a job as a user gives it: fill in defaults, validate, store, evaluate.

    `enforce_index` is the JobModifyIndex that the stored job must have, 0 if there must be none.

    Raises:
        APIError: 500 with Nomad's text: the job is invalid, in a missing namespace, or clashes with the stored one.
    """
    job = canonicalize(job).evolve(nomad_token_id=nomad_token_id)
    warnings = check(tx.state, job)
    if submission and _size(submission) > MAX_SOURCE_SIZE:
        warnings.append(
            f"job source size of {_human(_size(submission))} exceeds maximum of {_human(MAX_SOURCE_SIZE)} and will be discarded"
        )
        submission = None
    return _register(tx, job, submission, enforce_index, eval_priority, preserve_counts, preserve_resources, warnings)


def register_version(tx: Transaction, job: Job, *, enforce_index: int | None = None) -> RegisterResult:
    """Register a canonical job again: a version to go back to."""
    job = job.evolve(stable=False, version_tag=None)
    return _register(tx, job, None, enforce_index, 0, False, False, check(tx.state, job))


def _register(
    tx: Transaction,
    job: Job,
    submission: JobSubmission | None,
    enforce_index: int | None,
    eval_priority: int,
    preserve_counts: bool,
    preserve_resources: bool,
    warnings: list[str],
) -> RegisterResult:
    existing = tx.state.jobs.get(job.namespace, job.id)
    if enforce_index is not None:
        _enforce_index(existing, enforce_index)
    _check_transition(existing, job)
    job = with_scaling_ids(existing, job)
    if existing and (preserve_counts or preserve_resources):
        job = _preserved(existing, job, preserve_counts, preserve_resources)
    text = warnings_text(warnings)
    scheduled = not job.periodic and not job.parameterized_job
    if existing and not spec_changed(existing, job):
        if not scheduled:
            return RegisterResult("", existing.modify_index or 0, text)
        tx.kind = "EvaluationUpdated"
        evaluation = new_evaluation(tx, job, "job-register", priority=eval_priority or job.priority)
        return RegisterResult(put_evaluation(tx, evaluation).id, existing.modify_index or 0, text)
    put_version(tx, job.evolve(submit_time=tx.now), submission)
    if not scheduled:
        return RegisterResult("", tx.index, text)
    evaluation = new_evaluation(tx, job, "job-register", priority=eval_priority or job.priority, job_modify_index=tx.index)
    return RegisterResult(put_evaluation(tx, evaluation).id, tx.index, text)


def put_version(tx: Transaction, job: Job, submission: JobSubmission | None = None) -> Job:
    """Store a changed job as its next version, together with its summary and source.

    Without a submission the source of the version that the job names is carried over, as when going back to it.
    """
    existing = tx.state.jobs.get(job.namespace, job.id)
    version = job.version or 0
    if existing and version <= (existing.version or 0):
        if submission is None:
            submission = tx.state.job_submissions.get(job.namespace, job.id, version)
        version = (existing.version or 0) + 1
    job = tx.put(job.evolve(version=version, job_modify_index=tx.index, status=status_of(tx.state, job)))
    tx.put_exactly(job, table="job_versions")
    _forget_old_versions(tx, job)
    add_groups_to_summary(tx, job)
    if submission:
        fields = {name: getattr(submission, name) for name in JobSubmission.model_fields}
        fields["variable_flags"] = fields["variable_flags"] or None
        tx.put(StoredSubmission(**fields, namespace=job.namespace or "", job_id=job.id or "", version=version))
    update_status(tx, job.namespace or "", job.id or "")
    return job


def set_stable(tx: Transaction, namespace: str, job_id: str, version: int, stable: bool) -> None:
    """Mark a version as stable, or not: the newest stable one is where a failed deployment goes back to.

    Raises:
        APIError: 500, there is no such version.
    """
    job = tx.state.job_versions.get(namespace, job_id, version)
    if job is None:
        raise APIError(500, f'job "{job_id}" in namespace "{namespace}" at version {version} not found')
    if job.stable == stable:
        return
    current = tx.state.jobs.get(namespace, job_id)
    if current and current.version == version:
        job = tx.put(current.evolve(stable=stable))
        tx.put_exactly(job, table="job_versions")
    else:
        tx.put_exactly(job.evolve(stable=stable, modify_index=tx.index), table="job_versions")


def spec_changed(old: Job, new: Job) -> bool:
    """Whether two canonical jobs differ in more than what the server keeps about them."""
    return old.evolve() != new.evolve(
        status=old.status,
        status_description=old.status_description,
        stable=old.stable,
        version=old.version,
        create_index=old.create_index,
        modify_index=old.modify_index,
        job_modify_index=old.job_modify_index,
        submit_time=old.submit_time,
    )


def with_scaling_ids(existing: Job | None, job: Job) -> Job:
    """Scaling policies keep their identifiers over updates; new ones get one."""
    known = {}
    for group in (existing.task_groups if existing else None) or ():
        if group.scaling:
            known[group.name, ""] = group.scaling.id
        for task in group.tasks or ():
            for policy in task.scaling_policies or ():
                known[group.name, task.name + "/" + policy.type] = policy.id

    def identified(policy: Scaling, group: str, key: str) -> Scaling:
        return policy.evolve(id=known.get((group, key)) or str(uuid.uuid4()))

    def changed(group: TaskGroup) -> TaskGroup:
        tasks = [
            task.evolve(
                scaling_policies=[
                    identified(policy, group.name, task.name + "/" + policy.type) for policy in task.scaling_policies
                ]
            )
            if task.scaling_policies
            else task
            for task in group.tasks or ()
        ]
        scaling = identified(group.scaling, group.name, "") if group.scaling else None
        return group.evolve(scaling=scaling, tasks=tasks or None)

    return job.evolve(task_groups=[changed(group) for group in job.task_groups or ()] or None)


def _forget_old_versions(tx: Transaction, job: Job) -> None:
    versions = [version for version in tx.state.job_versions.by("job", (job.namespace, job.id)) if not version.version_tag]
    versions.sort(key=lambda version: version.version or 0, reverse=True)
    if len(versions) <= TRACKED_VERSIONS:
        return
    newest_stable = next((version for version in versions if version.stable), None)
    oldest = versions[TRACKED_VERSIONS]
    if oldest is newest_stable:
        oldest = versions[TRACKED_VERSIONS - 1]
    tx.delete("job_versions", oldest.namespace, oldest.id, oldest.version)


def _enforce_index(existing: Job | None, index: int) -> None:
    problem = None
    if existing is None:
        if index:
            problem = "job does not exist"
    elif index == 0:
        problem = "job already exists"
    elif index != existing.job_modify_index:
        problem = f"job exists with conflicting job modify index: {existing.job_modify_index}"
    if problem:
        raise APIError(500, f"Enforcing job modify index {index}: {problem}")


def _check_transition(old: Job | None, new: Job) -> None:
    if old is None:
        return
    if old.type != new.type:
        raise APIError(500, f'cannot update job from type "{old.type}" to "{new.type}"')
    for kind, was, becomes in (
        ("periodic", old.periodic, new.periodic),
        ("parameterized", old.parameterized_job, new.parameterized_job),
    ):
        if was and not becomes:
            raise APIError(500, f"cannot update {kind} job to being non-{kind}")
        if becomes and not was:
            raise APIError(500, f"cannot update non-{kind} job to being {kind}")
    if old.dispatched != new.dispatched:
        raise APIError(500, "field 'Dispatched' is read-only")


def _preserved(existing: Job, job: Job, counts: bool, resources: bool) -> Job:
    """The job with the counts and resources of the stored one, where both have the group and the task."""

    def kept(group: TaskGroup) -> TaskGroup:
        old = existing.group(group.name)
        if old is None:
            return group
        tasks = [
            task.evolve(resources=known.resources) if resources and (known := old.task(task.name)) else task
            for task in group.tasks or ()
        ]
        return group.evolve(count=old.count if counts else group.count, tasks=tasks or None)

    return job.evolve(task_groups=[kept(group) for group in job.task_groups or ()] or None)


def _size(submission: JobSubmission) -> int:
    flags = sum(len(name) + len(value) for name, value in (submission.variable_flags or {}).items())
    return len(submission.source.encode()) + len(submission.variables.encode()) + flags


def _human(size: int) -> str:
    """A size as Nomad words it: decimal units, one digit below ten."""
    units = ("B", "kB", "MB", "GB")
    power = 0
    value = float(size)
    while value >= 1000 and power < len(units) - 1:
        value /= 1000
        power += 1
    return f"{value:.1f} {units[power]}" if power and value < 10 else f"{value:.0f} {units[power]}"
