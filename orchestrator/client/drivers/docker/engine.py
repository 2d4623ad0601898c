"""The Docker Engine's HTTP API, as far as tasks need it, without a thread for each endless request.

Logs, waits and sessions of commands stay open as long as their container lives; on the event loop they cost a socket each.
"""

import asyncio
import os
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
STDOUT: Final = 1
STDERR: Final = 2


class EngineError(Exception):
    """The engine refused a request, or does not answer (`status` 0)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status

    @property
    def not_found(self) -> bool:
        return self.status == 404


class Engine:
    """One engine, found as the Docker command finds it: `host`, else DOCKER_HOST, else the usual socket."""

    def __init__(self, host: str = "") -> None:
        self._address = urlsplit(host or os.environ.get("DOCKER_HOST") or DEFAULT_HOST)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> Any:
        """The engine's JSON answer, None if it is empty. `limit`: seconds to wait for it, for ever if None.

        Raises:
            EngineError: with the engine's own message.
        """
        try:
            async with self._open(method, path, params=params, body=body, headers=headers, limit=limit) as answer:
                data = await answer.read()
                if answer.status >= 400:
                    raise EngineError(_message(data), answer.status)
                return orjson.loads(data) if data and "json" in answer.content_type else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise EngineError(f"cannot reach the Docker engine: {error or 'no answer in time'}") from None

    async def stream(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[StreamReader | aiohttp.StreamReader]:
        """The body of an answer that comes piece by piece: yields it once; raises EngineError if it breaks off."""
        try:
            async with self._open(method, path, params=params, headers=headers) as answer:
                if answer.status >= 400:
                    raise EngineError(_message(await answer.read()), answer.status)
                yield answer.content
        except (aiohttp.ClientError, OSError) as error:
            raise EngineError(f"the Docker engine broke off: {error}") from None

    async def hijack(self, path: str, body: Any) -> tuple[StreamReader, StreamWriter]:
        """Send a request after whose answer the connection is a raw stream in both directions."""
        try:
            if self._address.scheme == "unix":
                reader, writer = await asyncio.open_unix_connection(self._address.path)
            else:
                reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        except OSError as error:
            raise EngineError(f"cannot reach the Docker engine: {error}") from None
        data = orjson.dumps(body)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )
        writer.write(head.encode() + data)
        answer = await reader.readuntil(b"\r\n\r\n")
        status = int(answer.split(None, 2)[1])
        if status >= 400:
            writer.close()
            raise EngineError(f"the Docker engine refused the session with status {status}", status)
        return reader, writer

    async def close(self) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    def _open(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        body: Any = None,
        limit: float | None = None,
    ) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            unix = self._address.scheme == "unix"
            connector = aiohttp.UnixConnector(self._address.path, limit=0) if unix else aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector)
        base = "http://docker" if self._address.scheme == "unix" else f"http://{self._address.netloc}"
        return self._session.request(
            method,
            base + path,
            params=params,
            data=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=aiohttp.ClientTimeout(total=limit),
        )


async def frames(stream: StreamReader | aiohttp.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """The messages of a stream that carries standard output and standard error side by side; a cut-off one is dropped."""
    while True:
        try:
            kind, size = struct.unpack(">BxxxL", await stream.readexactly(8))
            yield kind, await stream.readexactly(size)
        except asyncio.IncompleteReadError:
            return


def _message(data: bytes) -> str:
    try:
        return str(orjson.loads(data)["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return data.decode(errors="replace").strip()
