"""What becomes of a registered job: stopped, purged, evaluated again, taken back to an older version."""

from dataclasses import dataclass

from nomad_api.models import Job
from nomad_api.models.allocation import DesiredTransition
from orchestrator.errors import APIError
from orchestrator.jobs import rescheduling
from orchestrator.jobs.allocations import set_transition
from orchestrator.jobs.canonicalize import DEFAULT_PRIORITY
from orchestrator.jobs.evaluations import new_evaluation, put_evaluation
from orchestrator.jobs.register import RegisterResult, put_version, register_version
from orchestrator.state.store import Transaction


@dataclass(frozen=True)
class DeregisterResult:
    """`eval_id` is empty where there was no job, or none that is scheduled."""

    eval_id: str
    existed: bool = True


def deregister(
    tx: Transaction,
    namespace: str,
    job_id: str,
    *,
    purge: bool = False,
    eval_priority: int = 0,
    no_shutdown_delay: bool = False,
) -> DeregisterResult:
    """Stop a job; with `purge` remove it at once, with its versions, allocations and deployments. No job is no error."""
    job = tx.state.jobs.get(namespace, job_id)
    if job is None:
        return DeregisterResult("", existed=False)
    if no_shutdown_delay:
        for alloc in tx.state.allocations.by("job", (namespace, job_id)):
            set_transition(tx, alloc, DesiredTransition(no_shutdown_delay=True))
    if purge:
        purge_job(tx, job)
    else:
        put_version(tx, _without_scaling(job).evolve(stop=True, submit_time=tx.now))
    if job.periodic or job.parameterized_job:
        return DeregisterResult("")
    evaluation = new_evaluation(
        tx,
        job,
        "job-deregister",
        type="service",  # whatever the job's type, as the generic scheduler stops all kinds
        priority=eval_priority or job.priority or DEFAULT_PRIORITY,
        job_modify_index=tx.index,
    )
    return DeregisterResult(put_evaluation(tx, evaluation).id)


def evaluate(tx: Transaction, namespace: str, job_id: str, *, force_reschedule: bool = False) -> RegisterResult:
    """Have the scheduler look at a job; with `force_reschedule` also replace what failed for good.

    Raises:
        APIError: 500, there is no such job, or it is one that is not scheduled itself.
    """
    job = tx.state.jobs.get(namespace, job_id)
    if job is None:
        raise APIError(500, "job not found")
    if job.periodic:
        raise APIError(500, "can't evaluate periodic job")
    if job.parameterized_job:
        raise APIError(500, "can't evaluate parameterized job")
    tx.kind = "AllocationUpdateDesiredStatus"
    if force_reschedule:
        for alloc in tx.state.allocations.by("job", (namespace, job_id)):
            group = job.group(alloc.task_group)
            if (
                group
                and rescheduling.enabled(group.reschedule_policy)
                and not alloc.next_allocation
                and alloc.client_status == "failed"
                and not alloc.desired_transition.force_reschedule
            ):
                set_transition(tx, alloc, DesiredTransition(force_reschedule=True))
    evaluation = new_evaluation(tx, job, "job-register", job_modify_index=job.modify_index)
    return RegisterResult(put_evaluation(tx, evaluation).id, job.modify_index or 0)


def revert(
    tx: Transaction, namespace: str, job_id: str, version: int, *, enforce_prior_version: int | None = None
) -> RegisterResult:
    """Register an older version of a job anew.

    Raises:
        APIError: 500, there is no such job or version, it is the current one, or the current one is not the expected.
    """
    current = tx.state.jobs.get(namespace, job_id)
    if current is None:
        raise APIError(500, f'job "{job_id}" not found')
    if version == current.version:
        raise APIError(500, "can't revert to current version")
    wanted = tx.state.job_versions.get(namespace, job_id, version)
    if wanted is None:
        raise APIError(500, f'job "{job_id}" in namespace "{namespace}" at version {version} not found')
    enforce = None
    if enforce_prior_version is not None:
        if current.version != enforce_prior_version:
            raise APIError(500, f"Current job has version {current.version}; enforcing version {enforce_prior_version}")
        enforce = current.job_modify_index
    return register_version(tx, wanted, enforce_index=enforce)


def purge_job(tx: Transaction, job: Job) -> None:
    """Remove a job with its versions, allocations and deployments. Its evaluations stay; pending ones are over."""
    key = (job.namespace, job.id)
    tx.delete("jobs", *key)
    for version in tx.state.job_versions.by("job", key):
        tx.delete("job_versions", *key, version.version)
        tx.delete("job_submissions", *key, version.version)
    for submission in [row for row in tx.state.job_submissions.prefixed(job.namespace, job.id) if row.job_id == job.id]:
        tx.delete("job_submissions", *key, submission.version)
    for deployment in tx.state.deployments.by("job", key):
        tx.delete("deployments", deployment.id)
    for evaluation in tx.state.evaluations.by("job", key):
        if evaluation.status == "pending":
            tx.put_exactly(evaluation.evolve(status="complete", status_description=f"job {job.id} deleted"))
    for alloc in tx.state.allocations.by("job", key):
        tx.delete("allocations", alloc.id)
    tx.delete("job_summaries", *key)


def _without_scaling(job: Job) -> Job:
    """A stopped job is not to be scaled."""
    groups = [
        group.evolve(scaling=group.scaling.evolve(enabled=False)) if group.scaling else group for group in job.task_groups or ()
    ]
    return job.evolve(task_groups=groups or None)
