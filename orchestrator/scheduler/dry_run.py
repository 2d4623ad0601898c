"""What registering a job would do: the scheduler runs on a transaction that is rolled back."""

import random

from nomad_api.models import Job, JobPlan
from orchestrator import jobs
from orchestrator.jobs.evaluations import new_evaluation
from orchestrator.jobs.register import put_version, spec_changed, with_scaling_ids
from orchestrator.jobs.validation import check, warnings_text
from orchestrator.scheduler.generic import Outcome
from orchestrator.scheduler.worker import schedule
from orchestrator.state.store import Store, Transaction


def plan_job(store: Store, job: Job, *, diff: bool = False) -> JobPlan:
    """Plan the registration of a job as a user gives it. Nothing is stored.

    Raises:
        APIError: 500, the job is invalid or in a missing namespace.
    """
    job = jobs.canonicalize(job)
    state = store.state
    warnings = check(state, job)
    existing = state.jobs.get(job.namespace, job.id)
    job = with_scaling_ids(existing, job)

    def rehearsal(tx: Transaction) -> Outcome:
        changed = existing is None or spec_changed(existing, job)
        if changed:
            put_version(tx, job)
        updated = existing.job_modify_index + 1 if existing and changed else 0
        evaluation = new_evaluation(tx, job, "job-register", annotate_plan=True, job_modify_index=updated)
        return schedule(tx.state, tx.put(evaluation), now=tx.now, random_source=random.Random())

    outcome = store.rehearse(rehearsal)
    index = (existing.job_modify_index if existing else 0) or 0
    return JobPlan(
        annotations=outcome.plan.annotations,
        failed_tg_allocs=outcome.evaluation.failed_tg_allocs,
        job_modify_index=index,
        created_evals=outcome.created or None,
        diff=jobs.annotate(jobs.diff_jobs(existing, job), outcome.plan.annotations) if diff else None,
        warnings=warnings_text(warnings),
        index=index,
    )
