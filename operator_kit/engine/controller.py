"""`Controller`: ids in, looks out. Streams, shards with a queue each, workers.

    streams ──ids──► hasher ──► shard ──► work queue ──► workers ──► look(visit) ──► attempt: when to look again

A shard is what one process leads; most operators have just one. Whatever is asked for a shard that is not led here is dropped,
because whoever begins to lead it looks at every id first. One id is never in two hands: the queue sees to that within a
shard, the shard's lock among processes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from random import Random
from typing import Final

import structlog

from operator_kit.engine.attempt import Attempt, is_cancelled
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.pace import Pace
from operator_kit.engine.queue_entries import QueueObserver
from operator_kit.engine.stream import CAPACITY, Stream
from operator_kit.engine.tracing import Tracing
from operator_kit.engine.visit import Visit
from operator_kit.engine.workqueue import LOW, QueueClosed, WorkQueue

RESTART: Final = Backoff(first=0.5, longest=60.0)
"""Pauses before a stream that failed is run again."""

FIRST_LOOK: Final = "first look"

_log = structlog.get_logger("operator_kit.controller")


class ControllerObserver(QueueObserver):
    """Told of what happens in a controller; for metrics."""

    def looked(self, attempt: Attempt) -> None:
        """A look ended so."""

    def emitted(self, stream: str) -> None:
        """A stream emitted an id."""

    def broke(self, stream: str) -> None:
        """A stream raised."""


class Shard:
    """One part of the ids, with a queue of its own.

    Attributes:
        number: from 0.
        queue: of the present or last time that it was led here.
        leading: whether it is led here.
    """

    def __init__(self, number: int, new_queue: Callable[[], WorkQueue[str]]) -> None:
        self.number = number
        self.queue = new_queue()
        self.leading = False
        self.stopping = False
        self._new_queue = new_queue

    def begin(self) -> None:
        """Lead it, with nothing in the queue: what was known of an earlier time is out of date."""
        self.queue = self._new_queue()
        self.leading, self.stopping = True, False

    def stop(self) -> None:
        """Take nothing more into hand; what is in hand may end."""
        self.stopping = True
        self.queue.close()


class Controller:
    """See the module's text. `look` should raise nothing but cancellation: only it can tell whoever waits for the id.

    Attributes:
        name: for logs and metrics.
        pace: workers, limits and intervals.
        streams: what brings ids, while at least one shard is led.
        shards: all of them, led here or not.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[Visit], Awaitable[Attempt]],
        *,
        pace: Pace,
        known: Callable[[], Collection[str]] = tuple,
        streams: Sequence[Stream] = (),
        shards: int = 1,
        backoff: Backoff | None = None,
        random: Random | None = None,
        observer: ControllerObserver | None = None,
    ) -> None:
        """
        Args:
            known: all ids that there are, looked at when a shard is begun to be led.
        """
        self.name = name
        self.pace = pace
        self.observer = observer or ControllerObserver()
        self._look = look
        self._known = known
        self.streams = streams
        self._random = random or Random()
        self._tracing = Tracing(name)

        def new_queue() -> WorkQueue[str]:
            return WorkQueue(backoff=backoff, random=self._random, observer=self.observer)

        self.shards = [Shard(number, new_queue) for number in range(shards)]

    # What to look at

    def add(self, id: str, *, reason: str = "", priority: int = 0, after: float = 0.0) -> None:
        """Have a look at the id, if its shard is led here."""
        if (shard := self._shard_of(id)) is not None:
            shard.queue.add_after(id, after, priority=priority, reason=reason)

    async def emit(self, id: str, *, reason: str = "", priority: int = 0, after: float = 0.0) -> None:
        """As `add`, waiting while too much is ready."""
        if (shard := self._shard_of(id)) is not None:
            await shard.queue.room(id, CAPACITY)
            shard.queue.add_after(id, after, priority=priority, reason=reason)
        await asyncio.sleep(0)  # a stream that never waits by itself lets go of the loop here

    def known(self) -> Collection[str]:
        """All ids that there are, as far as known."""
        return self._known()

    def look_at_all(self, shard: Shard | None = None, *, reason: str = FIRST_LOOK) -> None:
        """Have a look at every known id, after whatever is fresh; of one shard only, or of all that are led here."""
        for id in sorted(self._known()):
            if (its := self._shard_of(id)) is not None and shard in (None, its):
                its.queue.add(id, priority=LOW, reason=reason)

    async def look_now(self, id: str, *, reason: str = "") -> Attempt:
        """Look at an id at once, led here or not. Nobody else may have it in hand, and nothing comes of when to look again."""
        queue: WorkQueue[str] = WorkQueue(random=self._random)
        queue.add(id, reason=reason)
        return await self._look(Visit(queue, await queue.get(), queue.hand(id)))

    def known_in(self, number: int) -> list[str]:
        """The known ids of a shard, led here or not."""
        return [id for id in sorted(self._known()) if self._number_of(id) == number]

    def _shard_of(self, id: str) -> Shard | None:
        number = self._number_of(id)
        return self.shards[number] if number is not None and self.shards[number].leading else None

    def _number_of(self, id: str) -> int | None:
        """The shard that looks after an id. A hasher that fails leaves it to nobody: whoever asks must not fail by it."""
        try:
            number = type(self.pace).hasher(id, len(self.shards))
            if number is not None and not 0 <= number < len(self.shards):
                raise ValueError(f"there is no shard {number}; there are {len(self.shards)}, counted from 0")
        except Exception:
            _log.exception("the hasher failed", controller=self.name, id=id)
            return None
        return number

    # Work

    async def lead(self, number: int = 0) -> None:
        """Look at all ids of the shard, then at whatever is asked for, until cancelled or, after `stop`, until nothing is in
        hand."""
        shard = self.shards[number]
        shard.begin()
        try:
            self.look_at_all(shard)
            async with asyncio.TaskGroup() as workers:
                for worker in range(self.pace.workers):
                    workers.create_task(self._work(shard), name=f"{self.name} shard {number} worker {worker}")
        finally:
            shard.leading = False

    async def follow_streams(self) -> None:
        """Run the streams until cancelled; while at least one shard is led."""
        async with asyncio.TaskGroup() as group:
            for stream in self.streams:
                group.create_task(self._follow(stream), name=f"{self.name} stream {stream.name}")

    def stop(self) -> None:
        """Begin nothing more; `lead` ends when the workers have finished what they have in hand."""
        for shard in self.shards:
            shard.stop()

    @property
    def idle(self) -> bool:
        """Whether nothing is ready and nothing in hand; what is put off does not count."""
        return all(not len(shard.queue) and not shard.queue.in_hand for shard in self.shards)

    def oldest(self) -> float:
        """Seconds since the look that has taken longest so far began; 0 while nothing is in hand."""
        return max(self._ages(), default=0.0)

    def unfinished(self) -> float:
        """Seconds that all looks in hand have taken so far, together."""
        return sum(self._ages())

    def _ages(self) -> list[float]:
        now = asyncio.get_running_loop().time()
        return [now - hand.since for shard in self.shards for hand in shard.queue.in_hand.values()]

    async def _work(self, shard: Shard) -> None:
        queue = shard.queue
        while not shard.stopping:
            try:
                id = await queue.get()
            except QueueClosed:
                return
            try:
                if not shard.stopping:
                    visit = Visit(queue, id, queue.hand(id))
                    self._settle(queue, visit, await self._look_at(visit))
            finally:
                queue.done(id)
            # A look that finds nothing to do need not wait for anything; without this, streams would starve meanwhile.
            await asyncio.sleep(0)

    async def _look_at(self, visit: Visit) -> Attempt:
        """One look. What it raises against its promise concerns its id alone, and must not end the worker."""
        try:
            return await self._tracing.trace(visit, self._look)
        except Exception as error:
            _log.exception("a look failed", controller=self.name, id=visit.id)
            message = f"{type(error).__name__}: {error}"
            return Attempt("error", reason="InternalError", message=message, panicked=True, error=error)

    def _settle(self, queue: WorkQueue[str], visit: Visit, attempt: Attempt) -> None:
        """When to look again."""
        self.observer.looked(attempt)
        if attempt.outcome == "error":
            visit.put_off(attempt.after)
            return
        queue.forget(visit.id)
        if attempt.outcome == "requeue_after":
            queue.add_after(visit.id, attempt.after or 0.0, priority=attempt.priority or 0, reason="requeue")
        elif attempt.outcome == "success" and self.pace.resync is not None:
            queue.add_after(visit.id, self.pace.resync * self._random.uniform(0.9, 1.1), priority=LOW, reason="resync")

    async def _follow(self, stream: Stream) -> None:
        failures = 0
        began = asyncio.get_running_loop().time()
        while True:
            try:
                await stream.run(_Emitter(self, stream.name))
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_cancelled():
                    raise
                failures = 1 if asyncio.get_running_loop().time() - began > RESTART.longest else failures + 1
                _log.warning("a stream failed", controller=self.name, stream=stream.name, error=str(error) or repr(error))
                self.observer.broke(stream.name)
            else:
                return
            await asyncio.sleep(RESTART.pause(failures, self._random))
            began = asyncio.get_running_loop().time()


class _Emitter:
    """What a stream emits by: the controller, counting, with the stream's name as the reason where it gives none."""

    def __init__(self, controller: Controller, stream: str) -> None:
        self._controller = controller
        self._stream = stream

    async def __call__(self, id: str, *, reason: str = "", priority: int = 0, after: float = 0.0) -> None:
        if id:
            self._controller.observer.emitted(self._stream)
            await self._controller.emit(id, reason=reason or self._stream, priority=priority, after=after)

    def known(self) -> Collection[str]:
        return self._controller.known()
