"""Garbage: what has ended and is kept only to be looked at."""

from nomad_api.models import Allocation, Evaluation, Job
from orchestrator.jobs.lifecycle import purge_job
from orchestrator.state.schema import State
from orchestrator.state.store import Transaction


def collect(tx: Transaction) -> None:
    """Remove all of it now, however young: dead jobs with all that belongs to them, ended evaluations with their allocations,
    and deployments that are over. Ended work of a batch job that still exists stays, or the job would be run again."""
    for job in [job for job in tx.state.jobs if _over(tx.state, job)]:
        purge_job(tx, job)
        for evaluation in tx.state.evaluations.by("job", (job.namespace, job.id)):
            tx.delete("evaluations", evaluation.id)
    for evaluation in [evaluation for evaluation in tx.state.evaluations if _done(tx.state, evaluation)]:
        for alloc in tx.state.allocations.by("evaluation", evaluation.id):
            tx.delete("allocations", alloc.id)
        tx.delete("evaluations", evaluation.id)
    for deployment in [deployment for deployment in tx.state.deployments if not deployment.active]:
        if all(_ended(alloc) for alloc in tx.state.allocations.by("deployment", deployment.id)):
            tx.delete("deployments", deployment.id)


def _over(state: State, job: Job) -> bool:
    key = (job.namespace, job.id)
    return (
        job.status == "dead"
        and (job.stop or not (job.periodic or job.parameterized_job))
        and all(evaluation.terminal for evaluation in state.evaluations.by("job", key))
        and all(_ended(alloc) for alloc in state.allocations.by("job", key))
    )


def _done(state: State, evaluation: Evaluation) -> bool:
    job = state.jobs.get(evaluation.namespace, evaluation.job_id)
    kept = job is not None and job.type in ("batch", "sysbatch")
    return (
        evaluation.terminal and not kept and all(_ended(alloc) for alloc in state.allocations.by("evaluation", evaluation.id))
    )


def _ended(alloc: Allocation) -> bool:
    return alloc.terminal and alloc.client_status not in ("pending", "running", "unknown")
