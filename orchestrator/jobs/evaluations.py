"""Evaluations: how work for the scheduler is put into the state."""

import uuid
from typing import Any

from nomad_api.models import Evaluation, Job
from orchestrator.jobs.status import count_queued, update_status
from orchestrator.state.store import Transaction


def new_evaluation(tx: Transaction, job: Job, triggered_by: str, **fields: Any) -> Evaluation:
    """A pending evaluation of a job, not stored yet. `fields` override what follows from the job."""
    defaults = {
        "namespace": job.namespace,
        "priority": job.priority,
        "type": job.type,
        "job_id": job.id,
        "status": "pending",
        "create_time": tx.now,
        "modify_time": tx.now,
    }
    return Evaluation.model_construct(id=str(uuid.uuid4()), triggered_by=triggered_by, **{**defaults, **fields})


def put_evaluation(tx: Transaction, evaluation: Evaluation) -> Evaluation:
    """Store an evaluation and what follows from it: the job's status, its queued counts, and the end of blocked evaluations.

    One that placed everything makes the job's blocked evaluations pointless; they are cancelled.
    """
    if evaluation.queued_allocations:
        count_queued(tx, evaluation.namespace, evaluation.job_id, evaluation.queued_allocations)
    if evaluation.status == "complete" and not evaluation.failed_tg_allocs:
        for blocked in tx.state.evaluations.by("job", (evaluation.namespace, evaluation.job_id)):
            if blocked.status == "blocked" and blocked.id != evaluation.id:
                tx.put(
                    blocked.evolve(
                        status="canceled",
                        status_description=f'evaluation "{evaluation.id}" successful',
                        modify_time=evaluation.modify_time,
                    )
                )
    stored = tx.put(evaluation)
    update_status(tx, evaluation.namespace, evaluation.job_id)
    return stored
