"""A server that speaks bytes: what it answers, in which pieces, and when it hangs up, a test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Talk = Callable[["Line"], Awaitable[None]]


class Line:
    """One connection, as the server sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """The next request, with its body; empty once the client has hung up."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        return head + await self._reader.readexactly(int(length or 0))

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def answer(self, body: bytes = b"[]", headers: bytes = b"") -> None:
        await self.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), headers, body))

    async def hang_up(self) -> None:
        self._writer.close()


class RawServer:
    """Counts the connections and remembers the first lines of requests."""

    def __init__(self, talk: Talk) -> None:
        self.lines: list[Line] = []
        self.hung_up = 0
        self.port = 0
        self._talk = talk
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        line = Line(len(self.lines), reader, writer)
        self.lines.append(line)
        try:
            await self._talk(line)
            await reader.read()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.hung_up += 1
            writer.transport.abort()
            self._tasks.discard(task)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # asyncio closes sockets in its next turn


@asynccontextmanager
async def serving(talk: Talk, *, tls: ssl.SSLContext | None = None, socket: Path | None = None) -> AsyncIterator[RawServer]:
    """A server that hands each connection to `talk`, over TCP, TLS or a unix socket."""
    server = RawServer(talk)
    if socket is not None:
        listening = await asyncio.start_unix_server(server.serve, socket)
    else:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
        server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()


async def answering(line: Line) -> None:
    """Answer every request with an empty list."""
    while await line.request():
        await line.answer()
