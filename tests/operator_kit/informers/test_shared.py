"""What a process follows it follows once, from the moment that somebody wants to know."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from nomad_api.errors import Forbidden
from nomad_api.models import Job, Namespace, Task, TaskGroup
from operator_kit.informers.shared import Informers
from operator_kit.informers.source import Source
from operator_kit.testing import MemoryNomad, eventually, virtual_time


@asynccontextmanager
async def running(informers: Informers) -> AsyncIterator[None]:
    task = asyncio.create_task(informers.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def streams(nomad: MemoryNomad) -> int:
    return nomad.cluster.requests.count(("GET", "/v1/event/stream"))


def test_the_same_thing_is_followed_once(nomad: MemoryNomad) -> None:
    added: list[Source] = []
    informers = Informers(nomad, Random(1), added=added.append)
    assert informers.variables("a/") is informers.variables("a/")
    assert informers.jobs is informers.jobs
    assert informers.objects("Job") is informers.objects("Job")
    different = [
        informers.objects("Job", namespace="*"),
        informers.objects("Job", prefix="a"),
        informers.objects("Job", filter='Status == "dead"'),
        informers.variables("a/b/"),
    ]
    assert len({id(informer) for informer in different}) == 4
    assert added == list(informers.sources.values())
    assert len(added) == 7


@virtual_time
async def test_all_informers_of_a_namespace_share_one_stream(nomad: MemoryNomad) -> None:
    informers = Informers(nomad, Random(1))
    for prefix in ("a/", "b/", "c/"):
        informers.variables(prefix)
    informers.objects("Node")
    async with running(informers):
        await informers.synced()
        await eventually(lambda: informers.feed.connected)
        assert streams(nomad) == 1
        informers.objects("Job", namespace="*")
        await asyncio.sleep(1)
        assert streams(nomad) == 2


@virtual_time
async def test_what_is_wanted_while_it_runs_is_followed_from_then_on(nomad: MemoryNomad) -> None:
    await nomad.declare("late/a", k="1")
    informers = Informers(nomad, Random(1))
    informers.variables("early/")
    async with running(informers):
        await informers.synced()
        await asyncio.sleep(5)
        told: list[str] = []
        late = informers.variables("late/")
        late.listen(told.append)
        await asyncio.wait_for(late.synced.wait(), 1)
        assert told == ["a"]
        await nomad.declare("late/b", k="1")
        await eventually(lambda: told == ["a", "b"], within=1)
        jobs = informers.objects("Job", namespace="other")  # of a topic, and a namespace, that nobody followed before
        ids: list[str] = []
        jobs.listen(lambda change: ids.append(change.id))
        await nomad.namespaces.apply(Namespace(name="other"))
        task = Task(name="main", driver="exec")
        job = Job(id="j", type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[task])])
        await nomad.scoped(namespace="other").jobs.register(job)
        await eventually(lambda: "j" in ids, within=1)


@virtual_time
async def test_problems_are_named_with_the_source_and_end_with_it(nomad: MemoryNomad) -> None:
    def fault(method: str, path: str) -> None:
        if path == "/v1/jobs":
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    informers = Informers(nomad, Random(1))
    informers.variables("a/")
    assert len(informers.jobs) == 0
    assert informers.problems() == [
        "a/: starting, last heard of inf s ago",
        "jobs: starting, last heard of inf s ago",
    ]
    async with running(informers):
        await asyncio.sleep(10)
        assert informers.problems() == ["jobs: GET /v1/jobs: Permission denied (403), last heard of inf s ago"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(informers.synced(), 1)
        nomad.cluster.fault = None
        await asyncio.wait_for(informers.synced(), 60)
        assert informers.problems() == []


@virtual_time
async def test_nothing_is_followed_any_more_once_it_is_cancelled(nomad: MemoryNomad) -> None:
    informers = Informers(nomad, Random(1))
    informers.variables("a/")
    async with running(informers):
        await informers.synced()
    before = len(nomad.cluster.requests)
    informers.variables("b/")
    await asyncio.sleep(100)
    assert len(nomad.cluster.requests) == before


@virtual_time
async def test_what_a_list_has_told_is_not_told_again_by_events(nomad: MemoryNomad, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        last = await nomad.declare(f"resources/test/widget/{name}", size="1")
    asked: list[int] = []
    events = nomad.events
    monkeypatch.setattr(nomad, "events", lambda topics, **options: asked.append(options["index"]) or events(topics, **options))
    informers = Informers(nomad, Random(1))
    widgets = informers.variables("resources/test/widget/")
    async with running(informers):
        await eventually(lambda: informers.feed.connected)
        assert asked == [last.modify_index]
        fresh = await nomad.declare("resources/test/widget/four", size="1")
        await eventually(lambda: "four" in widgets)
        nomad.cluster.cut_streams()
        await eventually(lambda: len(asked) == 2 and informers.feed.connected)
        assert asked[1] == fresh.modify_index
