"""A controller over a plain function: each id in one hand, failures come back, streams are followed, shards are led."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random
from typing import Any, ClassVar

import pytest

from operator_kit.engine.attempt import GONE, SUCCESS, Attempt, attempt
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.controller import FIRST_LOOK, RESTART, Controller, ControllerObserver
from operator_kit.engine.pace import Pace
from operator_kit.engine.result import Result, TemporaryError
from operator_kit.engine.stream import CAPACITY, Emit, FunctionStream, Stream, shard_of
from operator_kit.engine.visit import Visit
from operator_kit.engine.workqueue import LOW
from operator_kit.testing import eventually, virtual_time

Act = Callable[[Visit], Awaitable[Attempt]]


async def fine(visit: Visit) -> Attempt:
    return SUCCESS


class Observer(ControllerObserver):
    """Counts."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.emissions: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.pauses: list[float] = []

    def looked(self, attempt: Attempt) -> None:
        self.outcomes[attempt.outcome] += 1

    def emitted(self, stream: str) -> None:
        self.emissions[stream] += 1

    def broke(self, stream: str) -> None:
        self.broken[stream] += 1

    def retried(self, pause: float) -> None:
        self.pauses.append(pause)


class Bench:
    """A controller, what it has looked at and when; no id is ever in two hands."""

    def __init__(self, act: Act = fine, *, pace: type[Pace] = Pace, **options: Any) -> None:
        self.act = act
        self.looks: list[tuple[str, float]] = []
        self.visits: list[Visit] = []
        self.in_hand: set[str] = set()
        self.in_two_hands: list[str] = []
        self.most_in_hand = 0
        self.observer = Observer()
        self.controller = Controller(
            "bench", self._look, pace=pace(), observer=self.observer, **{"random": Random(1), **options}
        )

    async def _look(self, visit: Visit) -> Attempt:
        if visit.id in self.in_hand:
            self.in_two_hands.append(visit.id)  # an exception would be taken for a failure of the look
        self.in_hand.add(visit.id)
        self.most_in_hand = max(self.most_in_hand, len(self.in_hand))
        self.looks.append((visit.id, asyncio.get_running_loop().time()))
        self.visits.append(visit)
        try:
            return await self.act(visit)
        finally:
            self.in_hand.discard(visit.id)

    @property
    def ids(self) -> list[str]:
        return [id for id, _ in self.looks]

    def times(self, id: str) -> list[float]:
        return [time for looked_at, time in self.looks if looked_at == id]

    @asynccontextmanager
    async def leading(self, *shards: int) -> AsyncIterator[Controller]:
        """Lead the shards (the only one, if none is named) and follow the streams while the block runs."""
        controller = self.controller
        streams = asyncio.create_task(controller.follow_streams())
        tasks = [streams, *(asyncio.create_task(controller.lead(shard)) for shard in shards or (0,))]
        try:
            await asyncio.sleep(0)
            yield controller
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
            assert self.in_two_hands == []


# Looks


@virtual_time
async def test_whatever_is_known_is_looked_at_first_and_then_what_is_asked_for() -> None:
    bench = Bench(known=lambda: {"b", "a"})
    async with bench.leading() as controller:
        await asyncio.sleep(1)
        controller.add("c", reason="because")
        await asyncio.sleep(1)
    assert bench.ids == ["a", "b", "c"]
    assert [(visit.reasons, visit.priority) for visit in bench.visits] == [
        ((FIRST_LOOK,), LOW),
        ((FIRST_LOOK,), LOW),
        (("because",), 0),
    ]


@virtual_time
async def test_one_id_is_in_one_hand_and_what_comes_meanwhile_is_one_more_look() -> None:
    async def slow(visit: Visit) -> Attempt:
        await asyncio.sleep(1)
        return SUCCESS

    bench = Bench(slow)
    async with bench.leading() as controller:
        for _ in range(50):
            controller.add("a", reason="burst")
            controller.add("b", reason="burst")
            await asyncio.sleep(0.01)
        await asyncio.sleep(5)
    assert Counter(bench.ids) == {"a": 2, "b": 2}
    assert bench.most_in_hand == 2


