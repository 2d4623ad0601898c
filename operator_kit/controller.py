"""`Controller`: one kind's sources, queue and workers.

    variables below resources/ ─┐
    variables below status/   ──┼─► names ─► work queue ─► workers ─► lifecycle ─► reconciler
    jobs that belong to them  ──┘

The sources run from the start, so that a standby knows everything the moment it gets to lead; workers run only while leading.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import Generic, TypeVar

from nomad_api.client import Nomad
from nomad_api.models import Job
from operator_kit.conditions import utc_now
from operator_kit.crd_store.store import ResourceStore
from operator_kit.engine.workqueue import Backoff, QueueClosed, WorkQueue
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.jobs import JobInformer
from operator_kit.informers.source import Source
from operator_kit.lifecycle import Lifecycle, Verdict
from operator_kit.process.metrics import Metrics
from operator_kit.reconciler import Reconciler
from operator_kit.resource import Resource

R = TypeVar("R", bound=Resource)


class Controller(Generic[R]):
    """Keeps the resources of one kind in line, while `work` runs.

    Attributes:
        name: `<group>/<kind>`.
        queue: the names that need a look.
    """

    def __init__(
        self,
        reconciler: Reconciler[R],
        nomad: Nomad,
        feed: EventFeed,
        jobs: JobInformer,
        *,
        metrics: Metrics | None = None,
        random: Random | None = None,
        now: Callable[[], datetime] = utc_now,
        backoff: Backoff | None = None,
    ) -> None:
        kind: type[R] = reconciler.resource  # type: ignore[assignment]
        self.name = f"{kind.group}/{kind.kind}"
        self.reconciler = reconciler
        self._random = random or Random()
        self._metrics = (metrics or Metrics()).controller(
            self.name, depth=lambda: len(self.queue), put_off=lambda: self.queue.put_off, oldest=self.oldest
        )
        self.queue: WorkQueue[str] = WorkQueue(backoff=backoff, random=self._random, observer=self._metrics)
        self.store = ResourceStore(kind, nomad, self.queue.add, self._random)
        owns_jobs = Job in reconciler.owns
        self._lifecycle = Lifecycle(reconciler, nomad, self.store, jobs if owns_jobs else None, feed, now, self.queue.add)
        self._stopping = False
        if owns_jobs:
            prefix = self.store.resources.prefix
            jobs.listen(prefix, lambda path: self.queue.add(path[len(prefix) :]))
        for source in self.sources:
            feed.listen(source, "Variable")

    @property
    def sources(self) -> tuple[Source, Source]:
        """What must be followed for this kind, besides the jobs."""
        return self.store.resources, self.store.statuses

    def oldest(self) -> float:
        """Seconds since the look that has taken longest so far began; 0 while nothing is in hand."""
        in_hand = self.queue.in_hand.values()
        return asyncio.get_running_loop().time() - min(in_hand) if in_hand else 0.0

    def look_at_all(self) -> None:
        """Have a look at every resource, and at every status without one."""
        for name in sorted(self.store.names()):
            self.queue.add(name)

    async def work(self) -> None:
        """Look at all, then at whatever changes, until cancelled or, after `stop`, until nothing is in hand."""
        self.look_at_all()
        try:
            async with asyncio.TaskGroup() as workers:
                for number in range(self.reconciler.workers):
                    workers.create_task(self._worker(), name=f"{self.name} worker {number}")
        finally:
            await self.reconciler.stopped()

    def stop(self) -> None:
        """Begin nothing more; `work` ends when the workers have finished what they have in hand."""
        self._stopping = True
        self.queue.close()

    async def _worker(self) -> None:
        queue = self.queue
        while not self._stopping:
            try:
                name = await queue.get()
            except QueueClosed:
                return
            try:
                if not self._stopping:
                    self._settle(name, await self._lifecycle.look(name))
            finally:
                queue.done(name)
            # A look that finds nothing to do need not wait for anything; without this, sources would starve meanwhile.
            await asyncio.sleep(0)

    def _settle(self, name: str, verdict: Verdict) -> None:
        """When to look again."""
        queue = self.queue
        self._metrics.looked(verdict.result)
        match verdict.result:
            case "error" if verdict.after is None:
                queue.retry(name)
            case "error":
                queue.add_after(name, verdict.after or 0.0)
            case "success":
                queue.forget(name)
                queue.add_after(name, self.reconciler.resync * self._random.uniform(0.9, 1.1))
            case "requeue_after":
                queue.forget(name)
                queue.add_after(name, verdict.after or 0.0)
            case "terminal" | "gone":
                queue.forget(name)
