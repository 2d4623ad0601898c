"""What every operator here goes through, whatever its framework: the same steps, timed the same way.

For every framework's interpreter: this module needs the standard library alone.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from benchmarks.rivals.process import idle_cpu, resident, tell

ROUNDS: Final = 10
"""How often every object is looked at to count no-op calls of the handler."""

STORM: Final = 10.0
"""Seconds for which all handlers fail."""

SETTLE: Final = 12.0
"""Seconds from the last call to idleness: kopf's workers end five seconds after their last event, one after another."""

PAUSE: Final = 0.002
"""Seconds between looks at whether something has happened."""


class Handler:
    """The handler's body: notes what is handled and when, and fails while the storm lasts."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: dict[str, float] = {}
        self.final: set[str] = set()
        self.heals_at = 0.0
        self.called = asyncio.Event()

    def __call__(self, name: str, round: str) -> None:
        self.calls += 1
        self.called.set()
        if time.monotonic() < self.heals_at:
            raise RuntimeError("not yet")
        self.seen.setdefault(name, time.monotonic())
        if round == "final":
            self.final.add(name)


class Operator(ABC):
    """A running operator."""

    def __init__(self) -> None:
        self.handler = Handler()

    @abstractmethod
    async def create(self, name: str, number: int) -> None:
        """Make a new object, with the spec of that number, over HTTP."""

    @abstractmethod
    async def look_again(self) -> None:
        """Have the handler called for every object."""

    @abstractmethod
    async def settled(self, count: int) -> bool:
        """Whether at least so many objects have been handled and nothing is left to be written."""


Running = Callable[[], AbstractAsyncContextManager[Operator]]
"""Starts the operator, and stops it."""


def _called(handler: Handler, times: int) -> bool:
    return handler.calls >= times


async def until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds."""
    while not condition():  # noqa: ASYNC110 (an event would cost each call of the handler something)
        await asyncio.sleep(PAUSE)


async def no_op(running: Running, count: int) -> None:
    """Every object is looked at, again and again, and nothing is to be done."""
    async with running() as operator:
        handler = operator.handler
        await until_settled(operator, count)
        began, handler.calls = time.process_time(), 0
        for number in range(1, ROUNDS + 1):
            await operator.look_again()
            await until(partial(_called, handler, number * count))
        tell(per_second=ROUNDS * count / (time.process_time() - began))


async def start(running: Running, count: int) -> None:
    """With that many objects already there: how long until all are settled, and how long one waits that comes meanwhile."""
    memory, began, cpu = resident(), time.monotonic(), time.process_time()
    async with running() as operator:
        await operator.handler.called.wait()
        newcomer, created = f"newcomer-{time.monotonic_ns()}", time.monotonic()
        await operator.create(newcomer, count)
        await until(lambda: newcomer in operator.handler.seen)
        await until_settled(operator, count + 1)
        seconds, cpu = time.monotonic() - began, time.process_time() - cpu
        await asyncio.sleep(SETTLE)
        tell(
            seconds=seconds,
            cpu_seconds=cpu,
            newcomer=operator.handler.seen[newcomer] - created,
            bytes_each=(resident() - memory) / count,
            idle_cpu=await idle_cpu(3.0),
        )


async def latency(running: Running, count: int) -> None:
    """From just before a new object is written until its handler begins; the writer shares the process with the operator."""
    seconds = []
    async with running() as operator:
        await until_settled(operator, 1)
        for number in range(count):
            name = f"l{number}"
            operator.handler.called.clear()
            began = time.monotonic()
            await operator.create(name, number)
            await operator.handler.called.wait()
            seconds.append(operator.handler.seen[name] - began)
            await until_settled(operator, number + 2)
    tell(seconds=seconds)


async def burst(running: Running, count: int) -> None:
    """Say when ready; then somebody writes many times to these few objects, and at last `round: final` to each."""
    async with running() as operator:
        handler = operator.handler
        await until_settled(operator, count)
        handler.calls = 0
        tell(ready=True)
        await until(lambda: len(handler.final) == count)
        tell(finished_at=time.monotonic(), calls=handler.calls)


async def storm(running: Running, count: int) -> None:
    """All fail for a while, then nothing fails; how long until all have succeeded."""
    async with running() as operator:
        handler = operator.handler
        handler.heals_at = time.monotonic() + STORM
        await until(lambda: len(handler.seen) == count)
        tell(green_after=max(handler.seen.values()) - handler.heals_at, calls=handler.calls)


async def until_settled(operator: Operator, count: int) -> None:
    """Return when so many objects are settled."""
    while not await operator.settled(count):  # noqa: ASYNC110 (as above)
        await asyncio.sleep(PAUSE)


SCENARIOS: Final[dict[str, Callable[[Running, int], Coroutine[Any, Any, None]]]] = {
    "no_op": no_op,
    "start": start,
    "latency": latency,
    "burst": burst,
    "storm": storm,
}
