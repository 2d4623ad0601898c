"""`Connection`: one HTTP/1.1 connection, one exchange on it at a time.

Of a general client an ordinary request of Nomad's API needs little: its bytes go out in one write, and the answer is read whole
by llhttp, the parser of Node.js, through `httptools`. For each exchange there is one future; no task, no stream, no lock, and
most often not even a timer. So a read of a variable takes two fifths of the processor time that it takes with aiohttp's client,
and two thirds of that are asyncio's and the kernel's.

An exchange that does not come to its end takes its connection along: what was asked for may still arrive, and must not be taken
for the answer to another request.
"""

import asyncio
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from nomad_api.client.answer import Answer, Headers
from nomad_api.client.endpoint import reason
from nomad_api.errors import Unreachable

BUFFER: Final = 256 * 1024
"""Bytes that are read at once."""

CLOSED: Final = "the server closed the connection"


class Disconnected(Unreachable):
    """The connection ended before one byte of the answer had come. On a connection that was kept, that is how a request and the
    server's closing of the connection miss each other."""


class Connection(asyncio.BufferedProtocol):
    """See the module's text.

    Attributes:
        reusable: whether another exchange may follow.
        ended: set when the connection is no more.
    """

    def __init__(self, buffer: memoryview, among: set["Connection"]) -> None:
        """A connection, not yet made.

        Args:
            buffer: where bytes are read into. They are parsed before anything else is read, so all connections can share one.
            among: the open connections, which it joins and leaves.
        """
        self.reusable = True
        self.ended = asyncio.Event()
        self._buffer = buffer
        self._among = among
        self._transport: asyncio.Transport
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._waiter: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self._fields: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._began = self._in_body = self._without_body = False

    async def exchange(self, request: bytes, within: float, *, without_body: bool = False) -> Answer:
        """Send a request and read the whole answer.

        Args:
            request: all of it, as it goes over the wire.
            within: seconds for the exchange.
            without_body: the answer has none, whatever its headers say; so it is with HEAD.

        Raises:
            Disconnected: the connection ended before the answer began.
            Unreachable: it broke off later, the answer is not HTTP, or it did not come in time.
        """
        if not self.reusable:
            raise Disconnected(CLOSED)
        loop = asyncio.get_running_loop()
        self._began = self._in_body = False
        self._without_body = without_body
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiter = waiter
        self._set_deadline(loop.time() + within)
        self._transport.write(request)
        try:
            return await waiter
        except BaseException:  # a cancellation, too
            self.abort()
            raise

    def abort(self) -> None:
        """End the connection at once; an exchange that goes on fails."""
        self.reusable = False
        self._fail(Unreachable("the client was closed"))
        self._transport.abort()

    # asyncio calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._among.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._waiter is None or self._parser is None:
            self.abort()  # nobody has asked for anything
            return
        self._began = True
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(Unreachable(f"the answer is not HTTP/1.1: {error}"))

    def eof_received(self) -> None:
        self.reusable = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.reusable = False
        if exc is None and self._in_body and self._ends_with_the_connection():
            self._finish()
        elif not self._began:
            self._fail(Disconnected((exc and reason(exc)) or CLOSED))
        else:
            self._fail(Unreachable((exc and reason(exc)) or "the answer broke off"))
        self._stop_timer()
        self._parser = None  # it refers to this object, and so on in a circle
        self._among.discard(self)
        self.ended.set()

    # The parser calls these.

    def on_message_begin(self) -> None:
        if self._waiter is None:
            self.reusable = False  # more than was asked for
        self._fields, self._parts, self._in_body = [], [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # else it is a trailer
            self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        if self._parser is None or self._parser.get_status_code() < 200:
            return
        self._in_body = True
        if self._without_body:
            self.reusable = False  # the parser cannot be told, and waits for a body
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if not self._in_body:  # an interim answer (1xx): the real one follows
            return
        # A server that answers before it has the whole request may well never read the rest.
        if not self._parser.should_keep_alive() or self._transport.get_write_buffer_size():
            self.reusable = False
        self._finish()

    def _ends_with_the_connection(self) -> bool:
        return not {b"content-length", b"transfer-encoding"} & {name.lower() for name, _ in self._fields}

    def _finish(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done() and self._parser is not None:
            waiter.set_result(Answer(self._parser.get_status_code(), Headers(self._fields), b"".join(self._parts)))

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._timer is None or self._timer.when() > deadline:
            self._stop_timer()
            self._timer = asyncio.get_running_loop().call_at(deadline, self._look_at_the_clock)

    def _look_at_the_clock(self) -> None:
        # The timer is not stopped with the exchange for which it was set: it most often finds that a later one has time left.
        self._timer = None
        if self._waiter is None:
            return
        if asyncio.get_running_loop().time() < self._deadline:
            self._set_deadline(self._deadline)
        else:
            self._fail(Unreachable("no answer in time"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, error: Unreachable) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)
