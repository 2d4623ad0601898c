"""What a framework is asked, and what the answers are called in the table."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, ClassVar, Final

from benchmarks.measure import Figure, latency

Measurement = Callable[[int], Awaitable[list[Figure]]]
"""A family of figures, for so many objects."""


BURST: Final = 5_000
WRITERS: Final = 8


class NotProvided(Exception):
    """The framework cannot be had on this machine; the message says why."""


class Contestant(ABC):
    """One framework.

    Attributes:
        name: the title of its column.
        measurements: what can be measured of it, by family.
    """

    name: ClassVar[str]
    measurements: Mapping[str, Measurement]

    @abstractmethod
    async def provide(self) -> str:
        """Make ready what it needs, from the cache where it was made before; its version.

        Raises:
            NotProvided: it is left out.
        """


def ids(said: dict[str, Any]) -> list[Figure]:
    """A stream of ids, the queue, the workers, a function that does nothing."""
    return [Figure("no-op, ids only", said["per_second"], "/s", more_is_better=True)]


def no_op(said: dict[str, Any]) -> list[Figure]:
    """The whole controller, with a handler that does nothing."""
    return [Figure("no-op, whole controller", said["per_second"], "/s", more_is_better=True)]


def put_to_start(seconds: Sequence[float]) -> list[Figure]:
    """From a put until its handler begins."""
    return latency("put → handler begins", seconds)


def start(occasion: str, said: dict[str, Any]) -> list[Figure]:
    """A process that starts with many objects."""
    return [
        Figure(f"{occasion}: until all are settled", said["seconds"], "s"),
        Figure(f"{occasion}: its CPU until then", said["cpu_seconds"], "s"),
        Figure(f"{occasion}: a newcomer waits", said["newcomer"] * 1000, "ms"),
        Figure(f"{occasion}: memory for each object", said["bytes_each"] / 1000, "kB"),
        Figure(f"{occasion}: idle CPU after it", said["idle_cpu"] * 100, "%"),
    ]


async def write_burst(write: Callable[[int, str], Awaitable[None]], count: int) -> float:
    """Call `write` with the number of an object and a text for its field `round`, `BURST` times, and `final` for each at last.

    Returns:
        When the last write had been answered.
    """
    work = iter([*((turn % count, str(turn)) for turn in range(BURST)), *((number, "final") for number in range(count))])

    async def writer() -> None:
        for number, text in work:
            await write(number, text)

    await asyncio.gather(*(writer() for _ in range(WRITERS)))
    return time.monotonic()


def burst(said: dict[str, Any], last_write: float, count: int) -> list[Figure]:
    """Many writes to few objects."""
    return [
        Figure("burst: behind after the last write", max(said["finished_at"] - last_write, 0.0) * 1000, "ms"),
        Figure("burst: calls for 100 writes", said["calls"] * 100 / (BURST + count), ""),
    ]


def storm(said: dict[str, Any]) -> list[Figure]:
    """All fail for a while, then none."""
    after = said["green_after"]
    return [Figure("storm: healed → all succeeded", inf if after is None else after, "s")]
