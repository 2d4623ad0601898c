"""A command run inside a task: Nomad's exec protocol over a websocket.

Text frames of JSON. To the task go `{"stdin":{"data":…}}`, `{"stdin":{"close":true}}` and `{"tty_size":…}`; from it come
`{"stdout":{"data":…}}`, `{"stderr":…}` and at last `{"exited":true,"result":{"exit_code":n}}`. Data is base64.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from nomad_api.client.api import Api, absolute
from nomad_api.errors import StreamClosed, error_for

HEARTBEAT: Final = 10.0
"""Seconds between the empty frames that keep the session alive."""


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that the command has written, to stderr or to stdout."""

    data: bytes
    stderr: bool = False


class ExecSession:
    """A running command: iterate over its output until it ends, then read `exit_code`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, path: str) -> None:
        self.exit_code: int | None = None
        self._socket = socket
        self._path = path

    async def write(self, data: bytes) -> None:
        """Send bytes to the command's standard input."""
        await self._send({"stdin": {"data": base64.b64encode(data).decode()}})

    async def close_stdin(self) -> None:
        """End the command's standard input."""
        await self._send({"stdin": {"close": True}})

    async def resize(self, height: int, width: int) -> None:
        """Tell the command the size of its terminal."""
        await self._send({"tty_size": {"height": height, "width": width}})

    async def __aiter__(self) -> AsyncIterator[Output]:
        while True:
            message = await self._socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise self._ended(message)
            frame: dict[str, Any] = json.loads(message.data)
            for name in ("stdout", "stderr"):
                if data := (frame.get(name) or {}).get("data"):
                    yield Output(base64.b64decode(data), stderr=name == "stderr")
            if frame.get("exited"):
                self.exit_code = (frame.get("result") or {}).get("exit_code", 0)
                return

    async def _send(self, frame: dict[str, Any]) -> None:
        await self._socket.send_str(json.dumps(frame))

    async def _pump(self, stdin: AsyncIterable[bytes]) -> None:
        async for data in stdin:
            await self.write(data)
        await self.close_stdin()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            await self._send({})

    def _ended(self, message: aiohttp.WSMessage) -> Exception:
        """Nomad gives an error as the reason of the close: 1008 for a bad request, 1011 for its own trouble."""
        status = {aiohttp.WSCloseCode.POLICY_VIOLATION: 400, aiohttp.WSCloseCode.INTERNAL_ERROR: 500}.get(message.data)
        if message.type is aiohttp.WSMsgType.CLOSE and status:
            return error_for(status, message.extra or "the session was refused", "GET", self._path)
        return StreamClosed("the session ended before the command did")


@asynccontextmanager
async def exec_session(
    api: Api, path: str, params: dict[str, Any], stdin: AsyncIterable[bytes] | None
) -> AsyncIterator[ExecSession]:
    """Open a session, feed it with `stdin` if given, and keep it alive until the block ends."""
    path = absolute(path)
    async with api.transport.websocket(path, params=api.scope(params)) as socket:
        session = ExecSession(socket, path)
        helpers = [asyncio.create_task(session._beat())]
        if stdin is not None:
            helpers.append(asyncio.create_task(session._pump(stdin)))
        try:
            yield session
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
