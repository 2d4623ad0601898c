"""Processing evaluations: schedule, apply the plan, record how the evaluation ended."""

import random
from collections.abc import Callable

import structlog

from nomad_api.models import Evaluation
from orchestrator.jobs.evaluations import put_evaluation
from orchestrator.scheduler.broker import EvaluationBroker
from orchestrator.scheduler.generic import GenericScheduler, Outcome
from orchestrator.scheduler.plan import apply
from orchestrator.scheduler.system import SystemScheduler
from orchestrator.state.schema import State
from orchestrator.state.store import Store, Transaction

log = structlog.get_logger(__name__)


def schedule(state: State, evaluation: Evaluation, *, now: int, random_source: random.Random) -> Outcome:
    """What to do about an evaluation. Pure but for the choice of ports and identifiers."""
    job = state.jobs.get(evaluation.namespace, evaluation.job_id)
    scheduler: type[SystemScheduler] | type[GenericScheduler] = GenericScheduler
    if evaluation.type in ("system", "sysbatch") and job is not None and not job.stop:
        scheduler = SystemScheduler
    return scheduler(state, evaluation, now=now, random_source=random_source).process()


class Worker:
    """Takes evaluations from the broker, one after the other, for ever."""

    def __init__(self, store: Store, broker: EvaluationBroker, clock: Callable[[], int]) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._random = random.Random()

    async def run(self) -> None:
        """Never returns. An evaluation that cannot be processed is marked as failed and does not stop the others."""
        while True:
            evaluation = await self._broker.next()
            try:
                await self._process(evaluation)
            except Exception as error:
                log.exception("evaluation failed", eval_id=evaluation.id, job_id=evaluation.job_id)
                await self._fail(evaluation, error)
            finally:
                self._broker.done(evaluation)

    async def _process(self, evaluation: Evaluation) -> None:
        snapshot = self._store.index
        outcome = schedule(self._store.state, evaluation, now=self._clock(), random_source=self._random)
        ended = outcome.evaluation.evolve(snapshot_index=snapshot)
        if outcome.created:
            created = [each.evolve(snapshot_index=snapshot) for each in outcome.created]
            self._store.begin("EvaluationUpdated", lambda tx: _put_all(tx, created))
        if not outcome.plan.empty:
            self._store.begin("PlanResult", lambda tx: apply(tx, outcome.plan))
        if ended.status != evaluation.status:
            await self._store.write("EvaluationUpdated", lambda tx: put_evaluation(tx, ended))

    async def _fail(self, evaluation: Evaluation, error: Exception) -> None:
        failed = evaluation.evolve(status="failed", status_description=f"failed to process eval: {error}")
        await self._store.write("EvaluationUpdated", lambda tx: put_evaluation(tx, failed.evolve(modify_time=tx.now)))


def _put_all(tx: Transaction, evaluations: list[Evaluation]) -> None:
    for evaluation in evaluations:
        put_evaluation(tx, evaluation.evolve(create_time=tx.now, modify_time=tx.now))
