"""`Timetable`: when the timers of one resource are due. It lives in memory, and dies with the resource or with leadership."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final

from operator_kit.handlers.declaration import Handler, Timer

JITTER: Final = 0.1
"""The part by which the time between two calls varies, so that resources made together do not stay together."""

_AT_ONCE: Final = 0.001
"""Seconds that do not count: clocks and sums are not exact."""


class Timetable:
    """Times are the event loop's."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._changed = _now()
        self._next: dict[str, float] = {}

    def changed(self) -> None:
        """The spec is another one: what waits for quiet waits anew."""
        self._changed = _now()

    def due(self, timers: Sequence[Handler]) -> list[Handler]:
        """Those that are due, in their order."""
        return [timer for timer in timers if self._time(timer) - _now() < _AT_ONCE]

    def called(self, timer: Handler) -> None:
        """The timer has had its call."""
        every = _timer(timer).every
        self._next[timer.id] = _now() + every * self._random.uniform(1 - JITTER, 1 + JITTER)

    def pause(self, timers: Sequence[Handler]) -> float | None:
        """Seconds until the first of them is due, None if there are none."""
        return max(min(self._time(timer) for timer in timers) - _now(), _AT_ONCE) if timers else None

    def _time(self, timer: Handler) -> float:
        declared = _timer(timer)
        first = self._next.setdefault(timer.id, _now() + declared.initial_delay)
        return max(first, self._changed + declared.idle)


def _timer(handler: Handler) -> Timer:
    assert isinstance(handler.declaration, Timer)
    return handler.declaration


def _now() -> float:
    return asyncio.get_running_loop().time()