@virtual_time
async def test_at_most_as_many_looks_go_on_as_there_are_workers() -> None:
    class Three(Pace):
        workers: ClassVar[int] = 3

    async def slow(visit: Visit) -> Attempt:
        await asyncio.sleep(1)
        return SUCCESS

    bench = Bench(slow, pace=Three, known=lambda: [str(number) for number in range(10)])
    async with bench.leading() as controller:
        await asyncio.sleep(0.5)
        assert (controller.oldest(), controller.unfinished()) == (0.5, 1.5)
        await asyncio.sleep(5)
        assert controller.idle
    assert bench.most_in_hand == 3
    assert [time for _, time in bench.looks] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


@virtual_time
async def test_a_healthy_requeue_never_counts_as_a_failure() -> None:
    async def again(visit: Visit) -> Attempt:
        return await attempt(_requeue(5), 10)

    bench = Bench(again)
    async with bench.leading() as controller:
        controller.add("a")
        await asyncio.sleep(51)
        assert controller.shards[0].queue.failures("a") == 0
    assert bench.times("a") == pytest.approx([5 * number for number in range(11)])
    assert bench.observer.outcomes == {"requeue_after": 11}
    assert bench.visits[-1].reasons == ("requeue",)


async def _requeue(seconds: float) -> Result:
    return Result(requeue_after=seconds, priority=7)


@virtual_time
async def test_a_requeue_has_the_priority_it_asks_for() -> None:
    async def again(visit: Visit) -> Attempt:
        return await attempt(_requeue(5), 10)

    bench = Bench(again)
    async with bench.leading() as controller:
        controller.add("a")
        await asyncio.sleep(6)
    assert [visit.priority for visit in bench.visits] == [0, 7]


@virtual_time
async def test_failures_come_back_after_growing_pauses_with_their_priority_and_success_ends_them() -> None:
    async def act(visit: Visit) -> Attempt:
        return SUCCESS if len(bench.looks) == 7 else Attempt("error")

    bench = Bench(act, backoff=Backoff(first=1, longest=10))
    async with bench.leading() as controller:
        controller.add("a", priority=LOW)
        await asyncio.sleep(300)
        assert controller.shards[0].queue.put_off.keys() == {"a"}, "the resync"
        assert controller.shards[0].queue.failures("a") == 0
    pauses = [later - earlier for earlier, later in pairwise(bench.times("a"))]
    for full, pause in zip([1, 2, 4, 8, 10, 10], pauses, strict=True):
        assert full / 2 <= pause <= full
    assert {visit.priority for visit in bench.visits} == {LOW}
    assert bench.visits[1].reasons == ("retry",)
    assert bench.observer.outcomes == {"error": 6, "success": 1}
    assert bench.observer.pauses == pytest.approx(pauses)


@virtual_time
async def test_a_failure_may_say_when_to_come_back() -> None:
    async def act(visit: Visit) -> Attempt:
        return await attempt(_later(), 10)

    bench = Bench(act)
    async with bench.leading() as controller:
        controller.add("a")
        await asyncio.sleep(95)
        assert controller.shards[0].queue.failures("a") == 4
    assert bench.times("a") == [0, 30, 60, 90]


async def _later() -> Result:
    raise TemporaryError("not now", 30)


@virtual_time
async def test_events_do_not_make_the_pause_of_a_failure_grow() -> None:
    async def fails(visit: Visit) -> Attempt:
        return Attempt("error")

    bench = Bench(fails, backoff=Backoff(first=16, longest=1_000))
    async with bench.leading() as controller:
        for _ in range(7):
            controller.add("a", reason="a busy neighbour")
            await asyncio.sleep(1)
        queue = controller.shards[0].queue
        assert (len(bench.looks), queue.failures("a")) == (7, 1)
        assert queue.put_off["a"].due <= 16


@virtual_time
@pytest.mark.parametrize("ended", [Attempt("terminal"), GONE])
async def test_what_only_a_change_can_help_waits_for_one(ended: Attempt) -> None:
    async def act(visit: Visit) -> Attempt:
        return ended

    bench = Bench(act)
    async with bench.leading() as controller:
        controller.add("a")
        await asyncio.sleep(10_000)
        assert bench.ids == ["a"]
        controller.add("a")
        await asyncio.sleep(1)
    assert bench.ids == ["a", "a"]


