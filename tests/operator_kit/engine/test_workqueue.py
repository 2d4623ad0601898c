"""The queue's contract: dedupe, one hand at a time, nothing lost, delays, and the four faults of the original mended."""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from operator_kit.engine.backoff import Backoff
from operator_kit.engine.queue_entries import MOST_REASONS, QueueObserver
from operator_kit.engine.workqueue import AGEING, LOW, QueueClosed, WorkQueue
from operator_kit.testing import virtual_time


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def queue_with_clock(**options: object) -> tuple[WorkQueue[str], FakeClock]:
    clock = FakeClock()
    return WorkQueue(clock=clock, random=Random(7), **options), clock  # type: ignore[arg-type]


def drain(queue: WorkQueue[str]) -> list[str]:
    taken = []
    while (key := queue.take()) is not None:
        taken.append(key)
    return taken


def test_keys_come_in_the_order_in_which_they_were_added_and_once() -> None:
    queue, _ = queue_with_clock()
    for key in "abacb":
        queue.add(key)
    assert drain(queue) == ["a", "b", "c"]


def test_a_key_added_while_in_hand_comes_again_after_done_and_only_once() -> None:
    queue, _ = queue_with_clock()
    queue.add("a")
    assert queue.take() == "a"
    queue.add("a")
    queue.add("a")
    assert queue.take() is None
    queue.done("a")
    assert drain(queue) == ["a"]
    queue.done("a")
    assert queue.take() is None


def test_the_earliest_of_several_appointments_counts() -> None:
    queue, clock = queue_with_clock()
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    assert queue.next_due() == 5
    clock.now = 4.9
    assert drain(queue) == []
    clock.now = 5
    assert drain(queue) == ["a"]
    queue.done("a")
    clock.now = 30
    assert drain(queue) == []


def test_no_delay_means_now() -> None:
    queue, _ = queue_with_clock()
    queue.add_after("a", 0)
    queue.add_after("b", -1)
    assert drain(queue) == ["a", "b"]


def test_pauses_grow_to_the_longest_and_are_jittered() -> None:
    backoff = Backoff(first=0.1, longest=300)
    random = Random(3)
    pauses = [backoff.pause(failures, random) for failures in range(1, 14)]
    for failures, pause in enumerate(pauses, start=1):
        full = min(0.1 * 2 ** (failures - 1), 300)
        assert full / 2 <= pause <= full
    assert len({backoff.pause(5, random) for _ in range(20)}) == 20
    assert backoff.pause(10_000, random) <= 300


def test_the_default_backoff_reaches_its_longest_pause_after_a_dozen_failures() -> None:
    assert Backoff() == Backoff(first=0.1, longest=300.0)
    assert 0.1 * 2**11 < 300 <= 0.1 * 2**12


def test_a_failure_within_its_retry_window_does_not_count_again() -> None:
    queue, clock = queue_with_clock(backoff=Backoff(first=8))
    queue.add("a")
    queue.take()
    first = queue.retry("a")
    queue.done("a")
    for _ in range(5):  # a busy neighbour brings the key back again and again, and it fails each time
        clock.now += 0.1
        queue.add("a")
        assert queue.take() == "a"
        assert queue.retry("a") == pytest.approx(first - clock.now)
        queue.done("a")
    assert queue.failures("a") == 1
    clock.now = first
    assert queue.take() == "a"
    assert queue.retry("a") > 0
    assert queue.failures("a") == 2


def test_success_cancels_what_was_put_off_and_sets_the_pause_back() -> None:
    queue, clock = queue_with_clock(backoff=Backoff(first=8))
    queue.retry("a")
    queue.add_after("b", 3)
    queue.forget("a")
    queue.forget("b")
    clock.now = 1_000
    assert drain(queue) == []
    assert queue.failures("a") == 0
    assert queue.put_off == {}


def test_success_does_not_cancel_what_was_added_meanwhile() -> None:
    queue, _ = queue_with_clock()
    queue.add("a")
    queue.take()
    queue.add("a")
    queue.forget("a")
    queue.done("a")
    assert drain(queue) == ["a"]


def test_crossed_out_appointments_take_no_room() -> None:
    queue, _ = queue_with_clock()
    for _ in range(10_000):
        queue.forget("a")
        queue.add_after("a", 600)
    assert len(queue._calendar) < 200


def test_a_closed_queue_hands_out_what_is_ready_and_takes_nothing() -> None:
    queue, clock = queue_with_clock()
    queue.add("a")
    queue.add_after("b", 1)
    queue.close()
    queue.add("c")
    clock.now = 5
    assert drain(queue) == ["a"]


