import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from nomad_api.client import Nomad
from nomad_api.errors import BadRequest, NotFound, StreamClosed


def frame(data: bytes) -> bytes:
    return json.dumps({"File": "alloc/logs/t.stdout.0", "Offset": 1, "Data": base64.b64encode(data).decode()}).encode()


async def test_logs_are_the_data_of_the_frames(server: Any, nomad: Nomad) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        stream = frame(b"one\n") + b"{}" + frame(b"two\n")
        for part in (stream[:10], stream[10:70], stream[70:]):
            await response.write(part)
        return response

    server.on("GET", "/v1/client/fs/logs/abc", handler)
    assert b"".join([data async for data in nomad.allocations.logs("abc", "t", stderr=True)]) == b"one\ntwo\n"
    assert server.last.query["type"] == "stderr"
    assert server.last.query["follow"] == "false"


async def test_logs_of_a_task_that_has_not_started(server: Any, nomad: Nomad) -> None:
    server.answers("GET", "/v1/client/fs/logs/abc", status=404, text='task "t" not started yet. No logs available')
    with pytest.raises(NotFound, match="not started"):
        await anext(nomad.allocations.logs("abc", "t"))


class Shell:
    """The other end of an exec session: says what it gets, in capitals, until stdin is closed."""

    def __init__(self, server: Any) -> None:
        self.sizes: list[dict[str, int]] = []
        server.on("GET", "/v1/client/allocation/abc/exec", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            received = json.loads(message.data)
            if "tty_size" in received:
                self.sizes.append(received["tty_size"])
            if data := received.get("stdin", {}).get("data"):
                said = base64.b64encode(base64.b64decode(data).upper()).decode()
                await socket.send_json({"stdout": {"data": said}})
                await socket.send_json({"stderr": {"data": said}})
            if received.get("stdin", {}).get("close"):
                await socket.send_json({"stdout": {"close": True}})
                await socket.send_json({"exited": True, "result": {"exit_code": 3}})
                break
        await socket.close()
        return socket


async def test_exec_passes_both_ways(server: Any, nomad: Nomad) -> None:
    async def stdin() -> AsyncIterator[bytes]:
        yield b"hello"

    shell = Shell(server)
    async with nomad.allocations.exec("abc", "t", ["cat", "-"], tty=True, stdin=stdin()) as session:
        await session.resize(24, 80)
        output = [(item.data, item.stderr) async for item in session]
    assert output == [(b"HELLO", False), (b"HELLO", True)]
    assert session.exit_code == 3
    assert shell.sizes == [{"height": 24, "width": 80}]
    assert json.loads(server.last.query["command"]) == ["cat", "-"]
    assert server.last.query["tty"] == "true"


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (WSCloseCode.POLICY_VIOLATION, b"unknown task", BadRequest),
        (WSCloseCode.OK, b"ended before", StreamClosed),
    ],
)
async def test_a_session_that_ends_early(server: Any, nomad: Nomad, code: int, reason: bytes, error: type[Exception]) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=code, message=reason)
        return socket

    server.on("GET", "/v1/client/allocation/abc/exec", handler)
    with pytest.raises(error, match=reason.decode() or None):
        async with nomad.allocations.exec("abc", "t", ["true"]) as session:
            assert [item async for item in session] == []


async def test_a_refused_session(server: Any, nomad: Nomad) -> None:
    with pytest.raises(NotFound):
        async with nomad.allocations.exec("nosuch", "t", ["true"]):
            pass
