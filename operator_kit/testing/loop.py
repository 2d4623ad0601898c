"""Virtual time: an event loop whose clock jumps to the next timer as soon as nothing else is left to do.

A test of hours takes milliseconds, and always takes the same course. Whatever goes by the loop's clock goes by this one:
sleeps, timeouts, the work queue, leases.
"""

import asyncio
import functools
import math
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class NothingHappens(RuntimeError):
    """Everything waits, and no timer is set: what is awaited will never come."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: tells its loop instead how far to move the clock."""

    loop: "VirtualTimeLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise NothingHappens("all tasks wait, and no timer is set")
        self.loop.advance(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module's text. Not for code that uses sockets, threads or processes."""

    def __init__(self) -> None:
        self._virtual_now = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)
        self._tick()

    def time(self) -> float:
        return self._virtual_now

    def advance(self, seconds: float) -> None:
        """Move the clock, by the least that it can be moved if by nothing: rounding must not leave a timer a hair off."""
        self._virtual_now = max(self._virtual_now + seconds, math.nextafter(self._virtual_now, math.inf))
        self._tick()

    def _tick(self) -> None:
        # What asyncio takes for the clock's resolution: a timer goes off as soon as it is due within that. It must be the
        # least there is, else who is woken a hair too early finds it is not time yet, for ever: this clock moves for nobody.
        self._clock_resolution = math.ulp(self._virtual_now)


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """A coroutine function, such as a test, as a plain function that runs it in virtual time."""

    @functools.wraps(test)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        return simulate(test(*args, **kwargs))

    return wrapper


async def eventually(condition: Callable[[], bool | Awaitable[bool]], *, within: float = 60.0, every: float = 0.05) -> None:
    """Wait until something is true.

    Raises:
        TimeoutError: it was not, `within` that many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            result = condition()
            if await result if isinstance(result, Awaitable) else result:
                return
            await asyncio.sleep(every)
