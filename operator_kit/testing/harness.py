"""Run an operator inside a test, and look at what it made of a resource."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Protocol, TypeVar, cast

from operator_kit.controllers import AnyReconciler
from operator_kit.crd_store import paths
from operator_kit.crd_store.status_items import unpack
from operator_kit.manager import Manager
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus
from operator_kit.testing.loop import eventually
from operator_kit.testing.nomad import MemoryNomad

StatusT = TypeVar("StatusT", bound=ResourceStatus, covariant=True)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Observed(Protocol[StatusT]):
    """A resource, for what concerns its status: `type[Observed[S]]` is a kind with the statuses `S`."""

    @property
    def status(self) -> StatusT: ...


def loop_time() -> datetime:
    """The calendar time that goes with the event loop's: the loop's zero is the first of January 2026."""
    return EPOCH + timedelta(seconds=int(asyncio.get_running_loop().time()))


@asynccontextmanager
async def running(
    nomad: MemoryNomad, *reconcilers: AnyReconciler, name: str = "operator", **options: Any
) -> AsyncIterator[Manager]:
    """Run the operator while the block runs, then stop it in order. Options are `Manager`'s; randomness has a fixed seed."""
    manager = Manager(nomad, reconcilers, name=name, **{"random": Random(1), "now": loop_time, **options})
    task = asyncio.create_task(manager.run())
    try:
        yield manager
        manager.stop()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def status_of(nomad: MemoryNomad, kind: type[Observed[StatusT]], name: str) -> StatusT | None:
    """The status of a resource as it stands, None if it has none."""
    resource = cast(type[Resource], kind)
    items = nomad.items(paths.status(resource.group, resource.kind, name))
    return None if items is None else cast(StatusT, unpack(resource.Status, items))


async def ready(
    nomad: MemoryNomad,
    kind: type[Observed[StatusT]],
    name: str,
    *,
    within: float = 60.0,
    when: Callable[[StatusT], bool] | None = None,
) -> StatusT:
    """Wait until the resource's newest spec is reconciled and it is `Ready` (or fulfils `when`); its status.

    Raises:
        TimeoutError: it was not, `within` that many seconds.
    """
    resource = cast(type[Resource], kind)
    path = paths.resource(resource.group, resource.kind, name)

    def fulfilled() -> bool:
        status = status_of(nomad, kind, name)
        if status is None:
            return False
        if when is not None:
            return when(status)
        current: bool = status.observed_generation == nomad.cluster.variables[path]["ModifyIndex"]
        return current and status.condition("Ready").status == "True"

    await eventually(fulfilled, within=within)
    status = status_of(nomad, kind, name)
    assert status is not None
    return status
