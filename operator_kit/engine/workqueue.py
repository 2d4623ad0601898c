"""The work queue: keys that need a look, each in at most one hand at a time.

The contract is client-go's, which is the heart of every good controller:

* A key that is added while it waits is there once. A key that is added while it is in hand is handed out once more, after
  `done`. So nothing is lost between `get` and `done`, and bursts collapse.
* `add_after` and `retry` put a key off. While a key waits for several reasons, the earliest time counts. A key may be put off
  and ready at once; being ready wins.
* `retry` grows the pause of a key exponentially, `forget` sets it back.

Three known faults of the original are mended. Pauses are **jittered**, so that keys which failed together do not come back
together. A failure **counts once per retry window**: when an event brings a key back before its retry is due, and it fails
again, the appointed time stands and the pause does not grow (else a busy neighbour drives it to its maximum). And `forget`,
which follows a success, **cancels what is put off**: a retry of something that meanwhile succeeded is waste.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses after failures: `first` seconds, doubled for each further failure, at most `longest`.

    Up to half of a pause is left out at random. The defaults reach the longest pause with the 12th failure in a row.
    """

    first: float = 0.1
    longest: float = 300.0

    def pause(self, failures: int, random: Random) -> float:
        """Seconds to wait after that many failures in a row (at least 1)."""
        return min(self.first * 2.0 ** min(failures - 1, 64), self.longest) * random.uniform(0.5, 1.0)


class QueueClosed(Exception):
    """The queue is shut down and empty."""


class QueueObserver:
    """Told of what happens to a queue; for metrics."""

    def added(self) -> None:
        """A key became dirty."""

    def taken(self, waited: float) -> None:
        """A key went into a hand, so many seconds after it became dirty."""

    def finished(self, worked: float) -> None:
        """A key left a hand after so many seconds."""

    def retried(self) -> None:
        """A key was put off because it failed."""


class WorkQueue(Generic[K]):
    """See the module's text. For one event loop; no method but `get` waits."""

    def __init__(
        self,
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] | None = None,
        random: Random | None = None,
        observer: QueueObserver | None = None,
    ) -> None:
        """Without a `clock` (seconds, monotonic) the queue goes by the running event loop's."""
        self._observer = observer or QueueObserver()
        self._backoff = backoff or Backoff()
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._random = random or Random()
        self._ready: deque[K] = deque()
        self._dirty: dict[K, float] = {}
        self._in_hand: dict[K, float] = {}
        self._put_off: dict[K, tuple[float, int]] = {}
        self._calendar: list[tuple[float, int, K]] = []
        self._entries = 0
        self._failures: dict[K, int] = {}
        self._retry_at: dict[K, float] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def add(self, key: K) -> None:
        """Have a look at the key as soon as possible. Ignored after `close`."""
        if self._closed or key in self._dirty:
            return
        self._dirty[key] = self._clock()
        self._observer.added()
        if key not in self._in_hand:
            self._ready.append(key)
            self._wake()

    def add_after(self, key: K, seconds: float) -> None:
        """Have a look at the key after a while, or earlier if it is put off to an earlier time already."""
        if seconds <= 0:
            self.add(key)
            return
        due = self._clock() + seconds
        if self._closed or (key in self._put_off and self._put_off[key][0] <= due):
            return
        self._entries += 1
        self._put_off[key] = (due, self._entries)
        heapq.heappush(self._calendar, (due, self._entries, key))
        self._tidy()
        if self._calendar[0][2] == key:
            self._wake()

    def retry(self, key: K) -> float:
        """Put a key off that has failed; the seconds until its appointed time."""
        now = self._clock()
        appointed = self._retry_at.get(key)
        if appointed is None or appointed <= now:
            self._failures[key] = self._failures.get(key, 0) + 1
            appointed = self._retry_at[key] = now + self._backoff.pause(self._failures[key], self._random)
        self._observer.retried()
        self.add_after(key, appointed - now)
        return appointed - now

    def forget(self, key: K) -> None:
        """The key is fine: no failure counts any more, and nothing that was put off for it happens."""
        self._failures.pop(key, None)
        self._retry_at.pop(key, None)
        self._put_off.pop(key, None)

    def take(self) -> K | None:
        """The next key, without waiting; None if there is none. The caller has it in hand until `done`."""
        self._collect_due()
        if not self._ready:
            return None
        key = self._ready.popleft()
        now = self._in_hand[key] = self._clock()
        self._observer.taken(now - self._dirty.pop(key))
        return key

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

    def done(self, key: K) -> None:
        """The key is out of hand. If it was added meanwhile, it is ready again."""
        self._observer.finished(self._clock() - self._in_hand.pop(key))
        if key in self._dirty:
            self._ready.append(key)
            self._wake()

    def close(self) -> None:
        """Take nothing more; hand out what is ready, then raise `QueueClosed`. What is put off is dropped."""
        self._closed = True
        self._put_off.clear()
        self._calendar.clear()
        for waiter in self._waiters:
            _wake(waiter)

    def next_due(self) -> float | None:
        """Seconds until the first key that is put off gets ready, None if there is none."""
        while self._calendar and self._put_off.get(self._calendar[0][2]) != self._calendar[0][:2]:
            heapq.heappop(self._calendar)
        return self._calendar[0][0] - self._clock() if self._calendar else None

    def __len__(self) -> int:
        """How many keys are ready."""
        return len(self._ready)

    @property
    def put_off(self) -> int:
        """How many keys wait for their time."""
        return len(self._put_off)

    @property
    def in_hand(self) -> dict[K, float]:
        """The keys in hand, and the clock's time since when."""
        return dict(self._in_hand)

    def failures(self, key: K) -> int:
        """How often the key has failed in a row."""
        return self._failures.get(key, 0)

    def _collect_due(self) -> None:
        while (pause := self.next_due()) is not None and pause <= 0:
            key = heapq.heappop(self._calendar)[2]
            del self._put_off[key]
            self.add(key)

    def _tidy(self) -> None:
        """Rebuild the calendar when most of it is crossed out: every success crosses out an appointment."""
        if len(self._calendar) > 2 * len(self._put_off) + 64:
            self._calendar = [entry for entry in self._calendar if self._put_off.get(entry[2]) == entry[:2]]
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
