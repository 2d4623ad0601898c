"""An informer misses nothing: not with a deaf stream, without a stream, after failures, or when history begins anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from nomad_api.errors import Forbidden, NomadError, NotFound, Unreachable
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.source import RELIST, STALE, WAIT, SourceState
from operator_kit.informers.variables import VariableInformer
from operator_kit.testing import Cluster, MemoryNomad, eventually, virtual_time

PREFIX = "resources/test/widget/"


class Watching:
    """An informer with its feed, and what it has told."""

    def __init__(self, nomad: MemoryNomad) -> None:
        self.nomad = nomad
        self.told: list[str] = []
        self.others_told: list[str] = []
        self.informer = VariableInformer(nomad, PREFIX, Random(1))
        self.informer.listen(self.told.append, own_writes=False)
        self.informer.listen(self.others_told.append)
        self.feed = EventFeed(nomad, Random(1))
        self.feed.listen(self.informer, "Variable")

    async def put(self, key: str, value: str) -> int:
        return (await self.nomad.variables.put(PREFIX + key, {"v": value})).modify_index

    async def value(self, key: str) -> str | None:
        record = await self.informer.read(key)
        return None if record is None else record.items()["v"]

    def reads(self) -> int:
        return sum(path.startswith("/v1/var/") and method == "GET" for method, path in self.nomad.cluster.requests)

    def lists(self) -> int:
        return self.nomad.cluster.requests.count(("GET", "/v1/vars"))


@asynccontextmanager
async def watching(nomad: MemoryNomad, *, stream: bool = True) -> AsyncIterator[Watching]:
    watching = Watching(nomad)
    tasks = [asyncio.create_task(watching.informer.run())]
    if stream:
        tasks.append(asyncio.create_task(watching.feed.run()))
    try:
        yield watching
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@virtual_time
async def test_what_is_there_at_the_start_is_told() -> None:
    nomad = MemoryNomad()
    await nomad.variables.put(PREFIX + "a", {"v": "1"})
    await nomad.variables.put("resources/test/widgets/no", {"v": "1"})
    async with watching(nomad) as watch:
        await watch.informer.synced.wait()
        assert watch.told == ["a"]
        assert watch.informer.keys() == ["a"]
        assert "a" in watch.informer
        assert len(watch.informer) == 1


@virtual_time
async def test_changes_and_deletions_are_told_at_once() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        for step in (watch.put("a", "1"), watch.put("a", "2"), watch.nomad.variables.delete(PREFIX + "a")):
            watch.told.clear()
            await step
            await asyncio.sleep(0.01)
            assert watch.told == ["a"]
        assert await watch.value("a") is None


@virtual_time
async def test_items_are_read_only_when_asked_for_and_once() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        for number in range(10):
            await watch.put("a", str(number))
        await asyncio.sleep(0.01)
        assert watch.reads() == 0
        assert [await watch.value("a") for _ in range(3)] == ["9"] * 3
        assert watch.reads() == 1


@virtual_time
async def test_events_spare_the_list_but_not_for_ever() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        await watch.put("a", "0")
        await asyncio.sleep(1)
        before = watch.lists()
        for number in range(100):
            await watch.put("a", str(number))
            await asyncio.sleep(0.1)
        assert watch.lists() <= before + 1
        await asyncio.sleep(RELIST)
        assert watch.lists() >= before + 1


@virtual_time
async def test_lost_events_are_made_up_for_by_the_list() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        await watch.put("a", "1")
        await watch.put("b", "1")
        await asyncio.sleep(1)
        watch.told.clear()
        watch.nomad.cluster.deaf = True
        await watch.put("a", "2")
        await watch.nomad.variables.delete(PREFIX + "b")
        await asyncio.sleep(RELIST + 1)
        assert sorted(watch.told) == ["a", "b"]
        assert (await watch.value("a"), await watch.value("b")) == ("2", None)


@virtual_time
async def test_after_a_broken_stream_the_list_is_read_at_once() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        await watch.put("a", "1")
        await asyncio.sleep(1)
        watch.nomad.cluster.deaf = True
        await watch.put("a", "2")
        watch.nomad.cluster.cut_streams()
        await asyncio.sleep(0.1)
        assert await watch.value("a") == "2"
        await eventually(lambda: watch.feed.connected)


@virtual_time
async def test_a_server_without_the_topic_needs_no_events() -> None:
    async with watching(MemoryNomad(cluster=Cluster(variable_topic=False))) as watch:
        await watch.informer.synced.wait()
        for number in range(5):
            watch.told.clear()
            await watch.put("a", str(number))
            await asyncio.sleep(0.01)
            assert watch.told == ["a"]
            assert await watch.value("a") == str(number)


@virtual_time
async def test_without_any_stream_blocking_queries_do_it_all() -> None:
    async with watching(MemoryNomad(), stream=False) as watch:
        await watch.informer.synced.wait()
        await watch.put("a", "1")
        await asyncio.sleep(0.01)
        assert await watch.value("a") == "1"
        await watch.nomad.variables.delete(PREFIX + "a")
        await asyncio.sleep(0.01)
        assert await watch.value("a") is None


@virtual_time
async def test_what_was_written_by_ourselves_is_known_at_once_and_its_echo_is_no_change() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        variable = await watch.nomad.variables.put(PREFIX + "a", {"v": "1"})
        watch.informer.wrote("a", variable)
        assert await watch.value("a") == "1"
        await asyncio.sleep(RELIST * 3)
        assert watch.told == []
        assert watch.others_told == ["a"], "whoever has not written it must hear of it"
        assert watch.reads() == 0


@virtual_time
async def test_an_echo_that_overtakes_the_answer_of_an_own_write_is_no_change() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        with watch.informer.writing("a"):
            variable = await watch.nomad.variables.put(PREFIX + "a", {"v": "1"})
            await asyncio.sleep(1)
            watch.informer.wrote("a", variable)
        with watch.informer.writing("a"):
            await watch.nomad.variables.delete(PREFIX + "a")
            await asyncio.sleep(1)
            watch.informer.removed("a")
        await asyncio.sleep(RELIST * 3)
        assert watch.told == []
        assert watch.others_told == ["a", "a"], "whoever has not written it must hear of it"
        assert watch.reads() == 0


@virtual_time
async def test_what_others_do_during_an_own_write_is_told_after_it() -> None:
    async with watching(MemoryNomad()) as watch:
        await watch.informer.synced.wait()
        with watch.informer.writing("a"):
            variable = await watch.nomad.variables.put(PREFIX + "a", {"v": "mine"})
            await watch.put("a", "another's")
            await asyncio.sleep(1)
            watch.informer.wrote("a", variable)
            assert watch.told == []
        assert watch.told == ["a"]
        assert watch.others_told == ["a", "a"]
        assert await watch.value("a") == "another's"


@virtual_time
async def test_a_write_of_which_nobody_knows_the_outcome_is_told_like_anothers() -> None:
    async with watching(MemoryNomad()) as watch:

        async def write() -> None:
            with watch.informer.writing("a"):
                await watch.put("a", "1")
                await asyncio.sleep(1)
                raise Unreachable("the connection broke")

        await watch.informer.synced.wait()
        with pytest.raises(Unreachable):
            await write()
        assert watch.told == ["a"]
        assert await watch.value("a") == "1"


@virtual_time
async def test_an_older_list_does_not_undo_an_own_write() -> None:
    nomad = MemoryNomad()
    informer = VariableInformer(nomad, PREFIX, Random(1))
    variable = await nomad.variables.put(PREFIX + "a", {"v": "1"})
    informer.wrote("a", variable)
    informer.replace([], variable.modify_index - 1)
    assert "a" in informer
    informer.replace([], variable.modify_index)
    assert "a" not in informer


@virtual_time
async def test_an_older_read_does_not_replace_what_is_newer() -> None:
    nomad = MemoryNomad()
    informer = VariableInformer(nomad, PREFIX, Random(1))
    old = await nomad.variables.put(PREFIX + "a", {"v": "1"})
    new = await nomad.variables.put(PREFIX + "a", {"v": "2"})
    informer.wrote("a", new)
    informer.wrote("a", old)
    record = await informer.read("a")
    assert record is not None
    assert record.items() == {"v": "2"}


@virtual_time
async def test_a_server_that_begins_anew_is_believed() -> None:
    nomad = MemoryNomad()
    cluster = nomad.cluster
    async with watching(nomad) as watch:
        await watch.informer.synced.wait()
        for number in range(20):
            await watch.put("a", str(number))
        await watch.put("b", "1")
        await asyncio.sleep(1)
        assert await watch.value("a") == "19"
        watch.told.clear()
        cluster.forget_everything()
        await watch.put("a", "another world")
        await asyncio.sleep(RELIST + WAIT + 5)
        assert sorted(set(watch.told)) == ["a", "b"]
        assert (await watch.value("a"), await watch.value("b")) == ("another world", None)


@virtual_time
async def test_trouble_is_a_state_and_ends_with_it() -> None:
    nomad = MemoryNomad()
    trouble: NomadError | None = None

    def fault(method: str, path: str) -> None:
        if trouble is not None:
            raise trouble

    nomad.cluster.fault = fault
    states = {
        SourceState.FORBIDDEN: Forbidden(403, "Permission denied", "GET", "/v1/vars"),
        SourceState.NOT_FOUND: NotFound(404, "", "GET", "/v1/vars"),
        SourceState.UNREACHABLE: Unreachable("connection refused"),
    }
    for state, error in states.items():
        trouble = error
        async with watching(nomad) as watch:
            assert watch.informer.state is SourceState.STARTING
            assert not watch.informer.healthy
            await asyncio.sleep(100)
            assert (watch.informer.state, watch.informer.problem) == (state, str(error))
            assert not watch.informer.synced.is_set()
            assert watch.lists() < 30, "it asks with growing pauses"
            trouble = None
            await asyncio.wait_for(watch.informer.synced.wait(), 40)
            assert (watch.informer.state, watch.informer.problem) == (SourceState.SYNCED, "")
            assert watch.informer.healthy
            nomad.cluster.requests.clear()


@virtual_time
async def test_age_is_the_time_since_the_last_sign_of_life() -> None:
    nomad = MemoryNomad()
    async with watching(nomad) as watch:
        assert watch.informer.age() == float("inf")
        await watch.informer.synced.wait()
        for _ in range(20):
            await asyncio.sleep(10)
            assert watch.informer.age() <= WAIT
        assert watch.informer.healthy

        def fault(method: str, path: str) -> None:
            raise Unreachable("gone")

        nomad.cluster.fault = fault
        nomad.cluster.cut_streams()
        await asyncio.sleep(STALE + WAIT)
        assert watch.informer.age() > STALE
        assert not watch.informer.healthy
