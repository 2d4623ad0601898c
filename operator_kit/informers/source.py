"""Sources: what tells a controller when to look. List, watch, and list again; nothing missed, no failure hidden.

The truth is a list read with blocking queries: such a query compares indexes, so it cannot miss a change, however long the
connection was lost. Where the server streams events they make it faster: a change is known without reading the list again.
But the stream can lose events without a sign, so it is only trusted while it proves itself, and even then the list is read
every `RELIST` seconds if anything changed. Servers without the topic (Nomad before 2.0 has none for variables) and tokens
that may not read the stream need nothing special: blocking queries alone do it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from random import Random
from typing import Any, Final

import structlog

from nomad_api.client import Nomad, Snapshot
from nomad_api.errors import Forbidden, NomadError, NotFound, Unreachable
from nomad_api.models.event import Event
from operator_kit.engine.backoff import Backoff

WAIT: Final = 30.0
"""Seconds that a blocking query waits: each answer, changed or not, is a sign of life."""

RELIST: Final = 30.0
"""Seconds between lists while events tell of changes."""

STALE: Final = 90.0
"""Seconds without a sign of life after which what a source says may be out of date."""

RECONNECT: Final = Backoff(first=0.8, longest=30.0)

_log = structlog.get_logger("operator_kit.informers.source")


class SourceState(StrEnum):
    """What is the matter with a source."""

    STARTING = "starting"
    SYNCED = "synced"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    UNREACHABLE = "unreachable"
    FAILING = "failing"


class Source(ABC):
    """A list on the server, followed for ever by `run`.

    Attributes:
        state: SYNCED while all is well; what is wrong otherwise, with the text in `problem`.
        synced: set once the whole list has been read.
        listed: the index at which the list was read last, 0 before that.
    """

    def __init__(self, name: str, nomad: Nomad, path: str, params: Mapping[str, str | bool], random: Random) -> None:
        self.name = name
        self.state = SourceState.STARTING
        self.problem = ""
        self.synced = asyncio.Event()
        self.listed = 0
        self.nomad = nomad
        self._path = path
        self._params = dict(params)
        self._random = random
        self._contact: float | None = None
        self._streaming = False
        self._look = asyncio.Event()

    def replace(self, rows: list[dict[str, Any]], index: int) -> None:
        """Take over a whole list, true at that index."""
        self._replace(rows, index)
        self.listed = index

    @abstractmethod
    def _replace(self, rows: list[dict[str, Any]], index: int) -> None:
        """Take over a whole list; `listed` is still the index of the one before."""

    @abstractmethod
    def see(self, event: Event) -> bool:
        """Take over an event of the stream; whether it is one of this source's own."""

    def restart(self) -> None:
        """The server's indexes went backwards: whatever is known may be of another history."""
        self._restart()
        self.listed = 0

    @abstractmethod
    def _restart(self) -> None:
        """Forget the indexes, so that the next list is compared with nothing older."""

    @abstractmethod
    def __len__(self) -> int:
        """How many objects are known."""

    @abstractmethod
    def cached_bytes(self) -> int:
        """Bytes of data that are kept of them."""

    async def run(self) -> None:
        """Follow the list until cancelled."""
        failures = 0
        while True:
            try:
                index = 0
                while True:
                    self._look.clear()
                    # No name for the answer: it would keep a long list alive until the next one.
                    index = self._take(await self.nomad.read(self._path, self._params, index, WAIT), index)
                    failures = 0
                    if index and self._streaming:
                        await self._pause()
            except NomadError as error:
                failures += 1
                self._fail(error)
                await asyncio.sleep(RECONNECT.pause(failures, self._random))

    async def load(self) -> None:
        """Read the list once, without following it.

        Raises:
            NomadError: it could not be read.
        """
        self._take(await self.nomad.read(self._path, self._params), 0)

    def age(self) -> float:
        """Seconds since the last sign of life, infinite before the first."""
        return float("inf") if self._contact is None else asyncio.get_running_loop().time() - self._contact

    @property
    def healthy(self) -> bool:
        """Whether the list has been read and is followed without trouble."""
        return self.state is SourceState.SYNCED and self.age() < STALE

    def stream_connected(self) -> None:
        """The event stream begins (again): look at the list now, for events may have been lost."""
        self._streaming = False
        self._look.set()

    def stream_lost(self) -> None:
        """No events come any more."""
        self._streaming = False
        self._look.set()

    def stream_event(self, event: Event) -> None:
        """An event of a topic that this source listens to."""
        if self.synced.is_set() and self.see(event):
            self._streaming = True
            self._touch()

    def _take(self, snapshot: Snapshot[Any], index: int) -> int:
        """Take over an answer; the index to wait from next."""
        if max(snapshot.index, 1) < index:  # some tables begin at 0, but 1 is the least one can wait from
            self.restart()
            return 0
        if index == 0 or snapshot.index > index:
            self.replace(snapshot.value or [], snapshot.index)
        self._touch()
        if self.state is not SourceState.SYNCED:
            self.state, self.problem = SourceState.SYNCED, ""
            _log.info("synced", source=self.name, index=snapshot.index)
        self.synced.set()
        return max(snapshot.index, 1)

    async def _pause(self) -> None:
        """Wait until the list should be read again; a wish for it that came during the last read counts."""
        try:
            async with asyncio.timeout(RELIST):
                await self._look.wait()
        except TimeoutError:
            pass

    def _touch(self) -> None:
        self._contact = asyncio.get_running_loop().time()

    def _fail(self, error: NomadError) -> None:
        state = _STATES.get(type(error), SourceState.FAILING)
        if (state, str(error)) != (self.state, self.problem):
            _log.warning("cannot list", source=self.name, state=str(state), error=str(error))
        self.state, self.problem = state, str(error)


_STATES: Final[dict[type[NomadError], SourceState]] = {
    Forbidden: SourceState.FORBIDDEN,
    NotFound: SourceState.NOT_FOUND,
    Unreachable: SourceState.UNREACHABLE,
}
