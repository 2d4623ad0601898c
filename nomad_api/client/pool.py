"""`Pool`: the connections to one server, kept for the next request.

There is no limit: every blocking query holds a connection, and the server has a limit of its own. The connection that was used
last is used first, so that those beyond the usual need fall idle and are closed.
"""

import asyncio
from typing import Final

from nomad_api.client.answer import Answer
from nomad_api.client.connection import BUFFER, Connection, Disconnected
from nomad_api.client.endpoint import Endpoint
from nomad_api.errors import Unreachable

IDLE: Final = 15.0
"""Seconds after which a connection that nobody needs is closed."""


class Pool:
    """See the module's text."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._buffer = memoryview(bytearray(BUFFER))
        self._open: set[Connection] = set()
        self._idle: list[tuple[Connection, float]] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def exchange(self, request: bytes, within: float, *, repeatable: bool, without_body: bool = False) -> Answer:
        """Send a request and read the whole answer.

        Args:
            request: all of it, as it goes over the wire.
            within: seconds for all of it, a new connection included.
            repeatable: it may be sent again over a new connection, if a kept one proves to be closed (RFC 9110 §9.2.2).
            without_body: see `Connection.exchange`.

        Raises:
            Unreachable: no connection, or no answer.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        if (kept := self._kept()) is not None:
            try:
                return await self._exchange(kept, request, within, without_body)
            except Disconnected:
                if not repeatable:
                    raise
        if self._closed:
            raise Unreachable("the client was closed")
        connection = await self._endpoint.connect(self._new, within - (loop.time() - began))
        if self._closed:
            connection.abort()
            raise Unreachable("the client was closed")
        return await self._exchange(connection, request, within - (loop.time() - began), without_body)

    async def close(self) -> None:
        """End all connections, for good; exchanges that go on fail."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        ending = list(self._open)
        for connection in ending:
            connection.abort()
        for connection in ending:
            await connection.ended.wait()

    async def _exchange(self, connection: Connection, request: bytes, within: float, without_body: bool) -> Answer:
        answer = await connection.exchange(request, within, without_body=without_body)
        if connection.reusable:
            loop = asyncio.get_running_loop()
            self._idle.append((connection, loop.time()))
            if self._sweeper is None:
                self._sweeper = loop.call_later(IDLE, self._sweep)
        else:
            connection.abort()
        return answer

    def _kept(self) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    def _new(self) -> Connection:
        return Connection(self._buffer, self._open)

    def _sweep(self) -> None:
        """Close what has been idle for long; the longest stand first."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        fresh = next((at for at, (_, since) in enumerate(self._idle) if since + IDLE > loop.time()), len(self._idle))
        for connection, _ in self._idle[:fresh]:
            connection.abort()
        del self._idle[:fresh]
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0][1] + IDLE, self._sweep)