@virtual_time
async def test_get_waits_for_a_key_for_an_appointment_and_for_the_end() -> None:
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.get_running_loop()
    loop.call_later(1, queue.add, "a")
    assert await queue.get() == "a"
    assert loop.time() == pytest.approx(1)
    queue.add_after("b", 10)
    loop.call_later(2, queue.add_after, "c", 3)
    assert await queue.get() == "c"
    assert loop.time() == pytest.approx(6)
    assert await queue.get() == "b"
    assert loop.time() == pytest.approx(11)
    loop.call_later(1, queue.close)
    with pytest.raises(QueueClosed):
        await queue.get()


@virtual_time
async def test_a_waiter_that_is_cancelled_at_its_wake_up_passes_it_on() -> None:
    queue: WorkQueue[str] = WorkQueue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await second == "a"
    await asyncio.gather(first, return_exceptions=True)


@virtual_time
async def test_many_workers_share_the_keys() -> None:
    queue: WorkQueue[int] = WorkQueue()
    seen: list[int] = []

    async def worker() -> None:
        while True:
            try:
                key = await queue.get()
            except QueueClosed:
                return
            await asyncio.sleep(0.01)
            seen.append(key)
            queue.done(key)

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(worker())
        await asyncio.sleep(0)
        for key in range(100):
            queue.add(key)
        await asyncio.sleep(1)
        queue.close()
    assert sorted(seen) == list(range(100))


def test_an_observer_hears_of_everything() -> None:
    heard: list[str] = []

    class Observer(QueueObserver):
        def added(self) -> None:
            heard.append("added")

        def taken(self, waited: float) -> None:
            heard.append(f"taken after {waited:g}")

        def finished(self, worked: float) -> None:
            heard.append(f"finished after {worked:g}")

        def retried(self, pause: float) -> None:
            heard.append("retried")

    queue, clock = queue_with_clock(observer=Observer())
    queue.add("a")
    clock.now = 2
    queue.take()
    clock.now = 5
    queue.retry("a")
    queue.done("a")
    assert heard == ["added", "taken after 2", "retried", "finished after 3"]


# Priorities


def test_what_is_urgent_comes_first_and_equals_in_their_order() -> None:
    queue, _ = queue_with_clock()
    for key, priority in [("low", LOW), ("a", 0), ("high", 50), ("b", 0)]:
        queue.add(key, priority=priority)
    assert drain(queue) == ["high", "a", "b", "low"]


def test_a_key_asked_for_more_urgently_moves_ahead_and_never_back() -> None:
    queue, _ = queue_with_clock()
    for key in "abc":
        queue.add(key)
    queue.add("c", priority=10)
    queue.add("c", priority=-10)
    assert len(queue) == 3
    assert drain(queue) == ["c", "a", "b"]
    assert queue.hand("c").priority == 10


def test_a_key_made_urgent_while_in_hand_is_urgent_when_it_is_out_of_it() -> None:
    queue, _ = queue_with_clock()
    queue.add("a", priority=LOW)
    assert queue.take() == "a"
    queue.add("b")
    queue.add("a", priority=LOW)
    queue.add("a", priority=10)
    queue.done("a")
    assert drain(queue) == ["a", "b"]


def test_an_appointment_keeps_the_higher_priority() -> None:
    queue, clock = queue_with_clock()
    queue.add_after("a", 10, priority=5)
    queue.add_after("a", 4, priority=LOW)
    queue.add_after("b", 3)
    clock.now = 5
    assert drain(queue) == ["a", "b"]


def test_a_key_that_can_wait_gives_way_for_half_a_minute_and_no_longer() -> None:
    queue, clock = queue_with_clock()
    queue.add("old", priority=LOW)
    clock.now = 29.9
    queue.add("soon")
    clock.now = 30.1
    queue.add("late")
    assert drain(queue) == ["soon", "old", "late"]


def test_nothing_starves_however_much_that_is_fresh_comes_in() -> None:
    queue, clock = queue_with_clock()
    queue.add("patient", priority=LOW)
    queue.add("fresh")
    came = {"fresh": 0.0}
    while (taken := queue.take()) != "patient":
        clock.now += 1
        for _ in range(3):  # more than are ever taken
            key = f"fresh {len(came)}"
            queue.add(key)
            came[key] = clock.now
        assert came[str(taken)] < -LOW * AGEING
    assert len(queue.in_hand) == 1 + 3 * 29 + 1


