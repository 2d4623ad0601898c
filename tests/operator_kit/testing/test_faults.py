"""Faults are what a network and a cluster do, no worse, and the same each time."""

import asyncio
from random import Random

import pytest

from nomad_api.client import Connected
from nomad_api.errors import Conflict, NotFound, ServerError, Unreachable
from operator_kit.testing import Cluster, Faults, MemoryNomad, Rates, simulate, virtual_time
from operator_kit.testing.faults import AnswerLost, Crash, Cut, Fault, Late, Lost, Overtaken, Refusal, Stale


def with_fault(fault: Fault) -> tuple[MemoryNomad, MemoryNomad]:
    """A client whose first request goes wrong, and one of the same cluster that goes right."""
    cluster = Cluster()
    return MemoryNomad(cluster=cluster, faults=Faults.script({1: fault})), MemoryNomad(cluster=cluster)


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (Lost(), Unreachable, False),
        (AnswerLost(), Unreachable, True),
        (Refusal(), ServerError, False),
        (Refusal(after=True), ServerError, True),
        (Cut(5.0), Unreachable, False),
    ],
)
@virtual_time
async def test_a_write_that_fails_may_have_happened(fault: Fault, error: type[Exception], done: bool) -> None:
    nomad, honest = with_fault(fault)
    with pytest.raises(error):
        await nomad.variables.put("a", {"k": "v"})
    assert (honest.items("a") is not None) is done


@virtual_time
async def test_whoever_is_overtaken_gets_to_know_what_is_there() -> None:
    nomad, honest = with_fault(Overtaken())
    written = await honest.variables.put("a", {"k": "v"})
    with pytest.raises(Conflict) as caught:
        await nomad.variables.put("a", {"k": "w"}, cas=written.modify_index)
    assert caught.value.current is not None
    assert caught.value.current.modify_index > written.modify_index
    assert honest.items("a") == {"k": "v"}


@virtual_time
async def test_a_late_request_acts_late_and_a_stale_answer_tells_of_before() -> None:
    loop = asyncio.get_running_loop()
    nomad, honest = with_fault(Late(2.0))
    loop.call_later(1.0, lambda: asyncio.ensure_future(honest.variables.put("a", {"k": "v"})))
    assert (await nomad.variables.get("a")).items == {"k": "v"}
    assert loop.time() == pytest.approx(2.0)
    nomad, honest = with_fault(Stale(2.0))
    loop.call_later(1.0, lambda: asyncio.ensure_future(honest.variables.put("a", {"k": "v"})))
    with pytest.raises(NotFound):
        await nomad.variables.get("a")


@virtual_time
async def test_a_cut_breaks_the_stream_and_ends_by_itself() -> None:
    cluster = Cluster()
    nomad = MemoryNomad(cluster=cluster, faults=Faults.script({2: Cut(3.0)}))
    connections: list[float] = []

    async def listen() -> None:
        async for item in nomad.events():
            now = asyncio.get_running_loop().time()
            connections.extend([now] if isinstance(item, Connected) else [])

    task = asyncio.create_task(listen())
    await asyncio.sleep(1)
    with pytest.raises(Unreachable):
        await nomad.variables.list()
    await asyncio.sleep(1)
    with pytest.raises(Unreachable):
        await nomad.variables.list()
    await asyncio.sleep(10)
    assert await nomad.variables.list() == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(connections) == 2
    assert connections[1] > 4


@pytest.mark.parametrize("after", [False, True])
@virtual_time
async def test_a_crashed_process_does_nothing_more(after: bool) -> None:
    faults = Faults.script({2: Crash(after=after)})
    nomad = MemoryNomad(faults=faults)

    async def process() -> None:
        for name in "abc":
            await nomad.variables.put(name, {"k": "v"})

    task = asyncio.create_task(process())
    faults.on_crash = task.cancel
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert sorted(nomad.cluster.variables) == (["a", "b"] if after else ["a"])


@virtual_time
async def test_events_are_lost_late_twice_and_swapped() -> None:
    async def keys(rates: Rates) -> list[str]:
        cluster = Cluster()
        nomad = MemoryNomad(cluster=cluster, faults=Faults.random(Random(3), rates))
        seen: list[str] = []

        async def listen() -> None:
            async for item in nomad.events({"Variable": ["*"]}):
                seen.extend([] if isinstance(item, Connected) else [event.key for event in item.events])

        task = asyncio.create_task(listen())
        await asyncio.sleep(0.1)
        for name in "abcdefgh":
            await MemoryNomad(cluster=cluster).variables.put(name, {"k": "v"})
        await asyncio.sleep(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seen

    everything = list("abcdefgh")
    assert await keys(Rates()) == everything
    assert len(await keys(Rates(event_lost=0.5))) < 8
    for rates in (Rates(event_late=0.5), Rates(event_swapped=0.3)):
        seen = await keys(rates)
        assert seen != everything
        assert set(seen) <= set(everything)
    twice = await keys(Rates(event_twice=0.5))
    assert len(twice) > 8
    assert set(twice) == set(everything)


def test_a_seed_gives_the_same_course_each_time() -> None:
    async def course() -> list[str]:
        nomad = MemoryNomad(faults=Faults.random(Random(5), Rates(lost=0.2, answer_lost=0.2, late=0.2, refused=0.2)))
        outcomes: list[str] = []
        for _ in range(40):
            try:
                await nomad.variables.put("a", {"k": "v"})
            except (Unreachable, ServerError) as error:
                outcomes.append(str(error))
            else:
                outcomes.append(f"{asyncio.get_running_loop().time():.6f}")
        return outcomes

    first = simulate(course())
    assert first == simulate(course())
    assert len(set(first)) > 5


@virtual_time
async def test_without_anybody_to_kill_a_crash_is_an_error() -> None:
    nomad, _ = with_fault(Crash())
    with pytest.raises(RuntimeError, match="on_crash"):
        await nomad.variables.list()


@virtual_time
async def test_faults_end() -> None:
    faults = Faults.random(Random(1), Rates(lost=1.0))
    nomad = MemoryNomad(faults=faults)
    with pytest.raises(Unreachable):
        await nomad.variables.list()
    faults.over = True
    assert await nomad.variables.list() == []
