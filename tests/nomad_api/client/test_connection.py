"""Exchanges on one connection, byte by byte; no socket is needed for that."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.client.answer import Answer
from nomad_api.client.connection import Connection, Disconnected
from nomad_api.errors import Unreachable
from operator_kit.testing import virtual_time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Wire(asyncio.Transport):
    """What stands for the socket: keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.aborted = False

    def write(self, data: Any) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


class Bench:
    """A connection that is made, and a server in the hands of the test."""

    def __init__(self, size: int = 1024) -> None:
        self.open: set[Connection] = set()
        self.wire = Wire()
        self.connection = Connection(memoryview(bytearray(size)), self.open)
        self.connection.connection_made(self.wire)

    async def ask(self, within: float = 60.0, *, without_body: bool = False) -> "asyncio.Task[Answer]":
        """Begin an exchange."""
        exchange = asyncio.create_task(self.connection.exchange(b"GET", within, without_body=without_body))
        await asyncio.sleep(0)
        return exchange

    def says(self, *pieces: bytes) -> None:
        for piece in pieces:
            buffer = self.connection.get_buffer(-1)
            buffer[: len(piece)] = piece
            self.connection.buffer_updated(len(piece))

    def hangs_up(self, error: Exception | None = None) -> None:
        if error is None:
            self.connection.eof_received()
        self.connection.connection_lost(error)

    async def exchanged(self, *pieces: bytes) -> Answer:
        exchange = await self.ask()
        self.says(*pieces)
        return await exchange


ANSWERS = {
    "length": (b"HTTP/1.1 200 OK\r\nX-Nomad-Index: 7\r\nContent-Length: 11\r\n\r\nhello world", 200, b"hello world", True),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: t\r\n\r\n",
        200,
        b"hello world",
        True,
    ),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"[]", True),
    "nothing": (NO_CONTENT, 204, b"", True),
    "unchanged": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b"", True),
    "last": (b"HTTP/1.1 500 Sorry\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad", 500, b"bad", False),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n[]", 200, b"[]", False),
}


@given(which=st.sampled_from(sorted(ANSWERS)), cuts=st.lists(st.integers(0, 140)), twice=st.booleans())
def test_an_answer_is_read_however_it_is_cut(which: str, cuts: list[int], twice: bool) -> None:
    raw, status, body, reusable = ANSWERS[which]
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    pieces = [raw[begin:end] for begin, end in pairwise(edges) if begin < end]

    async def course() -> None:
        bench = Bench()
        for _ in range(2 if twice and reusable else 1):
            answer = await bench.exchanged(*pieces)
            assert (answer.status, answer.body) == (status, body)
            assert not {"Link", "X-Trailer"} & set(answer.headers)
            assert bench.connection.reusable is reusable
            assert not bench.wire.aborted

    asyncio.run(course())


@given(cut=st.integers(1, len(OK) - 1))
def test_an_answer_that_breaks_off_is_none(cut: int) -> None:
    async def course() -> None:
        bench = Bench()
        exchange = await bench.ask()
        bench.says(OK[:cut])
        bench.hangs_up()
        with pytest.raises(Unreachable, match="broke off") as caught:
            await exchange
        assert not isinstance(caught.value, Disconnected)
        assert not bench.open

    asyncio.run(course())


@given(junk=st.binary(min_size=1, max_size=64))
def test_whatever_comes_the_exchange_ends(junk: bytes) -> None:
    async def course() -> None:
        bench = Bench()
        exchange = await bench.ask()
        bench.says(junk)
        if bench.open:
            bench.hangs_up()
        with pytest.raises(Unreachable):
            await exchange
        assert not bench.connection.reusable

    asyncio.run(course())


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    bench = Bench()
    exchange = await bench.ask()
    bench.says(b"HTTP/1.1 200 OK\r\n\r\nhello", b" world")
    await asyncio.sleep(0)
    assert not exchange.done()
    bench.hangs_up()
    assert (await exchange).body == b"hello world"
    assert not bench.connection.reusable


async def test_a_body_without_a_length_is_not_whole_if_the_connection_breaks() -> None:
    bench = Bench()
    exchange = await bench.ask()
    bench.says(b"HTTP/1.1 200 OK\r\n\r\nhello")
    bench.hangs_up(ConnectionResetError(104, "reset"))
    with pytest.raises(Unreachable, match="connection reset by peer"):
        await exchange