@given(st.lists(st.tuples(st.integers(-100, 100), st.integers(0, 20)), min_size=2, max_size=20))
def test_waiting_outweighs_priority_at_a_fixed_rate(added: list[tuple[int, int]]) -> None:
    queue, clock = queue_with_clock()
    times: dict[str, tuple[float, int]] = {}
    for number, (priority, pause) in enumerate(added):
        clock.now += pause
        queue.add(str(number), priority=priority)
        times[str(number)] = (clock.now, priority)
    order = drain(queue)
    assert sorted(order) == sorted(times)
    for before, after in pairwise(order):
        (since, priority), (later, other) = times[before], times[after]
        assert since - priority * AGEING <= later - other * AGEING


# Reasons


def test_a_key_in_hand_knows_each_reason_once() -> None:
    queue, clock = queue_with_clock()
    queue.add("a", reason="changed")
    clock.now = 2
    queue.add("a", reason="resync")
    queue.add("a", reason="changed")
    queue.add("a")
    queue.take()
    assert queue.hand("a").reasons == ("changed", "resync")
    assert queue.hand("a").waited == 2
    queue.add("a", reason="changed again")
    queue.done("a")
    queue.take()
    assert queue.hand("a").reasons == ("changed again",)


def test_the_reason_of_an_appointment_is_told_when_it_is_due() -> None:
    queue, clock = queue_with_clock()
    queue.add_after("a", 10, reason="late")
    queue.add_after("a", 5, reason="soon")
    queue.add("a", reason="now")
    clock.now = 5
    queue.take()
    assert queue.hand("a").reasons == ("now", "soon")


def test_of_many_reasons_the_first_few_are_kept() -> None:
    queue, _ = queue_with_clock()
    for number in range(100):
        queue.add("a", reason=str(number))
    queue.take()
    assert queue.hand("a").reasons == tuple(str(number) for number in range(MOST_REASONS))


# Back-pressure


@virtual_time
async def test_a_source_waits_for_room_unless_its_key_takes_none() -> None:
    queue: WorkQueue[str] = WorkQueue()
    loop = asyncio.get_running_loop()
    for key in "ab":
        await queue.room(key, 2)
        queue.add(key)
    await queue.room("b", 2)
    assert loop.time() == 0

    async def work() -> None:
        for _ in range(2):
            await asyncio.sleep(5)
            await queue.get()

    worker = asyncio.create_task(work())
    await asyncio.gather(queue.room("c", 2), queue.room("d", 2))
    assert loop.time() == pytest.approx(5)
    await worker


@virtual_time
async def test_of_those_who_wait_for_room_no_more_go_on_than_there_is_room() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("first")
    longest = 0

    async def source(key: str) -> None:
        nonlocal longest
        await queue.room(key, 1)
        queue.add(key)
        longest = max(longest, len(queue))

    sources = [asyncio.create_task(source(str(number))) for number in range(10)]
    for _ in range(11):
        await asyncio.sleep(1)
        queue.done(await queue.get())
    await asyncio.gather(*sources)
    assert longest == 1


@virtual_time
async def test_a_source_that_gives_up_holds_nobody_up() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    first, second = asyncio.create_task(queue.room("b", 1)), asyncio.create_task(queue.room("c", 1))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    queue.take()
    await asyncio.wait_for(second, 1)


@virtual_time
async def test_a_closed_queue_makes_no_source_wait() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    waiting = asyncio.create_task(queue.room("b", 1))
    await asyncio.sleep(0)
    queue.close()
    await asyncio.wait_for(waiting, 1)
    await asyncio.wait_for(queue.room("c", 1), 1)


# Inspection


def test_what_waits_what_is_in_hand_and_what_is_put_off_can_be_seen() -> None:
    queue, clock = queue_with_clock()
    assert queue.longest_wait() == 0
    queue.add("a", priority=3, reason="why")
    clock.now = 4
    queue.add("b")
    queue.add_after("c", 10, reason="later")
    queue.retry("d", reason="retry")
    assert queue.longest_wait() == 4
    assert {key: (wish.since, wish.priority, wish.reasons) for key, wish in queue.waiting.items()} == {
        "a": (0, 3, ["why"]),
        "b": (4, 0, []),
    }
    assert {key: put_off.reason for key, put_off in queue.put_off.items()} == {"c": "later", "d": "retry"}
    assert queue.put_off["c"].due == 14
    queue.take()
    clock.now = 6
    queue.add("a")
    assert set(queue.waiting) == {"a", "b"}
    assert queue.in_hand["a"] == (4, 4, 3, ("why",))
    assert (len(queue), queue.longest_wait()) == (1, 2)


