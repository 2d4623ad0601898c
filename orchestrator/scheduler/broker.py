"""Which evaluation comes next: one per job at a time, higher priority first, delayed ones at their time.

The state is the truth; the broker only remembers what of it waits. It hears of new evaluations by the store's commits, so an
evaluation is on its way to a worker in the same turn of the event loop in which it was committed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from nomad_api.duration import SECOND
from nomad_api.models import Evaluation
from orchestrator.state.store import Commit, Store
from orchestrator.timestamps import parse_time

JobKey = tuple[str, str]


@dataclass(order=True)
class _Waiting:
    rank: tuple[int, int]
    id: str = field(compare=False)


class EvaluationBroker:
    """Hands out evaluations. `start` and `stop` bracket its life; `next` and `done` bracket the processing of one."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._ready: list[_Waiting] = []
        self._known: set[str] = set()
        self._order = count()
        self._busy: set[JobKey] = set()
        self._blocked: dict[str, None] = {}
        self._held: dict[JobKey, list[_Waiting]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None

    def start(self) -> None:
        """Take up what the state has, and what comes from now on."""
        for evaluation in self._store.state.evaluations:
            self._consider(evaluation)
        self._unsubscribe = self._store.subscribe(self._notice)
        self.unblock()

    def stop(self) -> None:
        """Hand out nothing more."""
        if self._unsubscribe:
            self._unsubscribe()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def next(self) -> Evaluation:
        """The next evaluation to process. Its job is reserved until `done`."""
        while True:
            while self._ready:
                waiting = heappop(self._ready)
                evaluation = self._store.state.evaluations.get(waiting.id)
                if evaluation is None or evaluation.status not in ("pending", "blocked"):
                    self._known.discard(waiting.id)
                    continue
                job = (evaluation.namespace, evaluation.job_id)
                if job in self._busy:
                    heappush(self._held.setdefault(job, []), waiting)
                    continue
                self._known.discard(waiting.id)
                self._busy.add(job)
                return evaluation
            self._wake.clear()
            await self._wake.wait()

    def done(self, evaluation: Evaluation) -> None:
        """The evaluation was processed; the next one of its job may follow."""
        job = (evaluation.namespace, evaluation.job_id)
        self._busy.discard(job)
        for waiting in self._held.pop(job, ()):
            heappush(self._ready, waiting)
        self._wake.set()

    def unblock(self) -> None:
        """Room may have become free: have all blocked evaluations tried again."""
        for evaluation_id in list(self._blocked):
            evaluation = self._store.state.evaluations.get(evaluation_id)
            if evaluation:
                self._enqueue(evaluation)

    def _notice(self, commit: Commit) -> None:
        room = False
        for change in commit.changes:
            if change.table == "evaluations" and change.new:
                self._consider(change.new)
            elif change.table == "nodes":
                room = room or change.new is not None
            elif change.table == "allocations":
                ended = change.new is None or change.new.terminal
                room = room or (ended and change.old is not None and not change.old.terminal)
                room = room or (change.new is not None and change.new.client_terminal and not change.old.client_terminal)
        if room:
            self.unblock()

    def _consider(self, evaluation: Evaluation) -> None:
        if evaluation.status == "blocked":
            self._blocked[evaluation.id] = None
        else:
            self._blocked.pop(evaluation.id, None)
        if evaluation.status != "pending":
            return
        wait = parse_time(evaluation.wait_until) - self._clock()
        if wait > 0:
            if evaluation.id not in self._timers:
                loop = asyncio.get_running_loop()
                self._timers[evaluation.id] = loop.call_later(wait / SECOND, self._due, evaluation.id)
            return
        self._enqueue(evaluation)

    def _due(self, evaluation_id: str) -> None:
        del self._timers[evaluation_id]
        evaluation = self._store.state.evaluations.get(evaluation_id)
        if evaluation:
            self._consider(evaluation)

    def _enqueue(self, evaluation: Evaluation) -> None:
        if evaluation.id in self._known:
            return
        self._known.add(evaluation.id)
        heappush(self._ready, _Waiting((-evaluation.priority, next(self._order)), evaluation.id))
        self._wake.set()