@virtual_time
async def test_a_worker_survives_what_an_author_does_to_it() -> None:
    async def forever(visit: Visit) -> Result | None:
        if visit.id.startswith("slow"):
            await asyncio.sleep(1_000)
        if visit.id.startswith("cancelled"):
            raise asyncio.CancelledError
        raise ValueError("oops")

    async def act(visit: Visit) -> Attempt:
        return await attempt(forever(visit), 5)

    ids = [f"{what} {number}" for what in ("slow", "cancelled", "broken") for number in range(Pace.workers)]
    bench = Bench(act, known=lambda: ids, backoff=Backoff(first=1_000, longest=1_000))
    async with bench.leading():
        await asyncio.sleep(20)
    assert sorted(bench.ids) == sorted(ids)
    assert bench.observer.outcomes == {"error": len(ids)}


@virtual_time
async def test_a_look_that_breaks_its_promise_is_a_failure_of_its_id_alone() -> None:
    async def broken(visit: Visit) -> Attempt:
        if visit.id == "bad" and visit.failures == 0:
            raise LookupError("a fault of the framework itself")
        return SUCCESS

    bench = Bench(broken, known=lambda: ["bad", "good"])
    async with bench.leading():
        await asyncio.sleep(5)
    assert sorted(bench.ids) == ["bad", "bad", "good"]
    assert bench.observer.outcomes == {"error": 1, "success": 2}


@virtual_time
async def test_a_resync_looks_again_at_its_pace_behind_what_is_fresh() -> None:
    class Hourly(Pace):
        resync: ClassVar[float | None] = 3_600

    names = [str(number) for number in range(100)]
    bench = Bench(pace=Hourly, known=lambda: names)
    async with bench.leading():
        await asyncio.sleep(3_600 * 1.2)
    assert set(Counter(bench.ids).values()) == {2}
    seconds = [bench.times(name)[1] for name in names]
    assert all(3_240 <= time <= 3_960 for time in seconds)
    assert max(seconds) - min(seconds) > 500, "not all at once"
    assert {(visit.priority, visit.reasons) for visit in bench.visits[100:]} == {(LOW, ("resync",))}


@virtual_time
async def test_without_a_resync_nothing_is_looked_at_without_cause() -> None:
    class Never(Pace):
        resync: ClassVar[float | None] = None

    bench = Bench(pace=Never, known=lambda: ["a"])
    async with bench.leading():
        await asyncio.sleep(100_000)
    assert bench.ids == ["a"]


@virtual_time
async def test_what_is_fresh_does_not_wait_for_the_look_at_everything() -> None:
    class One(Pace):
        workers: ClassVar[int] = 1

    async def slow(visit: Visit) -> Attempt:
        await asyncio.sleep(0.1)
        return SUCCESS

    bench = Bench(slow, pace=One, known=lambda: [f"old {number}" for number in range(1_000)])
    async with bench.leading() as controller:
        await asyncio.sleep(5)
        controller.add("new")
        await asyncio.sleep(0.15)
        assert "new" in bench.ids
        assert len(bench.ids) < 60
        await asyncio.sleep(200)
    assert len(bench.ids) == 1_001


@virtual_time
async def test_a_controller_that_is_asked_to_stop_finishes_what_is_in_hand_and_begins_nothing() -> None:
    async def slow(visit: Visit) -> Attempt:
        await asyncio.sleep(3)
        finished.append(visit.id)
        return SUCCESS

    finished: list[str] = []
    bench = Bench(slow, known=lambda: [str(number) for number in range(20)])
    work = asyncio.create_task(bench.controller.lead())
    await asyncio.sleep(1)
    bench.controller.stop()
    await work
    assert asyncio.get_running_loop().time() == 3
    assert sorted(finished) == sorted(bench.ids)
    assert len(finished) == Pace.workers
    assert not bench.controller.shards[0].leading


@virtual_time
async def test_a_controller_that_is_cancelled_cancels_what_is_in_hand() -> None:
    async def slow(visit: Visit) -> Attempt:
        await asyncio.sleep(3)
        raise AssertionError("it went on")

    bench = Bench(slow, known=lambda: "abc")
    async with bench.leading():
        await asyncio.sleep(1)
        assert bench.in_hand == set("abc")
    assert (bench.in_hand, bench.controller.idle) == (set(), True)