def test_an_observer_hears_of_what_joins() -> None:
    class Observer(QueueObserver):
        joins = 0

        def joined(self) -> None:
            self.joins += 1

    observer = Observer()
    queue, _ = queue_with_clock(observer=observer)
    for _ in range(3):
        queue.add("a")
    assert observer.joins == 2


def test_a_delay_of_its_own_is_a_failure_too() -> None:
    queue, clock = queue_with_clock(backoff=Backoff(first=8))
    assert queue.retry("a", after=30) == 30
    assert queue.failures("a") == 1
    clock.now = 10
    assert queue.retry("a") == 20, "the appointed time stands"
    assert queue.retry("a", after=5) == 5, "but not if the failure itself asks for less"
    assert queue.failures("a") == 1
    clock.now = 15
    assert queue.retry("a") <= 16
    assert queue.failures("a") == 2


KEYS = st.sampled_from("abcde")
PRIORITIES = st.sampled_from([LOW, -10, 0, 7])


@dataclass
class Waiting:
    """What the model knows of a key that was asked for: its place is that of the smallest `rank`."""

    priority: int
    lined_up: float
    turn: int = 0

    @property
    def rank(self) -> tuple[float, int]:
        return self.lined_up - self.priority * AGEING, self.turn


class QueueModel(RuleBasedStateMachine):
    """Random operations against the contract in its simplest form: dictionaries of what waits and what is put off."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.clock = queue_with_clock(backoff=Backoff(first=4, longest=64))
        self.dirty: dict[str, Waiting] = {}
        self.in_hand: set[str] = set()
        self.appointments: dict[str, tuple[float, int]] = {}
        self.turns = 0

    def _add(self, key: str, priority: int) -> None:
        known = self.dirty.get(key)
        if known is None:
            self.dirty[key] = Waiting(priority, self.clock.now)
        elif priority <= known.priority:
            return
        else:
            known.priority = priority
        self._line_up(key)

    def _line_up(self, key: str) -> None:
        if key not in self.in_hand:
            self.turns += 1
            self.dirty[key].turn = self.turns

    def _put_off(self, key: str, due: float, priority: int) -> None:
        known = self.appointments.get(key)
        if known is None or due < known[0]:
            self.appointments[key] = (due, max(priority, known[1]) if known else priority)

    def _collect(self) -> None:
        for key, (due, priority) in sorted(self.appointments.items(), key=lambda item: item[1][0]):
            if due <= self.clock.now:
                del self.appointments[key]
                self._add(key, priority)

    def _ready(self) -> list[str]:
        return sorted((key for key in self.dirty if key not in self.in_hand), key=lambda key: self.dirty[key].rank)

    @rule(key=KEYS, priority=PRIORITIES)
    def add(self, key: str, priority: int) -> None:
        self.queue.add(key, priority=priority)
        self._add(key, priority)

    @rule(key=KEYS, priority=PRIORITIES, ticks=st.integers(min_value=1, max_value=50))
    def add_after(self, key: str, priority: int, ticks: int) -> None:
        # Appointments at one and the same moment have no order, so each gets a moment of its own.
        due = self.clock.now + ticks + len(self.appointments) / 100 + ord(key) / 10_000
        self.queue.add_after(key, due - self.clock.now, priority=priority)
        self._put_off(key, self.clock.now + (due - self.clock.now), priority)

    @rule(key=KEYS, priority=PRIORITIES)
    def retry(self, key: str, priority: int) -> None:
        self._put_off(key, self.clock.now + self.queue.retry(key, priority=priority), priority)

    @rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.appointments.pop(key, None)

    @rule(seconds=st.integers(min_value=1, max_value=30))
    def wait(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def take(self) -> None:
        self._collect()
        ready = self._ready()
        key = self.queue.take()
        assert key == (ready[0] if ready else None)
        if key is not None:
            assert self.queue.hand(key).priority == self.dirty.pop(key).priority
            self.in_hand.add(key)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.in_hand)))
        self.queue.done(key)
        self.in_hand.discard(key)
        if key in self.dirty:
            self.dirty[key].lined_up = self.clock.now
            self._line_up(key)

    @invariant()
    def agrees(self) -> None:
        assert set(self.queue.in_hand) == self.in_hand
        assert len(self.queue) == len(self._ready())
        assert set(self.queue.waiting) == set(self.dirty)
        assert set(self.queue.put_off) == set(self.appointments)

    def teardown(self) -> None:
        """Whatever was to be done is handed out in the end: nothing is lost."""
        for key in list(self.in_hand):
            self.queue.done(key)
        expected = set(self.dirty) | set(self.appointments)
        self.clock.now += 1_000
        assert set(drain(self.queue)) == expected


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
