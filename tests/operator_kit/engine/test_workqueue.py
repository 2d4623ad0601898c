"""The queue's contract: dedupe, one hand at a time, nothing lost, delays, and the three faults of the original mended."""

import asyncio
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from operator_kit.engine.backoff import Backoff
from operator_kit.engine.queue_entries import QueueObserver
from operator_kit.engine.workqueue import QueueClosed, WorkQueue
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


KEYS = st.sampled_from("abcde")


class QueueModel(RuleBasedStateMachine):
    """Random operations against the contract in its simplest form: sets, and a dictionary of appointments."""

    def __init__(self) -> None:
        super().__init__()
        self.queue, self.clock = queue_with_clock(backoff=Backoff(first=4, longest=64))
        self.ready: list[str] = []
        self.dirty: set[str] = set()
        self.in_hand: set[str] = set()
        self.appointments: dict[str, float] = {}

    def _add(self, key: str) -> None:
        if key not in self.dirty:
            self.dirty.add(key)
            if key not in self.in_hand:
                self.ready.append(key)

    def _collect(self) -> None:
        for key, due in sorted(self.appointments.items(), key=lambda pair: pair[1]):
            if due <= self.clock.now:
                del self.appointments[key]
                self._add(key)

    @rule(key=KEYS)
    def add(self, key: str) -> None:
        self.queue.add(key)
        self._add(key)

    @rule(key=KEYS, ticks=st.integers(min_value=1, max_value=50))
    def add_after(self, key: str, ticks: int) -> None:
        # Appointments at one and the same moment have no order, so each gets a moment of its own.
        due = self.clock.now + ticks + len(self.appointments) / 100 + ord(key) / 10_000
        self.queue.add_after(key, due - self.clock.now)
        self.appointments[key] = min(due, self.appointments.get(key, due))

    @rule(key=KEYS)
    def retry(self, key: str) -> None:
        due = self.clock.now + self.queue.retry(key)
        self.appointments[key] = min(due, self.appointments.get(key, due))

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
        key = self.queue.take()
        assert key == (self.ready.pop(0) if self.ready else None)
        if key is not None:
            assert key not in self.in_hand
            self.dirty.discard(key)
            self.in_hand.add(key)

    @precondition(lambda self: self.in_hand)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.in_hand)))
        self.queue.done(key)
        self.in_hand.discard(key)
        if key in self.dirty:
            self.ready.append(key)

    @invariant()
    def agrees(self) -> None:
        assert set(self.queue.in_hand) == self.in_hand
        assert len(self.queue) == len(self.ready)
        assert len(self.queue.put_off) == len(self.appointments)

    def teardown(self) -> None:
        """Whatever was to be done is handed out in the end: nothing is lost."""
        for key in list(self.in_hand):
            self.queue.done(key)
        expected = self.dirty | set(self.appointments)
        self.clock.now += 1_000
        assert set(drain(self.queue)) == expected


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
