"""The framework on a Nomad: the same operators, resources and guarantees, whichever agent answers.

Servers before 2.0 stream no events of variables; there the same tests go by blocking queries alone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, Field

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import Job, Variable
from operator_kit import Context, IdContext, IdReconciler, Manager, Reconciler, Resource, ResourceStatus, Watch
from operator_kit.crd_store.status_items import unpack

WITHIN = 40.0


def kind_of(unique: str) -> type[Resource]:
    """A kind of this test alone."""

    class Thing(Resource, group=unique, kind="thing"):
        class Spec(BaseModel):
            count: int = Field(default=1, ge=0, le=3)
            note: str = ""

    return Thing


class Things(Reconciler[Any]):
    """A sleeping job for each thing."""

    owns = [Job]

    def __init__(self, kind: type[Resource], job: Callable[..., Job]) -> None:
        type(self).resource = kind
        self._job = job
        self.looks: list[str] = []

    async def reconcile(self, resource: Any, ctx: Context[Any]) -> None:
        self.looks.append(resource.name)
        job = self._job(f"{resource.group}-{resource.name}")
        (group,) = job.task_groups or ()
        job = job.evolve(task_groups=[group.evolve(count=resource.spec.count)])
        rollout = await ctx.rollout(await ctx.apply(job))
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)


def things(unique: str, sleeper: Callable[..., Job]) -> Things:
    """A reconciler, of a class of its own, for a kind of this test alone."""

    class OfThisTest(Things):
        pass

    return OfThisTest(kind_of(unique), sleeper)


@asynccontextmanager
async def running(nomad: Nomad, reconciler: Any, name: str, **options: Any) -> AsyncIterator[Manager]:
    manager = Manager(nomad, [reconciler], name=name, **options)
    task = asyncio.create_task(manager.run())
    try:
        yield manager
    finally:
        manager.stop()
        await task


async def status(nomad: Nomad, unique: str, condition: Callable[[ResourceStatus], bool], name: str = "one") -> ResourceStatus:
    """The status of a thing, as soon as it fulfils a condition."""
    async with asyncio.timeout(WITHIN):
        async for snapshot in nomad.variables.watch(f"status/{unique}/thing/{name}", wait="2s"):
            found = unpack(ResourceStatus, (snapshot.value.items or {}) if snapshot.value else {})
            if condition(found):
                return found
    raise AssertionError("the watch ended")


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(WITHIN):
        while not await condition():  # noqa: ASYNC110 (what is asked is on the server)
            await asyncio.sleep(0.05)


async def gone(read: Callable[[], Awaitable[object]]) -> None:
    """Wait until what is read is not there."""

    async def absent() -> bool:
        try:
            await read()
        except NotFound:
            return True
        return False

    await eventually(absent)


def is_ready(generation: int) -> Callable[[ResourceStatus], bool]:
    return lambda status: status.observed_generation == generation and status.condition("Ready").status == "True"


async def test_a_resource_becomes_a_job_follows_its_spec_and_is_removed_with_all_that_it_owns(nomad, unique, sleeper):
    path, job_id = f"resources/{unique}/thing/one", f"{unique}-one"
    reconciler = things(unique, sleeper)
    async with running(nomad, reconciler, unique):
        declared = await nomad.variables.put(path, {"count": "1"})
        await status(nomad, unique, is_ready(declared.modify_index))
        kind = await nomad.variables.get(f"crds/{unique}/thing")
        assert (kind.items or {})["kind"] == "thing"

        changed = await nomad.variables.put(path, {"count": "2"})
        await status(nomad, unique, is_ready(changed.modify_index))
        assert len(await nomad.jobs.allocations(job_id)) == 2

        await nomad.variables.delete(path)
        await gone(lambda: nomad.variables.get(f"status/{unique}/thing/one"))
        await gone(lambda: nomad.jobs.get(job_id))


async def test_what_another_changes_is_put_right(nomad, unique, sleeper):
    async with running(nomad, things(unique, sleeper), unique):
        declared = await nomad.variables.put(f"resources/{unique}/thing/one", {"count": "1"})
        await status(nomad, unique, is_ready(declared.modify_index))
        job = await nomad.jobs.get(f"{unique}-one")
        await nomad.jobs.register(job.evolve(priority=77))
        await status(nomad, unique, lambda now: any(event.reason == "DriftCorrected" for event in now.events))
        assert (await nomad.jobs.get(f"{unique}-one")).priority == 50


async def test_a_mistake_in_one_resource_is_told_and_disturbs_no_other(nomad, unique, sleeper):
    async with running(nomad, things(unique, sleeper), unique):
        await nomad.variables.put(f"resources/{unique}/thing/bad", {"cuont": "1"})
        good = await nomad.variables.put(f"resources/{unique}/thing/one", {"count": "1"})
        await status(nomad, unique, is_ready(good.modify_index))
        refused = await status(nomad, unique, lambda now: now.condition("Accepted").status == "False", "bad")
    assert refused.condition("Accepted").message == "cuont: unknown key; did you mean count?"


async def test_a_paused_resource_rests_and_a_token_asks_for_a_look(nomad, unique, sleeper):
    path = f"resources/{unique}/thing/one"
    reconciler = things(unique, sleeper)
    async with running(nomad, reconciler, unique):
        await nomad.variables.put(path, {"count": "1", "operator.paused": "true"})
        await status(nomad, unique, lambda now: now.condition("Paused").status == "True")
        assert reconciler.looks == []
        await nomad.variables.put(path, {"count": "1", "operator.reconcile": "now"})
        done = await status(nomad, unique, lambda now: now.last_handled_reconcile == "now")
    assert [condition.type for condition in done.conditions if condition.type == "Paused"] == []


async def test_a_process_that_stops_hands_over_at_once(nomad, unique, sleeper):
    async with running(nomad, things(unique, sleeper), unique, identity="first") as first:
        await asyncio.wait_for(first.leading.wait(), WITHIN)
        async with running(nomad, things(unique, sleeper), unique, identity="second") as second:
            await asyncio.wait_for(second.informers.synced(), WITHIN)
            first.stop()
            # A lock that is released is taken at once; one that has to expire would take 20 seconds.
            await asyncio.wait_for(second.leading.wait(), 8)
            holder = await nomad.variables.get(f"locks/{unique}")
            assert (holder.items or {})["holder"] == "second"


async def test_shards_are_divided_among_processes(nomad, unique, sleeper):
    first, second = things(unique, sleeper), things(unique, sleeper)
    names = [f"t{number}" for number in range(8)]
    async with running(nomad, first, unique, identity="a", shards=4), running(nomad, second, unique, identity="b", shards=4):
        for name in names:
            await nomad.variables.put(f"resources/{unique}/thing/{name}", {"count": "0"})
        for name in names:
            await status(nomad, unique, lambda now: now.condition("Reconciled").status == "True", name)
    assert {*first.looks, *second.looks} == set(names)


async def test_an_operator_without_a_kind_looks_at_what_its_watch_tells(nomad, unique, sleeper):
    seen = asyncio.Event()

    class Jobs(IdReconciler):
        name = "jobs"
        watches = [Watch("Job", prefix=unique)]

        async def reconcile(self, id: str, ctx: IdContext) -> None:
            assert id == f"{unique}-job"
            seen.set()

    async with running(nomad, Jobs(), unique) as manager:
        await asyncio.wait_for(manager.leading.wait(), WITHIN)
        await nomad.jobs.register(sleeper(f"{unique}-job"))
        async with asyncio.timeout(WITHIN):
            await seen.wait()


async def test_owned_variables_are_kept_and_removed(nomad, unique):
    kind = kind_of(unique)

    class Keeper(Reconciler[Any]):
        owns = [Variable]

        async def reconcile(self, resource: Any, ctx: Context[Any]) -> None:
            await ctx.apply(Variable(path=f"{unique}/made", items={"note": resource.spec.note}))

    Keeper.resource = kind
    async with running(nomad, Keeper(), unique):
        await nomad.variables.put(f"resources/{unique}/thing/one", {"note": "hello"})
        await status(nomad, unique, lambda now: now.condition("Ready").status == "True")
        made = await nomad.variables.get(f"{unique}/made")
        assert (made.items or {})["note"] == "hello"
        await nomad.variables.put(f"{unique}/made", {**(made.items or {}), "note": "tampered"})

        async def is_put_right() -> bool:
            return ((await nomad.variables.get(f"{unique}/made")).items or {})["note"] == "hello"

        await eventually(is_put_right)
        await nomad.variables.delete(f"resources/{unique}/thing/one")
        await gone(lambda: nomad.variables.get(f"{unique}/made"))
