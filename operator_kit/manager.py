"""`Manager`: an operator as a process. It follows the sources, leads when it is its turn, and stops in order.

Of several processes of one operator, one leads: the holder of the lock on the variable `locks/<operator>`. The others follow
all sources too and have nothing to catch up with when they take over. Two can believe for a moment that they lead; statuses are
therefore written by check-and-set, and jobs registered with a check of their index.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

import structlog

from nomad_api.client import Nomad, VariableLease
from nomad_api.errors import NomadError
from nomad_api.models import Job
from operator_kit.conditions import utc_now
from operator_kit.controller import Controller
from operator_kit.crd_store import paths
from operator_kit.crd_store.schema import PublishedKind, publish
from operator_kit.engine.workqueue import Backoff
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.jobs import JobInformer
from operator_kit.informers.source import RECONNECT, Source
from operator_kit.process.health import HealthServer
from operator_kit.process.metrics import Metrics
from operator_kit.reconciler import Reconciler

GRACE: Final = 4.0
"""Seconds for reconciles in hand at the end; Nomad kills a task 5 seconds after it was asked to stop."""

LOCK_DELAY: Final = "1s"
"""How long a lost lock stays closed. Short, since it is not the lock that makes writes safe but check-and-set."""

_log = structlog.get_logger("operator_kit.manager")


class Manager:
    """Runs reconcilers against one Nomad, in the client's namespace.

    async with Nomad.from_env() as nomad:
        await Manager(nomad, [WebsiteReconciler()], name="website").run()
    """

    def __init__(
        self,
        nomad: Nomad,
        reconcilers: Sequence[Reconciler[Any]],
        *,
        name: str,
        identity: str = "",
        lock_ttl: str = "10s",
        grace: float = GRACE,
        health: tuple[str, int] | None = None,
        random: Random | None = None,
        now: Callable[[], datetime] = utc_now,
        backoff: Backoff | None = None,
    ) -> None:
        """
        Args:
            name: the operator's; leadership is the lock on `locks/<name>`.
            identity: of this process, for people who look at the lock; by default the allocation or the host.
            lock_ttl: a leader that vanishes is replaced after twice this (Nomad's least is 10 s); one that stops, at once where
                its token still holds (Nomad ends a workload identity with the allocation that it stops).
            grace: seconds for reconciles in hand after `stop`, then they are cancelled.
            health: host and port of the health server; None for none.
        """
        self.name = name
        self.identity = identity or os.environ.get("NOMAD_ALLOC_ID") or f"{socket.gethostname()}-{os.getpid()}"
        self.leading = asyncio.Event()
        self.health_port: int | None = None
        self.metrics = Metrics()
        self._nomad = nomad
        self._lock_ttl = lock_ttl
        self._grace = grace
        self._health = health
        self._random = random or Random()
        self._feed = EventFeed(nomad, self._random)
        self._jobs = JobInformer(nomad, self._random)
        self.controllers: list[Controller[Any]] = [
            Controller(
                reconciler,
                nomad,
                self._feed,
                self._jobs,
                metrics=self.metrics,
                random=self._random,
                now=now,
                backoff=backoff,
            )
            for reconciler in reconcilers
        ]
        self._sources: list[Source] = [source for controller in self.controllers for source in controller.sources]
        if any(Job in reconciler.owns for reconciler in reconcilers):
            self._sources.append(self._jobs)
            self._feed.listen(self._jobs, "Job", "Allocation", "Deployment")
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop`, or until cancelled."""
        self.metrics.leader(self.name, False)
        for source in self._sources:
            self.metrics.source(source.name, source.age)
        async with contextlib.AsyncExitStack() as stack:
            if self._health:
                registry = self.metrics.registry
                server = HealthServer(*self._health, alive=self.stuck, ready=self.unready, registry=registry)
                self.health_port = (await stack.enter_async_context(server)).port
            async with asyncio.TaskGroup() as tasks:
                followers = [tasks.create_task(source.run(), name=f"follow {source.name}") for source in self._sources]
                followers.append(tasks.create_task(self._feed.run(), name="follow events"))
                try:
                    await run_until(self._stop, self._lead_for_ever(), lambda: self._grace if self.leading.is_set() else 0.0)
                finally:
                    for follower in followers:
                        follower.cancel()
        _log.info("stopped", operator=self.name)

    def stop(self) -> None:
        """Finish what is in hand, hand leadership over, and end `run`."""
        self._stop.set()
        for controller in self.controllers:
            controller.stop()

    def unready(self) -> list[str]:
        """Why this process cannot do its work at the moment; empty if it can (a standby can)."""
        return [
            f"{source.name}: {source.problem or source.state}, last heard of {source.age():.0f} s ago"
            for source in self._sources
            if not source.healthy
        ]

    def stuck(self) -> list[str]:
        """Controllers with a reconcile that goes on well beyond its limit, which no cancellation could end."""
        return [
            f"{controller.name}: a reconcile has been running for {controller.oldest():.0f} s"
            for controller in self.controllers
            if controller.oldest() > 2 * controller.reconciler.timeout
        ]

    async def _lead_for_ever(self) -> None:
        for source in self._sources:
            await source.synced.wait()
        failures = 0
        while not self._stop.is_set():
            try:
                await self._lead_once()
                failures = 0
            except NomadError as error:
                failures += 1
                _log.error("cannot lead", operator=self.name, error=str(error))
                await asyncio.sleep(RECONNECT.pause(failures, self._random))

    async def _lead_once(self) -> None:
        """Wait for the lock, then lead until it is lost or `stop` is called."""
        items = {"holder": self.identity, "operator": self.name}
        async with VariableLease(
            self._nomad.variables, paths.lock(self.name), items, ttl=self._lock_ttl, lock_delay=LOCK_DELAY
        ) as lease:
            _log.info("leading", operator=self.name, identity=self.identity)
            for controller in self.controllers:
                await publish(self._nomad, PublishedKind.of(controller.reconciler.resource, self.name))
            self.leading.set()
            self.metrics.leader(self.name, True)
            try:
                # When it is lost another may lead by now: nothing goes on, however far it is.
                await run_until(lease.lost, self._work(), lambda: 0.0)
            finally:
                self.leading.clear()
                self.metrics.leader(self.name, False)

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.work(), name=controller.name)


async def run_until(event: asyncio.Event, work: Coroutine[Any, Any, None], grace: Callable[[], float]) -> None:
    """Run `work` until it ends, or until the event: then it may go on for `grace` seconds, and is cancelled after that."""
    task = asyncio.ensure_future(work)
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((task, waiter), return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and (seconds := grace()):
            await asyncio.wait((task,), timeout=seconds)
    finally:
        waiter.cancel()
        task.cancel()
        await asyncio.gather(task, waiter, return_exceptions=True)
    if not task.cancelled():
        task.result()
