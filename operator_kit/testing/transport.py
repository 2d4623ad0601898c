"""The wire of the in-memory Nomad: requests are answered from the table of routes, with blocking queries as Nomad has them.

A query with an index is answered at once when there is something newer. Otherwise it waits for a change of what the route
says it depends on, and is answered anew; when its time is over, with what it found at first.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote

import aiohttp
import orjson
from yarl import URL

from nomad_api.client import Settings
from nomad_api.client.answer import Answer
from nomad_api.client.request import Params
from nomad_api.client.transport import Transport, failure
from nomad_api.duration import SECOND, parse_duration
from nomad_api.errors import Unreachable
from nomad_api.models.base import Wire
from operator_kit.testing.faults import Faults
from operator_kit.testing.filter import matching
from operator_kit.testing.routes import ROUTES
from operator_kit.testing.routing import Refused, Request, Route, Router
from operator_kit.testing.state import DEFAULT, Cluster, Row
from operator_kit.testing.stream import Stream

_LOGS: Final = "/v1/client/fs/logs/"
_EVENTS: Final = "/v1/event/stream"
_ROUTER: Final = Router(ROUTES)


class MemoryTransport(Transport):
    """One client's way to the cluster.

    Attributes:
        cut_off: whether every request fails.
        faults: what goes wrong on the way; None for nothing.
    """

    def __init__(self, cluster: Cluster, faults: Faults | None = None) -> None:
        super().__init__(Settings("http://memory", "", "", "", ""))
        self.cluster = cluster
        self.faults = faults
        self.cut_off = False
        self._streams: list[Stream] = []

    def cut(self) -> None:
        """Break every connection of this client."""
        self.cut_off = True
        for stream in self._streams:
            stream.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        within: float = 0.0,
    ) -> Answer:
        self._reach(method, path)
        given: dict[str, Any] = {name: value for name, value in (params or {}).items() if value is not None}

        async def send() -> Answer:
            return await self._answer(method, path, _plain(body), given)

        return await (send() if self.faults is None else self.faults.send(self, method, path, send))

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        self._reach(method, path)
        given = dict(params or {})
        if path.startswith(_LOGS):
            yield cast(aiohttp.ClientResponse, _StreamAnswer(_Log(self.cluster.logs.get(path.removeprefix(_LOGS), b""))))
            return
        if path != _EVENTS:
            raise failure(404, {}, b"", method, path)
        if self.faults is not None:
            await self.faults.connect(self, method, path)
        stream = Stream(cast(list[str], given.get("topic") or []), str(given.get("namespace") or DEFAULT), self._deliver)
        self.cluster.subscribe(stream, int(cast(int, given.get("index") or 0)))
        self._streams.append(stream)
        try:
            yield cast(aiohttp.ClientResponse, _StreamAnswer(stream))
        finally:
            self._streams.remove(stream)
            self.cluster.unsubscribe(stream)

    @asynccontextmanager
    async def websocket(self, path: str, *, params: Params | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Commands inside tasks: `Cluster.execute` runs them, and its output comes in one frame."""
        self._reach("GET", path)
        given = params or {}
        allocation = unquote(path.removesuffix("/exec").rpartition("/")[2])
        if allocation not in self.cluster.allocations:
            raise failure(404, {}, b"Unknown allocation", "GET", path)
        command = json.loads(str(given["command"]))
        exit_code, output = self.cluster.execute(allocation, str(given.get("task") or ""), command)
        yield cast(aiohttp.ClientWebSocketResponse, _ExecSocket(exit_code, output))

    def _reach(self, method: str, path: str) -> None:
        self.cluster.requests.append((method, path))
        if self.cut_off:
            raise Unreachable("cut off", method=method, url=path)
        if self.cluster.fault is not None:
            self.cluster.fault(method, path)

    def _deliver(self, line: bytes) -> Any:
        return ((0.0, line),) if self.faults is None else self.faults.deliver(line)

    async def _answer(self, method: str, path: str, body: Row, params: dict[str, Any]) -> Answer:
        try:
            route, ids = _ROUTER.find(method, unquote(path.removeprefix("/v1/")))
        except Refused as refused:
            raise self._failure(refused, {}, method, path) from None
        namespace = str(params.get("namespace") or DEFAULT)
        request = Request(self.cluster, ids, params, body, namespace)
        asked = int(params.get("index") or 0)
        found = self._find(route, request)
        if method == "GET" and asked > 0 and found.index <= asked:
            waits = parse_duration(params["wait"]) / SECOND if "wait" in params else 300.0
            deadline = asyncio.get_running_loop().time() + waits
            while await self.cluster.changed(route.watched(request), deadline - asyncio.get_running_loop().time()):
                found = self._find(route, request)
                if found.index > asked:
                    break
        header = {"X-Nomad-Index": str(found.index)}
        if found.refused is not None:
            raise self._failure(found.refused, header, method, path)
        return Answer(200, header, found.body)

    def _find(self, route: Route, request: Request) -> "_Found":
        try:
            value = route.handler(request)
            if isinstance(value, list) and request.params.get("filter"):
                value = matching(value, str(request.params["filter"]))
        except Refused as refused:
            return _Found(route.index(request, None), b"", refused)
        body = b"" if value is None and not route.tables else orjson.dumps(value)
        return _Found(route.index(request, value), body, None)

    def _failure(self, refused: Refused, headers: dict[str, str], method: str, path: str) -> Exception:
        text = refused.body if isinstance(refused.body, str) else orjson.dumps(refused.body).decode()
        return failure(refused.status, headers, text.encode(), method, path)


@dataclass(frozen=True, slots=True)
class _Found:
    index: int
    body: bytes
    refused: Refused | None


class _StreamAnswer:
    """Of an aiohttp answer, what the client's streams use."""

    url = URL("http://memory/v1/")

    def __init__(self, content: "Stream | _Log") -> None:
        self.content = content


class _Log:
    """A log as one frame; also the `content` of its answer."""

    def __init__(self, log: bytes) -> None:
        self._frame = orjson.dumps({"Data": base64.b64encode(log).decode()})

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._frame


@dataclass(frozen=True, slots=True)
class _TextMessage:
    data: str
    type: aiohttp.WSMsgType = aiohttp.WSMsgType.TEXT


class _ExecSocket:
    """Of an aiohttp websocket, what `ExecSession` uses: output and exit code of a command that has run already."""

    def __init__(self, exit_code: int, output: bytes) -> None:
        data = base64.b64encode(output).decode()
        frames = [{"stdout": {"data": data}}] if output else []
        self._frames = [*frames, {"exited": True, "result": {"exit_code": exit_code}}]

    async def receive(self) -> aiohttp.WSMessage:
        return cast(aiohttp.WSMessage, _TextMessage(json.dumps(self._frames.pop(0))))

    async def send_str(self, data: str) -> None:
        """What the command would read is thrown away."""


def _plain(body: object) -> Row:
    """The body as it arrives: a copy in plain JSON."""
    if body is None:
        return {}
    data = body.to_wire() if isinstance(body, Wire) else body
    return cast(Row, orjson.loads(orjson.dumps(data, default=lambda value: value.to_wire())))