@virtual_time
async def test_a_shard_that_is_led_anew_knows_nothing_of_the_time_before() -> None:
    bench = Bench()
    async with bench.leading() as controller:
        controller.add("a", after=100)
    async with bench.leading():
        await asyncio.sleep(1_000)
    assert bench.ids == []


# Shards


@virtual_time
async def test_what_is_asked_for_elsewhere_is_dropped_and_all_of_a_shard_is_looked_at_when_it_is_led() -> None:
    names = [f"w{number}" for number in range(40)]
    of_shard = [[name for name in names if shard_of(name, 4) == number] for number in range(4)]
    bench = Bench(known=lambda: names, shards=4)
    controller = bench.controller
    async with bench.leading(0, 2):
        await asyncio.sleep(1)
        assert sorted(bench.ids) == sorted(of_shard[0] + of_shard[2])
        assert [shard.leading for shard in controller.shards] == [True, False, True, False]
        bench.looks.clear()
        for name in names:
            controller.add(name)
        await asyncio.sleep(1)
        assert sorted(bench.ids) == sorted(of_shard[0] + of_shard[2])
        bench.looks.clear()
        third = asyncio.create_task(controller.lead(3))
        await asyncio.sleep(1)
        assert sorted(bench.ids) == sorted(of_shard[3])
        bench.looks.clear()
        controller.look_at_all()
        await asyncio.sleep(1)
        assert sorted(bench.ids) == sorted(of_shard[0] + of_shard[2] + of_shard[3])
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        assert not controller.shards[3].leading


@virtual_time
async def test_a_shard_that_stops_leaves_the_others_alone() -> None:
    names = [f"w{number}" for number in range(40)]
    bench = Bench(known=lambda: names, shards=2)
    first, second = (asyncio.create_task(bench.controller.lead(number)) for number in range(2))
    await asyncio.sleep(1)
    bench.controller.shards[0].stop()
    await first
    bench.looks.clear()
    for name in names:
        bench.controller.add(name)
    await asyncio.sleep(1)
    assert {shard_of(id, 2) for id in bench.ids} == {1}
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


@virtual_time
async def test_an_id_that_no_shard_looks_after_is_dropped() -> None:
    class Picky(Pace):
        hasher = staticmethod(lambda id, count: None if id.startswith("_") else 0)

    bench = Bench(pace=Picky, known=lambda: ["_hidden", "a"])
    async with bench.leading() as controller:
        controller.add("_hidden")
        await controller.emit("_hidden")
        await asyncio.sleep(1)
    assert bench.ids == ["a"]


@pytest.mark.parametrize("number", [-1, 2, None])
@virtual_time
async def test_a_hasher_that_fails_leaves_its_id_to_nobody_and_harms_no_other(number: int | None) -> None:
    class Broken(Pace):
        @staticmethod
        def hasher(id: str, count: int) -> int | None:
            if id != "bad":
                return 0
            if number is None:
                raise LookupError("oops")
            return number

    bench = Bench(pace=Broken, known=lambda: ["bad", "good"], shards=2)
    async with bench.leading(0, 1) as controller:
        controller.add("bad")
        await asyncio.sleep(1)
    assert bench.ids == ["good"]


# Streams


def emitting(name: str, ids: Sequence[str]) -> Stream:
    async def generate() -> AsyncIterator[str]:
        for id in ids:
            yield id

    return FunctionStream(name, generate)


@virtual_time
async def test_ids_of_streams_are_looked_at_and_counted_and_a_stream_may_end() -> None:
    bench = Bench(streams=[emitting("first", ["a", "b", ""]), emitting("second", ["c"])])
    async with bench.leading():
        await asyncio.sleep(100)
    assert {visit.id: visit.reasons for visit in bench.visits} == {"a": ("first",), "b": ("first",), "c": ("second",)}
    assert len(bench.looks) == 3
    assert bench.observer.emissions == {"first": 2, "second": 1}
    assert not bench.observer.broken


class Scripted(Stream):
    """Runs a function, and notes when."""

    name = "scripted"

    def __init__(self, act: Callable[[Emit, int], Awaitable[None]]) -> None:
        self.began: list[float] = []
        self._act = act

    async def run(self, emit: Emit) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await self._act(emit, len(self.began))