async def test_the_answer_to_head_has_no_body_whatever_it_says() -> None:
    bench = Bench()
    exchange = await bench.ask(without_body=True)
    bench.says(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    answer = await exchange
    assert (answer.headers["content-length"], answer.body, bench.connection.reusable) == ("5000", b"", False)


async def test_the_last_answer_is_not_taken_for_the_next() -> None:
    bench = Bench()
    assert (await bench.exchanged(NO_CONTENT)).status == 204
    exchange = await bench.ask()
    bench.hangs_up()
    with pytest.raises(Disconnected):
        await exchange


async def test_a_server_that_hangs_up_before_the_answer_is_told_apart() -> None:
    for error, reason in ((None, "the server closed the connection"), (BrokenPipeError(32, ""), "broken pipe")):
        bench = Bench()
        exchange = await bench.ask()
        bench.hangs_up(error)
        with pytest.raises(Disconnected) as caught:
            await exchange
        assert (caught.value.reason, caught.value.retryable, caught.value.connected) == (reason, True, True)


async def test_nothing_is_sent_over_a_connection_that_has_ended() -> None:
    bench = Bench()
    bench.connection.eof_received()
    with pytest.raises(Disconnected):
        await bench.connection.exchange(b"GET", 60.0)
    assert bench.wire.written == b""


@pytest.mark.parametrize("more", [OK, OK[:9], b"\0", b"HTTP/1.1 200 OK\r\n"])
async def test_after_more_than_was_asked_for_nothing_is_trusted(more: bytes) -> None:
    bench = Bench()
    assert (await bench.exchanged(OK + more)).body == b"[]"
    assert not bench.connection.reusable


async def test_bytes_that_nobody_asked_for_end_the_connection() -> None:
    bench = Bench()
    await bench.exchanged(OK)
    bench.says(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    assert (bench.connection.reusable, bench.wire.aborted) == (False, True)


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nyz"])
async def test_what_is_not_http_is_no_answer(raw: bytes) -> None:
    bench = Bench()
    exchange = await bench.ask()
    bench.says(raw)
    with pytest.raises(Unreachable, match=r"not HTTP/1\.1"):
        await exchange
    assert bench.wire.aborted


async def test_a_server_that_answers_before_it_has_the_request_is_not_asked_again() -> None:
    bench = Bench()
    bench.wire.unsent = 4096
    assert (await bench.exchanged(OK)).status == 200
    assert not bench.connection.reusable


async def test_a_cancelled_exchange_takes_its_connection_along() -> None:
    bench = Bench()
    exchange = await bench.ask()
    exchange.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exchange
    assert (bench.connection.reusable, bench.wire.aborted) == (False, True)
    bench.says(OK)  # too late; it harms nobody
    bench.hangs_up()
    assert bench.connection.ended.is_set()


@virtual_time
async def test_every_exchange_has_its_own_time() -> None:
    loop = asyncio.get_running_loop()
    bench = Bench()
    for within in (60.0, 300.0, 50.0, 10.0, 60.0):
        began = loop.time()
        exchange = await bench.ask(within)
        await asyncio.sleep(within - 1)
        bench.says(OK)
        assert (await exchange).status == 200
        assert loop.time() == pytest.approx(began + within - 1)
    began = loop.time()
    with pytest.raises(Unreachable, match="no answer in time"):
        await bench.connection.exchange(b"GET", 20.0)
    assert loop.time() == pytest.approx(began + 20)
    assert bench.wire.aborted


@virtual_time
async def test_a_short_time_after_a_long_one_is_kept() -> None:
    loop = asyncio.get_running_loop()
    bench = Bench()
    exchange = await bench.ask(300.0)
    bench.says(OK)
    await exchange
    began = loop.time()
    with pytest.raises(Unreachable, match="no answer in time"):
        await bench.connection.exchange(b"GET", 5.0)
    assert loop.time() == pytest.approx(began + 5)


async def test_an_exchange_on_a_connection_that_is_aborted_is_not_the_servers_doing() -> None:
    bench = Bench()
    exchange = await bench.ask()
    bench.connection.abort()
    bench.hangs_up(ConnectionAbortedError())
    with pytest.raises(Unreachable, match="the client was closed") as caught:
        await exchange
    assert not isinstance(caught.value, Disconnected)


@virtual_time
async def test_no_timer_outlives_the_connection() -> None:
    bench = Bench()
    await bench.exchanged(OK)
    bench.hangs_up()
    assert not any(not timer.cancelled() for timer in asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]
