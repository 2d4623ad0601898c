"""Streams: whatever says "look at this id". The lowest layer of every operator, which needs no kind and no variable.

Four small concepts, Koyeb's kreconciler's: a **stream** emits ids, a **hasher** says which shard looks after an id, a
**reconciler** looks at an id, and its **result** says when to look again. An id is all that goes from a stream to a
reconciler: what the stream knows more than that would be out of date by the time of the look.

Streams run while this process leads; those of a controller without a kind begin anew when it gets to lead one more shard, so
they should begin with all ids that there are. What a stream raises is told and counted, and the stream is run again after a
growing pause; a stream that comes to its end has nothing more to say. A source that emits faster than ids are looked at is made
to wait (`Emit` returns late), so no memory fills and nothing is dropped; ids that wait already cost nothing.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from hashlib import blake2b
from typing import Final, Protocol

CAPACITY: Final = 10_000
"""Ids that may be ready in one shard before streams are made to wait."""


class Emit(Protocol):
    """Asks for a look at an id."""

    async def __call__(self, id: str, *, reason: str = "", priority: int = 0, after: float = 0.0) -> None:
        """Have a look at that id, `after` that many seconds. A look that succeeds meanwhile takes the place of this one.

        Args:
            reason: why, for people: the name of the stream if it is left out.
            priority: higher comes first; see `workqueue.LOW` for what can wait.
        """

    def known(self) -> Collection[str]:
        """All ids that there are, as far as the controller knows: the names of a kind; nothing for bare ids."""


class Stream(ABC):
    """A source of ids.

    Attributes:
        name: for logs, metrics and reasons.
    """

    name: str

    @abstractmethod
    async def run(self, emit: Emit) -> None:
        """Emit ids until cancelled, or until there is nothing more to say."""


class FunctionStream(Stream):
    """A stream made of an asynchronous generator of ids."""

    def __init__(self, name: str, ids: Callable[[], AsyncIterator[str]]) -> None:
        self.name = name
        self._ids = ids

    async def run(self, emit: Emit) -> None:
        async for id in self._ids():
            await emit(id, reason=self.name)


Ids = Callable[[], Iterable[str] | Awaitable[Iterable[str]]]
"""Tells ids, now or in a moment."""


async def ids_of(ids: Ids) -> Iterable[str]:
    """What an `Ids` tells."""
    told = ids()
    return await told if inspect.isawaitable(told) else told


Hasher = Callable[[str, int], int | None]
"""The shard (0 to count - 1) that looks after an id, of so many; None lets nobody do so."""


def rendezvous(id: str, candidates: Iterable[str]) -> str | None:
    """The candidate that gets the id, by rendezvous hashing: when one comes or goes, only its own ids move."""
    return max(candidates, key=lambda candidate: (_digest(f"{candidate}\0{id}"), candidate), default=None)


def shard_of(id: str, count: int) -> int:
    """The default hasher: even, and the same in every process and version of Python."""
    return 0 if count == 1 else _digest(id) % count


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
