"""Which connection a request goes over, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nomad_api.client import pool as pools
from nomad_api.client.endpoint import Endpoint
from nomad_api.client.pool import Pool
from nomad_api.errors import Unreachable
from operator_kit.testing import eventually
from tests.nomad_api.client.raw_server import Line, RawServer, Talk, answering, serving

REQUEST = b"GET / HTTP/1.1\r\n\r\n"


@asynccontextmanager
async def pooled(talk: Talk) -> AsyncIterator[tuple[Pool, RawServer]]:
    async with serving(talk) as server:
        pool = Pool(Endpoint("127.0.0.1", server.port))
        try:
            yield pool, server
        finally:
            await pool.close()


async def send(pool: Pool, *, within: float = 10.0, repeatable: bool = True) -> bytes:
    return (await pool.exchange(REQUEST, within, repeatable=repeatable)).body


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with pooled(answering) as (pool, server):
        for _ in range(3):
            assert await send(pool) == b"[]"
        assert len(server.lines) == 1


async def test_requests_at_the_same_time_have_a_connection_each_and_the_newest_is_used_first() -> None:
    gate = asyncio.Event()

    async def one_by_one(line: Line) -> None:
        await line.request()
        await gate.wait()
        while True:
            await line.answer(b"%d" % line.number)
            if not await line.request():
                return

    async with pooled(one_by_one) as (pool, server):
        requests = [asyncio.create_task(send(pool)) for _ in range(3)]
        await eventually(lambda: len(server.lines) == 3, every=0.001)
        gate.set()
        order = [await request for request in asyncio.as_completed(requests)]
        assert sorted(order) == [b"0", b"1", b"2"]
        assert len({await send(pool) for _ in range(5)}) == 1


async def test_a_request_that_meets_the_end_of_a_kept_connection_is_sent_again() -> None:
    async def once(line: Line) -> None:
        await line.request()
        await line.answer(b"%d" % line.number)
        await line.request()
        await line.hang_up()

    async with pooled(once) as (pool, server):
        assert [await send(pool) for _ in range(3)] == [b"0", b"1", b"2"]
        with pytest.raises(Unreachable, match="the server closed the connection"):
            await send(pool, repeatable=False)
        assert len(server.lines) == 3


async def test_it_is_sent_again_only_once_and_only_over_a_new_connection() -> None:
    asked: list[int] = []

    async def moody(line: Line) -> None:
        while await line.request():
            asked.append(line.number)
            if line.number > 1 or asked.count(line.number) > 1:
                await line.hang_up()
                return
            await line.answer()

    async with pooled(moody) as (pool, server):
        await asyncio.gather(send(pool), send(pool))
        with pytest.raises(Unreachable):
            await send(pool)
        assert len(server.lines) == 3
        assert len(asked) == 4
        with pytest.raises(Unreachable):
            await send(pool)  # the other kept one, and a fourth
        assert len(server.lines) == 4


async def test_what_broke_off_in_the_middle_is_not_sent_again() -> None:
    async def half(line: Line) -> None:
        await line.request()
        await line.answer()
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\n")
        await line.hang_up()

    async with pooled(half) as (pool, server):
        await send(pool)
        with pytest.raises(Unreachable, match="broke off"):
            await send(pool)
        assert len(server.lines) == 1


async def test_a_connection_that_the_server_closed_in_between_is_not_tried() -> None:
    async def once(line: Line) -> None:
        await line.request()
        await line.answer()
        await line.hang_up()

    async with pooled(once) as (pool, server):
        for number in range(3):
            await send(pool, repeatable=False)
            await eventually(lambda: server.hung_up == number + 1, every=0.001)  # noqa: B023
            await asyncio.sleep(0.01)


async def test_a_connection_that_is_to_be_closed_is_not_kept() -> None:
    async def last(line: Line) -> None:
        await line.request()
        await line.answer(headers=b"Connection: close\r\n")

    async with pooled(last) as (pool, server):
        await send(pool)
        await send(pool)
        assert len(server.lines) == 2
        await eventually(lambda: server.hung_up == 2, every=0.001)


async def test_a_request_that_is_given_up_takes_its_connection_along() -> None:
    async def slow(line: Line) -> None:
        await line.request()
        await asyncio.sleep(0.05 if line.number == 0 else 0)
        await line.answer(b"%d" % line.number)

    for give_up in (asyncio.CancelledError, Unreachable):
        async with pooled(slow) as (pool, server):
            request = asyncio.create_task(send(pool, within=0.02 if give_up is Unreachable else 10.0))
            await eventually(lambda: server.lines, every=0.001)
            if give_up is asyncio.CancelledError:
                request.cancel()
            with pytest.raises(give_up):
                await request
            assert await send(pool) == b"1"


async def test_what_nobody_needs_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IDLE", 0.05)
    async with pooled(answering) as (pool, server):
        await asyncio.gather(*(send(pool) for _ in range(4)))
        opened = len(server.lines)
        for _ in range(10):
            await send(pool)
            await asyncio.sleep(0.01)
        await eventually(lambda: server.hung_up == opened - 1, within=2.0, every=0.005)
        await send(pool)
        assert len(server.lines) == opened
        await eventually(lambda: server.hung_up == opened, within=2.0, every=0.005)


async def test_all_are_closed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "IDLE", 0.05)
    async with pooled(answering) as (pool, server):
        await asyncio.gather(send(pool), send(pool))
        await asyncio.sleep(0.03)
        await send(pool)  # so one falls idle later than the other
        await eventually(lambda: server.hung_up == len(server.lines) == 2, within=2.0, every=0.005)


async def test_closing_ends_all_that_goes_on() -> None:
    async def mute_after_one(line: Line) -> None:
        await line.request()
        await line.answer()
        await line.request()

    async with pooled(mute_after_one) as (pool, server):
        await send(pool)
        waiting = asyncio.create_task(send(pool))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(Unreachable, match="the client was closed"):
            await waiting
        with pytest.raises(Unreachable, match="the client was closed"):
            await send(pool)
        assert len(server.lines) == 1
        await eventually(lambda: server.hung_up == len(server.lines), every=0.001)


async def test_a_connection_that_comes_about_while_the_pool_closes_is_ended() -> None:
    async with pooled(answering) as (pool, server):
        waiting = asyncio.create_task(send(pool))
        await asyncio.sleep(0)
        await pool.close()
        with pytest.raises(Unreachable, match="the client was closed"):
            await waiting
        await eventually(lambda: server.hung_up == len(server.lines), every=0.001)


async def test_a_large_answer_and_a_large_request(tmp_path: Path) -> None:
    large = bytes(range(256)) * 8192

    async def echo(line: Line) -> None:
        while request := await line.request():
            await line.answer(request.partition(b"\r\n\r\n")[2])

    async with serving(echo, socket=tmp_path / "s") as server:
        pool = Pool(Endpoint(socket_path=str(tmp_path / "s")))
        for _ in range(2):
            request = b"PUT / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(large), large)
            assert (await pool.exchange(request, 10.0, repeatable=True)).body == large
        assert len(server.lines) == 1
        await pool.close()
