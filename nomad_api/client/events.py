"""The event stream: what changes, as it changes, with a watchdog and reconnects.

The stream tells *when* to look, not reliably *what* happened: the server's buffer is small and a gap cannot be seen from
outside. So every connection begins with `Connected`, and a consumer that must not miss anything lists again when it sees
one. A resumed stream starts with the last batch it has already delivered; two batches may share one index.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import StreamReader

from nomad_api.client.api import Api, backoff
from nomad_api.client.transport import translated
from nomad_api.errors import NomadError, StreamClosed, Unreachable
from nomad_api.models.event import EventBatch

SILENCE: Final = 75.0
"""Seconds without a byte after which a stream is dead: two and a half of the server's heartbeats (30 s)."""

FIRST_HEARTBEAT: Final = 10.0
"""Seconds for the first heartbeat, which the server sends at once. A stream that the token may not read stays silent."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream is established (again): events since the last batch may be lost, so list now.

    Attributes:
        index: where the stream was asked to begin; 0 is all that the server still has.
        attempt: 1 for the first connection, then counting.
    """

    index: int
    attempt: int


class EventStream:
    """An asynchronous iterator of `Connected | EventBatch`; see `Nomad.events`."""

    def __init__(
        self,
        api: Api,
        topics: Mapping[str, Sequence[str]] | None = None,
        *,
        index: int = 0,
        namespace: str | None = None,
        reconnect: bool = True,
        silence: float = SILENCE,
        first_heartbeat: float = FIRST_HEARTBEAT,
    ) -> None:
        self.index = index
        self._api = api if namespace is None else api.scoped(namespace=namespace)
        self._topics = [f"{topic}:{key}" for topic, keys in (topics or {}).items() for key in keys or ("*",)]
        self._reconnect = reconnect
        self._silence = silence
        self._first_heartbeat = first_heartbeat

    async def __aiter__(self) -> AsyncIterator[Connected | EventBatch]:
        attempt = failures = 0
        while True:
            attempt += 1
            try:
                async for item in self._connection(attempt):
                    failures = 0
                    yield item
            except NomadError as error:
                if not (self._reconnect and error.retryable):
                    raise
                failures += 1
                _log.log(logging.WARNING if failures == 1 else logging.DEBUG, "event stream: %s; connecting again", error)
                await asyncio.sleep(backoff(failures))

    async def _connection(self, attempt: int) -> AsyncIterator[Connected | EventBatch]:
        """One connection, from its first heartbeat to its end, which is always an exception."""
        begin = self.index
        params = self._api.scope({"topic": self._topics, "index": begin or None})
        transport = self._api.transport
        async with transport.open("GET", "/v1/event/stream", params=params, silence=self._silence) as response:
            lines = _lines(response.content)
            try:
                async with asyncio.timeout(self._first_heartbeat):
                    line = await anext(lines, None)
            except TimeoutError:
                raise StreamClosed(
                    "the event stream stays silent: the token may not read these topics, or the namespace does not exist"
                ) from None
            yield Connected(begin, attempt)
            try:
                with translated("GET", response.url):
                    while line is not None:
                        batch = EventBatch.from_json(line)
                        if batch.events:
                            self.index = max(self.index, batch.index)
                            yield batch
                        line = await anext(lines, None)
            except Unreachable as error:
                raise StreamClosed(f"the event stream broke: {error.reason} (silence limit {self._silence:g} s)") from error
        raise StreamClosed("the server closed the event stream")


async def _lines(content: StreamReader) -> AsyncIterator[bytes]:
    """The lines of a stream, of any length (the reader's own `readline` gives up on long ones)."""
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        if b"\n" in chunk:
            *lines, tail = bytes(rest).split(b"\n")
            rest = bytearray(tail)
            for line in lines:
                if line:
                    yield line
