"""The controllers of a process: one for each reconciler, of a kind or of bare ids.

    variables below resources/ ─┐
    variables below status/   ──┤
    objects that they own     ──┼─► names ─► engine's controller ─► lifecycle ─► reconciler
    triggers                  ──┘

What is followed is followed from the start, so that a standby knows everything the moment it gets to lead.
"""

import asyncio
from typing import Any, Generic, TypeVar

from nomad_api.models import Job
from operator_kit.apply.garbage import EVERY, GarbageCollector
from operator_kit.crd_store import paths
from operator_kit.crd_store.store import ResourceStore
from operator_kit.engine.attempt import Attempt
from operator_kit.engine.controller import Controller, ControllerObserver
from operator_kit.engine.visit import Visit
from operator_kit.id_reconciler import IdReconciler
from operator_kit.lifecycle import Lifecycle
from operator_kit.owned_objects import follow_owned
from operator_kit.ownership import Owner
from operator_kit.reconciler import Reconciler
from operator_kit.references import References
from operator_kit.resource import Resource
from operator_kit.watch import streams_of
from operator_kit.world import World

R = TypeVar("R", bound=Resource)

AnyReconciler = Reconciler[Any] | IdReconciler


class KindController(Controller, Generic[R]):
    """Keeps the resources of one kind in line, while it leads.

    Attributes:
        store: the kind's resources and their statuses.
    """

    def __init__(self, reconciler: Reconciler[R], world: World, observer: ControllerObserver | None = None) -> None:
        kind: type[R] = reconciler.resource  # type: ignore[assignment]
        informers = world.informers
        resources = informers.variables(paths.resources(kind.group, kind.kind))
        statuses = informers.variables(paths.statuses(kind.group, kind.kind))
        jobs = informers.jobs if Job in reconciler.owns else None
        self.reconciler = reconciler
        self.store = ResourceStore(kind, informers.nomad, resources, statuses)
        references = References(informers, lambda name, why: self.add(name, reason=why))
        self._lifecycle = Lifecycle(reconciler, self.store, jobs, world, self.add, references)
        self._garbage = GarbageCollector(
            informers.nomad, kind, jobs, owns=reconciler.owns, index=world.owned, exists=self._exists
        )
        super().__init__(
            f"{kind.group}/{kind.kind}",
            self._lifecycle.look,
            pace=reconciler,
            known=self.store.names,
            streams=streams_of(reconciler.watches, informers),
            shards=world.shards,
            backoff=world.backoff,
            random=world.random,
            observer=observer,
        )
        resources.listen(lambda name: self.add(name, reason="resource changed"))
        statuses.listen(lambda name: self.add(name, reason="status changed"), own_writes=False)
        if jobs is not None:
            jobs.listen(resources.prefix, lambda path: self._call(path, "owned job changed"))
        follow_owned(reconciler.owns, informers, world.owned, lambda owner, why: self._call(owner.path, why))

    async def follow_streams(self) -> None:
        """Run the streams, and collect garbage now and then."""
        async with asyncio.TaskGroup() as group:
            group.create_task(super().follow_streams())
            group.create_task(self._collect(), name=f"{self.name} garbage")

    async def _collect(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            await self._garbage.collect()

    def _exists(self, owner: Owner) -> bool:
        record = self.store.resources.get(owner.path.removeprefix(self.store.resources.prefix))
        return record is not None and record.create_index == owner.uid

    def _call(self, path: str, reason: str) -> None:
        """Have a look at the resource of that path, if it is of this kind."""
        prefix = self.store.resources.prefix
        if path.startswith(prefix):
            self.add(path[len(prefix) :], reason=reason)

    async def lead(self, number: int = 0) -> None:
        try:
            await super().lead(number)
        finally:
            # What runs beside the reconciles ends with the shard; with the last one, by `stopped`, all of it at once.
            if any(shard.leading for shard in self.shards):
                await asyncio.gather(*(self.reconciler.paused(name) for name in self.known_in(number)), return_exceptions=True)


class IdController(Controller):
    """Looks at the ids that the streams of a reconciler emit, while it leads.

    The streams alone know which ids there are. So they begin anew whenever one more shard is led here: what they have told of
    its ids before was dropped.
    """

    def __init__(self, reconciler: IdReconciler, world: World, observer: ControllerObserver | None = None) -> None:
        nomad = world.informers.nomad
        self.reconciler = reconciler
        self._grown = asyncio.Event()

        async def look(visit: Visit) -> Attempt:
            return await reconciler.look(visit, nomad)

        super().__init__(
            reconciler.name,
            look,
            pace=reconciler,
            streams=streams_of(reconciler.watches, world.informers),
            shards=world.shards,
            backoff=world.backoff,
            random=world.random,
            observer=observer,
        )

    async def lead(self, number: int = 0) -> None:
        self._grown.set()
        await super().lead(number)

    async def follow_streams(self) -> None:
        while True:
            self._grown.clear()
            streams = asyncio.ensure_future(super().follow_streams())
            try:
                await self._grown.wait()
            finally:
                streams.cancel()
                await asyncio.gather(streams, return_exceptions=True)


AnyController = KindController[Any] | IdController


def controller_of(reconciler: AnyReconciler, world: World, observer: ControllerObserver | None = None) -> AnyController:
    """The controller of a reconciler.

    Raises:
        ValueError: one of its triggers makes no sense.
    """
    if isinstance(reconciler, IdReconciler):
        return IdController(reconciler, world, observer)
    return KindController(reconciler, world, observer)
