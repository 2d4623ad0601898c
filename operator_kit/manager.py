"""`Manager`: an operator as a process. It follows the sources, leads when it is its turn, and stops in order.

    start   health server, then all sources and the switch, then – once every list has been read – leadership
    stop    leadership (what is in hand may end, the lock is released), then the sources, then the health server

Of several processes of one operator, one leads, or each leads some of its shards. The others follow all sources too and have
nothing to catch up with when they take over.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from random import Random
from typing import Any, Final

import structlog

from nomad_api.client import Nomad
from operator_kit.conditions import utc_now
from operator_kit.controllers import AnyController, AnyReconciler, KindController, controller_of
from operator_kit.crd_store import paths
from operator_kit.crd_store.schema import PublishedKind, publish
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.first_of import first_of
from operator_kit.informers.shared import Informers
from operator_kit.process import inspection
from operator_kit.process.health import HealthServer
from operator_kit.process.leadership import Leadership
from operator_kit.process.loop_lag import probe_loop
from operator_kit.process.members import Members
from operator_kit.process.metrics import ControllerMetrics, Metrics
from operator_kit.process.observed import ObservedTransport
from operator_kit.process.pause import PauseSwitch
from operator_kit.world import World

GRACE: Final = 4.0
"""Seconds for reconciles in hand at the end; Nomad kills a task 5 seconds after it was asked to stop."""

_log = structlog.get_logger("operator_kit.manager")


class Manager:
    """Runs reconcilers against one Nomad, in the client's namespace.

        async with Nomad.from_env() as nomad:
            await Manager(nomad, [WebsiteReconciler()], name="website").run()

    Attributes:
        leading: set while at least one shard is led here.
        controllers: one for each reconciler.
    """

    def __init__(
        self,
        nomad: Nomad,
        reconcilers: Sequence[AnyReconciler],
        *,
        name: str,
        identity: str = "",
        shards: int = 1,
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
            shards: into how many parts the ids are divided, for several processes to lead some each. All processes must say
                the same. With more than one, several times as many as processes spread the work evenly.
            lock_ttl: a leader that vanishes is replaced after twice this (Nomad's least is 10 s); one that stops, at once.
            grace: seconds for reconciles in hand after `stop`, then they are cancelled.
            health: host and port of the health server; None for none.

        Raises:
            ValueError: a trigger of a reconciler makes no sense, or there are no shards.
        """
        if shards < 1:
            raise ValueError(f"shards: an operator needs at least one, not {shards}")
        self.name = name
        self.identity = identity or os.environ.get("NOMAD_ALLOC_ID") or f"{socket.gethostname()}-{os.getpid()}"
        self.leading = asyncio.Event()
        self.health_port: int | None = None
        self.metrics = Metrics()
        self._nomad = nomad.over(ObservedTransport(nomad.transport, self.metrics.request))
        self._health = health
        random = random or Random()
        self.informers = Informers(self._nomad, random, added=self.metrics.watch_source)
        world = World(self.informers, shards, backoff, random, now)
        self.controllers: list[AnyController] = []
        for reconciler in reconcilers:
            observer = ControllerMetrics(self.metrics, _name_of(reconciler))
            self.controllers.append(controller_of(reconciler, world, observer))
        self._switch = PauseSwitch(self._nomad, name, self.identity, self.informers.variables(paths.OPERATORS), random)
        self._members: Members | None = None
        if shards > 1:
            followed = self.informers.variables(paths.members(name))
            self._members = Members(self._nomad, name, self.identity, followed, random)
        self._leadership = Leadership(
            self._nomad,
            name,
            self.identity,
            ttl=lock_ttl,
            grace=grace,
            switch=self._switch,
            members=self._members,
            shards=shards,
            random=random,
        )
        self._led: set[int] = set()
        self._streams: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until `stop`, or until cancelled."""
        self._measure()
        async with contextlib.AsyncExitStack() as stack:
            if self._health:
                server = HealthServer(
                    *self._health,
                    alive=self.stuck,
                    ready=self.unready,
                    registry=self.metrics.registry,
                    inspections={
                        "queue": lambda: inspection.queues(self.controllers),
                        "sources": lambda: inspection.sources(self.informers.sources.values()),
                    },
                )
                self.health_port = (await stack.enter_async_context(server)).port
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self.informers.run(), name="follow"),
                    tasks.create_task(self._switch.run(), name="heed the switch"),
                    tasks.create_task(probe_loop(self.metrics.lag.set), name="probe the loop"),
                ]
                if self._members is not None:
                    background.append(tasks.create_task(self._members.run(), name="send heartbeats"))
                try:
                    await first_of(self.informers.synced(), self._stop.wait())
                    await self._leadership.run(self._lead, self._drain)
                finally:
                    for task in background:
                        task.cancel()
        _log.info("stopped", operator=self.name)

    def stop(self) -> None:
        """Finish what is in hand, hand leadership over, and end `run`."""
        self._stop.set()
        self._leadership.stop()

    def unready(self) -> list[str]:
        """Why this process cannot do its work at the moment; empty if it can (a standby can)."""
        return self.informers.problems()

    def stuck(self) -> list[str]:
        """Controllers with a reconcile that goes on well beyond its limit, which no cancellation could end."""
        return [
            f"{controller.name}: a reconcile has been running for {controller.oldest():.0f} s"
            for controller in self.controllers
            if controller.oldest() > 2 * controller.pace.timeout
        ]

    def dump(self) -> None:
        """Write what is in the queues into the log; a process does so at SIGHUP."""
        for shard in inspection.queues(self.controllers):
            _log.info("queue", **shard)

    async def _lead(self, shard: int) -> None:
        if not self._led:
            await self._publish()
        async with self._leading(shard), asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.lead(shard), name=f"{controller.name} shard {shard}")
            await asyncio.sleep(0)  # they have begun then
            self._tell_leading()

    @contextlib.asynccontextmanager
    async def _leading(self, shard: int) -> AsyncIterator[None]:
        """Run the streams while at least one shard is led."""
        self._led.add(shard)
        try:
            if self._streams is None:
                self._streams = asyncio.create_task(self._follow_streams(), name="follow streams")
            yield
        finally:
            self._led.discard(shard)
            self._tell_leading()
            if not self._led:
                streams, self._streams = self._streams, None
                if streams is not None:
                    streams.cancel()
                    await asyncio.gather(streams, return_exceptions=True)
            if not self._led:  # still, after that moment
                for controller in self.controllers:
                    await controller.reconciler.stopped()

    async def _follow_streams(self) -> None:
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.follow_streams())

    def _drain(self, shard: int) -> None:
        for controller in self.controllers:
            controller.shards[shard].stop()

    async def _publish(self) -> None:
        for controller in self.controllers:
            if isinstance(controller, KindController):
                await publish(self._nomad, PublishedKind.of(controller.store.kind, self.name))

    def _tell_leading(self) -> None:
        if self._led:
            self.leading.set()
        else:
            self.leading.clear()
        self.metrics.leading(self.name, len(self._led))

    def _measure(self) -> None:
        self._tell_leading()
        for controller in self.controllers:
            self.metrics.watch_controller(controller)


def _name_of(reconciler: Any) -> str:
    return getattr(reconciler, "name", "") or f"{reconciler.resource.group}/{reconciler.resource.kind}"