@virtual_time
async def test_a_stream_that_fails_is_run_again_after_growing_pauses_and_harms_no_other() -> None:
    async def fails(emit: Emit, run: int) -> None:
        await emit(f"run {run}")
        raise ConnectionError("gone")

    stream = Scripted(fails)
    bench = Bench(streams=[stream, emitting("other", ["a"])])
    async with bench.leading():
        await asyncio.sleep(600)
    pauses = [later - earlier for earlier, later in pairwise(stream.began)]
    for number, pause in enumerate(pauses):
        full = min(RESTART.first * 2**number, RESTART.longest)
        assert full / 2 <= pause <= full
    assert len(pauses) > 12
    assert bench.observer.broken == {"scripted": len(stream.began)}
    assert bench.ids[0] == "run 1"
    assert {"a", f"run {len(stream.began)}"} < set(bench.ids)


@virtual_time
async def test_a_stream_that_ran_well_for_a_while_is_run_again_soon() -> None:
    async def fails_hourly(emit: Emit, run: int) -> None:
        await asyncio.sleep(3_600)
        raise ConnectionError("gone")

    stream = Scripted(fails_hourly)
    async with Bench(streams=[stream]).leading():
        await asyncio.sleep(20 * 3_600)
    assert all(later - earlier <= 3_600 + RESTART.first for earlier, later in pairwise(stream.began))


@virtual_time
async def test_a_stream_that_waits_for_something_cancelled_is_run_again() -> None:
    async def cancelled(emit: Emit, run: int) -> None:
        if run == 1:
            raise asyncio.CancelledError
        await emit("a")

    bench = Bench(streams=[Scripted(cancelled)])
    async with bench.leading():
        await asyncio.sleep(10)
    assert bench.ids == ["a"]
    assert bench.observer.broken == {"scripted": 1}


@virtual_time
async def test_a_stream_is_cancelled_with_the_controller() -> None:
    ended: list[str] = []

    async def waits(emit: Emit, run: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")

    async with Bench(streams=[Scripted(waits)]).leading():
        await asyncio.sleep(10)
    assert ended == ["yes"]


@virtual_time
async def test_a_stream_faster_than_the_looks_is_made_to_wait() -> None:
    async def floods(emit: Emit, run: int) -> None:
        for number in range(3 * CAPACITY):
            await emit(str(number))
        ended.set()

    async def slow(visit: Visit) -> Attempt:
        await gate.wait()
        return SUCCESS

    gate, ended = asyncio.Event(), asyncio.Event()
    bench = Bench(slow, streams=[Scripted(floods)])
    async with bench.leading() as controller:
        await asyncio.sleep(1)
        assert len(controller.shards[0].queue) == CAPACITY
        controller.add("urgent", priority=1)  # who must not wait does not
        assert len(controller.shards[0].queue) == CAPACITY + 1
        gate.set()
        await asyncio.wait_for(ended.wait(), 60)
        await eventually(lambda: controller.idle)
    assert len(bench.looks) == 3 * CAPACITY + 1


@virtual_time
@pytest.mark.parametrize("id", ["a", "elsewhere"])
async def test_a_stream_that_never_waits_starves_nobody(id: str) -> None:
    async def floods(emit: Emit, run: int) -> None:
        while "z" not in bench.ids:
            await emit(id)

    class Picky(Pace):
        hasher = staticmethod(lambda id, count: None if id == "elsewhere" else 0)

    bench = Bench(pace=Picky, streams=[Scripted(floods)])
    async with bench.leading() as controller:
        controller.add("z", priority=LOW)
        await eventually(lambda: "z" in bench.ids)


@virtual_time
async def test_a_stream_can_ask_what_is_known_and_for_a_later_look() -> None:
    async def asks(emit: Emit, run: int) -> None:
        await asyncio.sleep(1)
        for id in emit.known():
            await emit(id, after=4, priority=3, reason="later")

    bench = Bench(streams=[Scripted(asks)], known=lambda: ["a"])
    async with bench.leading():
        await asyncio.sleep(10)
    assert bench.times("a") == [0, 5]
    assert (bench.visits[1].reasons, bench.visits[1].priority) == (("later",), 3)
