"""An operator without a kind: ids from streams, looked at with the same guarantees, led like any other."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from nomad_api.models import Job, Task, TaskGroup
from operator_kit import Manager, PermanentError, Result, TemporaryError
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.polling import Poll
from operator_kit.engine.schedules import Every
from operator_kit.engine.stream import FunctionStream
from operator_kit.id_reconciler import IdContext, IdReconciler
from operator_kit.testing import MemoryNomad, eventually, virtual_time
from operator_kit.testing.harness import loop_time
from operator_kit.watch import Watch

FILTER = "Meta.backup is not empty"


def job(id: str, **meta: str) -> Job:
    return Job(
        id=id, type="service", meta=meta, task_groups=[TaskGroup(name="g", count=0, tasks=[Task(name="m", driver="exec")])]
    )


class Backups(IdReconciler):
    """Looks at jobs that ask for a backup; what a look does is set by the test."""

    name = "backups"
    watches: ClassVar[Any] = [Watch("Job", filter=FILTER)]
    timeout: ClassVar[float] = 20.0

    def __init__(self) -> None:
        self.looks: list[tuple[str, float]] = []
        self.contexts: list[IdContext] = []
        self.ended = 0

    async def act(self, id: str) -> Result | None:
        return None

    async def reconcile(self, id: str, ctx: IdContext) -> Result | None:
        self.looks.append((id, asyncio.get_running_loop().time()))
        self.contexts.append(ctx)
        return await self.act(id)

    async def stopped(self) -> None:
        self.ended += 1

    @property
    def ids(self) -> list[str]:
        return [id for id, _ in self.looks]


@asynccontextmanager
async def running(nomad: MemoryNomad, reconciler: IdReconciler, **options: Any) -> AsyncIterator[Manager]:
    manager = Manager(nomad, [reconciler], name="operator", random=Random(1), now=loop_time, **options)
    task = asyncio.create_task(manager.run())
    try:
        await manager.leading.wait()
        await asyncio.sleep(0.1)
        yield manager
        manager.stop()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_ids_are_looked_at_when_they_are_there_and_when_they_change(nomad: MemoryNomad) -> None:
    await nomad.jobs.register(job("a", backup="daily"))
    await nomad.jobs.register(job("other"))
    backups = Backups()
    async with running(nomad, backups):
        assert backups.ids == ["a"]
        assert backups.contexts[0].reasons == ("Job a",)
        assert backups.contexts[0].nomad.namespace == nomad.namespace
        await nomad.jobs.register(job("b", backup="daily"))
        await eventually(lambda: backups.ids == ["a", "b"], within=1)
        await asyncio.sleep(10_000)
        assert set(backups.ids[2:]) <= {"b"}, "no resync of ids that nobody names"
    assert not any(path.startswith(("resources/", "status/", "crds/")) for path in nomad.cluster.variables)


@virtual_time
async def test_failures_come_back_and_tell_how_often_they_failed(nomad: MemoryNomad) -> None:
    backups = Backups()

    async def act(id: str) -> Result | None:
        if len(backups.looks) == 2:
            raise TemporaryError("the disk is full", 30)
        if len(backups.looks) < 5:
            raise ValueError("oops")
        return None

    backups.act = act  # type: ignore[method-assign]
    await nomad.jobs.register(job("a", backup="daily"))
    with capture_logs() as logs:
        async with running(nomad, backups, backoff=Backoff(first=8)):
            await asyncio.sleep(600)
    assert [ctx.failures for ctx in backups.contexts] == [0, 1, 2, 3, 4]
    pauses = [later - earlier for (_, earlier), (_, later) in pairwise(backups.looks)]
    assert pauses[1] == pytest.approx(30)
    assert 16 <= pauses[2] <= 32
    told = [(log["event"], log["reason"]) for log in logs if log.get("log_level") == "warning"]
    assert told.count(("ValueError: oops", "InternalError")) == 3
    assert told.count(("the disk is full", "TemporaryError")) == 1


@virtual_time
async def test_after_a_permanent_error_only_a_stream_brings_an_id_back(nomad: MemoryNomad) -> None:
    backups = Backups()

    async def act(id: str) -> Result | None:
        raise PermanentError("no such schedule")

    backups.act = act  # type: ignore[method-assign]
    await nomad.jobs.register(job("a", backup="dayly"))
    async with running(nomad, backups):
        await asyncio.sleep(10_000)
        assert backups.ids == ["a"]
        await nomad.jobs.register(job("a", backup="daily"))
        await eventually(lambda: len(backups.ids) == 2, within=1)


@virtual_time
async def test_a_look_that_takes_too_long_is_cancelled_and_another_is_wanted(nomad: MemoryNomad) -> None:
    backups = Backups()

    async def act(id: str) -> Result | None:
        if len(backups.looks) == 1:
            await asyncio.sleep(1_000)
        return Result(requeue_after=50)

    backups.act = act  # type: ignore[method-assign]
    await nomad.jobs.register(job("a", backup="daily"))
    async with running(nomad, backups):
        await asyncio.sleep(100)
    first, second, third = (time for _, time in backups.looks)
    assert 20 < second - first <= 20.2
    assert third - second == pytest.approx(50)


@virtual_time
async def test_schedules_polls_and_generators_are_streams_of_ids(nomad: MemoryNomad) -> None:
    state: dict[str, int] = {"droplet": 1}

    async def fetch() -> Mapping[str, int]:
        return state

    async def generate() -> AsyncIterator[str]:
        yield "generated"

    class Mixed(Backups):
        watches: ClassVar[Any] = [
            Every(100, ids=lambda: ["account"], at_once=True),
            Poll("droplets", every=10, fetch=fetch, emit_first=True),
            FunctionStream("source", generate),
        ]

    mixed = Mixed()
    async with running(nomad, mixed):
        await asyncio.sleep(50)
        assert sorted(mixed.ids) == ["account", "droplet", "generated"]
        state["droplet"] = 2
        await asyncio.sleep(100)
        assert sorted(mixed.ids) == ["account", "account", "droplet", "droplet", "generated"]


@virtual_time
async def test_the_end_of_leading_is_told_and_its_streams_end(nomad: MemoryNomad) -> None:
    backups = Backups()
    async with running(nomad, backups):
        assert backups.ended == 0
    assert backups.ended == 1
    await nomad.jobs.register(job("late", backup="daily"))
    await asyncio.sleep(100)
    assert backups.ids == []


def test_a_watch_that_makes_no_sense_is_refused_before_anything_runs(nomad: MemoryNomad) -> None:
    class Wrong(Backups):
        watches: ClassVar[Any] = [Watch("Pods")]

    with pytest.raises(ValueError, match='there is no topic "Pods"'):
        Manager(nomad, [Wrong()], name="operator")
