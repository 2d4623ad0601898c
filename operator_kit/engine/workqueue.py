"""The work queue: keys that need a look, each in at most one hand at a time.

The contract is client-go's, which is the heart of every good controller:

* A key that is added while it waits is there once. A key that is added while it is in hand is handed out once more, after
  `done`. So nothing is lost between `get` and `done`, and bursts collapse.
* `add_after` and `retry` put a key off. While a key waits for several reasons, the earliest time counts. A key may be put off
  and ready at once; being ready wins.
* `retry` grows the pause of a key exponentially, `forget` sets it back.

Four known faults of the original are mended. Pauses are **jittered**, so that keys which failed together do not come back
together. A failure **counts once per retry window**: when an event brings a key back before its retry is due, and it fails
again, the appointed time stands and the pause does not grow (else a busy neighbour drives it to its maximum). `forget`, which
follows a success, **cancels what is put off**: a retry of something that meanwhile succeeded is waste. And **priorities age**:
waiting outweighs priority at a fixed rate, so a key of low priority comes after fresh ones of high priority for a while, but
never starves.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Hashable
from random import Random
from typing import Final, Generic, TypeVar

from operator_kit.engine.backoff import Backoff
from operator_kit.engine.queue_entries import Appointment, Hand, QueueObserver, Wish

K = TypeVar("K", bound=Hashable)

LOW: Final = -100
"""Priority of what can wait: the first look at everything, and regular ones."""

AGEING: Final = 0.3
"""Seconds of waiting that outweigh one point of priority: a key of `LOW` gives way to ordinary ones for half a minute."""


class QueueClosed(Exception):
    """The queue is shut down and empty."""


class WorkQueue(Generic[K]):
    """See the module's text. For one event loop; no method but `get` and `room` waits."""

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] | None = None,
        random: Random | None = None,
        observer: QueueObserver | None = None,
        ageing: float = AGEING,
    ) -> None:
        """Without a `clock` (seconds, monotonic) the queue goes by the running event loop's."""
        self._observer = observer or QueueObserver()
        self._backoff = backoff or Backoff()
        self._clock = clock or self._clock_of_the_loop
        self._random = random or Random()
        self._ageing = ageing
        self._ready: list[tuple[float, int, K]] = []
        self._stale = 0
        self._dirty: dict[K, Wish] = {}
        self._in_hand: dict[K, Hand] = {}
        self._put_off: dict[K, Appointment] = {}
        self._calendar: list[tuple[float, int, K]] = []
        self._tickets = 0
        self._failures: dict[K, int] = {}
        self._retry_at: dict[K, float] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._crowd: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def add(self, key: K, *, priority: int = 0, reason: str = "") -> None:
        """Have a look at the key as soon as possible. Ignored after `close`.

        A key that waits already keeps its place, or moves ahead to that of the higher priority.
        """
        if self._closed:
            return
        wish = self._dirty.get(key)
        if wish is None:
            now = self._clock()
            self._dirty[key] = wish = Wish(now, priority, [reason] if reason else [], now)
            self._observer.added()
            if key not in self._in_hand:
                self._line_up(key, wish)
        else:
            self._observer.joined()
            before = wish.priority
            wish.join(priority, (reason,))
            if wish.priority > before and key not in self._in_hand:
                self._stale += 1
                self._line_up(key, wish)

    def add_after(self, key: K, seconds: float, *, priority: int = 0, reason: str = "") -> None:
        """Have a look at the key after a while, or earlier if it is put off to an earlier time already."""
        if seconds <= 0:
            self.add(key, priority=priority, reason=reason)
            return
        due = self._clock() + seconds
        known = self._put_off.get(key)
        if self._closed or (known is not None and known.due <= due):
            return
        self._tickets += 1
        self._put_off[key] = Appointment(due, self._tickets, max(priority, known.priority) if known else priority, reason)
        heapq.heappush(self._calendar, (due, self._tickets, key))
        self._tidy()
        if self._calendar[0][2] == key:
            self._wake()

    def retry(self, key: K, after: float | None = None, *, priority: int = 0, reason: str = "") -> float:
        """Put a key off that has failed, for `after` seconds or for the growing pause; the seconds until its time."""
        now = self._clock()
        appointed = self._retry_at.get(key)
        if appointed is None or appointed <= now:
            self._failures[key] = self._failures.get(key, 0) + 1
            appointed = now + (self._backoff.pause(self._failures[key], self._random) if after is None else after)
        elif after is not None:
            appointed = min(appointed, now + after)
        self._retry_at[key] = appointed
        self._observer.retried(appointed - now)
        self.add_after(key, appointed - now, priority=priority, reason=reason)
        return appointed - now

    def forget(self, key: K) -> None:
        """The key is fine: no failure counts any more, and nothing that was put off for it happens."""
        self._failures.pop(key, None)
        self._retry_at.pop(key, None)
        self._put_off.pop(key, None)

    def take(self) -> K | None:
        """The next key, without waiting; None if there is none. The caller has it in hand until `done`."""
        self._collect_due()
        while self._ready:
            _, ticket, key = heapq.heappop(self._ready)
            wish = self._dirty.get(key)
            if wish is None or wish.ticket != ticket:
                self._stale -= 1
                continue
            del self._dirty[key]
            now = self._clock()
            self._in_hand[key] = Hand(now, now - wish.since, wish.priority, tuple(wish.reasons))
            self._observer.taken(now - wish.since)
            while self._crowd:
                _wake(self._crowd.popleft())
            return key
        return None

    async def get(self) -> K:
        """The next key, as soon as there is one. The caller has it in hand until `done`.

        Raises:
            QueueClosed: after `close`, once every key that was ready has been handed out.
        """
        loop = asyncio.get_running_loop()
        while (key := self.take()) is None:
            if self._closed:
                raise QueueClosed
            waiter = loop.create_future()
            self._waiters.append(waiter)
            pause = self.next_due()
            timer = None if pause is None else loop.call_later(max(pause, 0), _wake, waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake()  # this wake-up was for whoever still waits
                raise
            finally:
                if timer is not None:
                    timer.cancel()
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return key

    async def room(self, key: K, capacity: int) -> None:
        """Wait while `capacity` other keys are ready: the back-pressure for sources that have no bound of their own."""
        while len(self) >= capacity and key not in self._dirty and not self._closed:
            waiter = asyncio.get_running_loop().create_future()
            self._crowd.append(waiter)
            await waiter

    def done(self, key: K) -> None:
        """The key is out of hand. If it was added meanwhile, it is ready again."""
        self._observer.finished(self._clock() - self._in_hand.pop(key).since)
        if (wish := self._dirty.get(key)) is not None:
            wish.lined_up = self._clock()
            self._line_up(key, wish)

    def close(self) -> None:
        """Take nothing more; hand out what is ready, then raise `QueueClosed`. What is put off is dropped."""
        self._closed = True
        self._put_off.clear()
        self._calendar.clear()
        for waiter in (*self._waiters, *self._crowd):
            _wake(waiter)

    def next_due(self) -> float | None:
        """Seconds until the first key that is put off gets ready, None if there is none."""
        while self._calendar and not self._stands(self._calendar[0]):
            heapq.heappop(self._calendar)
        return self._calendar[0][0] - self._clock() if self._calendar else None

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._ready) - self._stale

    # Inspection

    @property
    def put_off(self) -> dict[K, Appointment]:
        """The keys that wait for their time."""
        return dict(self._put_off)

    @property
    def waiting(self) -> dict[K, Wish]:
        """The keys that are ready, and those in hand that will be ready again."""
        return dict(self._dirty)

    @property
    def in_hand(self) -> dict[K, Hand]:
        """The keys in hand."""
        return dict(self._in_hand)

    def hand(self, key: K) -> Hand:
        """What there is to know of a key in hand."""
        return self._in_hand[key]

    def longest_wait(self) -> float:
        """Seconds that the key which waits longest has been ready; 0 if none is."""
        since = min((wish.since for wish in self._dirty.values()), default=None)
        return 0.0 if since is None else self._clock() - since

    def failures(self, key: K) -> int:
        """How often the key has failed in a row."""
        return self._failures.get(key, 0)

    def _clock_of_the_loop(self) -> float:
        """The running loop's time. A queue can be made before its loop runs, so the clock is found when it is first needed."""
        self._clock = asyncio.get_running_loop().time
        return self._clock()

    def _line_up(self, key: K, wish: Wish) -> None:
        """Give the key its place among the ready ones. All age at one rate, so their order never changes while they wait."""
        self._tickets += 1
        wish.ticket = self._tickets
        heapq.heappush(self._ready, (wish.lined_up - wish.priority * self._ageing, self._tickets, key))
        self._wake()

    def _collect_due(self) -> None:
        while (pause := self.next_due()) is not None and pause <= 0:
            key = heapq.heappop(self._calendar)[2]
            appointment = self._put_off.pop(key)
            self.add(key, priority=appointment.priority, reason=appointment.reason)

    def _stands(self, entry: tuple[float, int, K]) -> bool:
        """Whether an entry of the calendar is still that of its key's appointment."""
        appointment = self._put_off.get(entry[2])
        return appointment is not None and appointment.ticket == entry[1]

    def _tidy(self) -> None:
        """Rebuild the calendar when most of it is crossed out: every success crosses out an appointment."""
        if len(self._calendar) > 2 * len(self._put_off) + 64:
            self._calendar = [entry for entry in self._calendar if self._stands(entry)]
            heapq.heapify(self._calendar)

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
