"""Answers HTTP requests: finds the route, asks the caller's rights, runs the handler, writes the answer as Nomad does.

Blocking queries live here and nowhere else: a read is run again while its index is not beyond the one asked for, each time
something it watched has changed. No answer leaves before the state it shows is durable.
"""

import asyncio
import gzip
import posixpath
import random
import ssl
from html import escape
from pathlib import Path
from typing import Any

import orjson
import structlog
from aiohttp import web

from nomad_api.models.base import Wire
from orchestrator.errors import APIError
from orchestrator.http import routes
from orchestrator.http.call import Call, secret_of
from orchestrator.http.route import TEXT, Answer, Route, routes_of
from orchestrator.http.router import Router
from orchestrator.services import Services

log = structlog.get_logger(__name__)
MAX_BODY = 64 * 1024 * 1024


class HTTPServer:
    """The HTTP API on TCP and, for the task API, on unix sockets. `authenticated` sockets refuse requests without a token."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._router = Router(route for module in routes.ALL for route in routes_of(module))
        self._runners: list[web.ServerRunner] = []

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Serve on TCP. Raises OSError if the address is taken."""
        runner = await self._run(authenticated=False)
        await web.TCPSite(runner, host, port, ssl_context=tls, backlog=1024).start()

    async def listen_unix(self, path: Path) -> web.ServerRunner:
        """Serve the task API on a unix socket: the same API, but never without a token. End it by `stop_unix`."""
        runner = await self._run(authenticated=True)
        await web.UnixSite(runner, str(path)).start()
        return runner

    async def stop_unix(self, runner: web.ServerRunner) -> None:
        """Stop serving on a unix socket."""
        self._runners.remove(runner)
        await runner.cleanup()

    async def close(self) -> None:
        """Stop serving; open requests are cancelled."""
        await asyncio.gather(*(runner.cleanup() for runner in tuple(self._runners)))

    async def _run(self, *, authenticated: bool) -> web.ServerRunner:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, authenticated)

        server = web.Server(handle, request_factory=_request, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _handle(self, request: web.BaseRequest, authenticated: bool) -> web.StreamResponse:
        try:
            return await self._answer(request, authenticated)
        except APIError as error:
            return _respond(request, Answer(error.message, error.index, status=error.status, content_type=TEXT))
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            log.exception("request failed", method=request.method, path=request.path)
            return _respond(request, Answer(f"internal error: {error}", status=500, content_type=TEXT))

    async def _answer(self, request: web.BaseRequest, authenticated: bool) -> web.StreamResponse:
        moved = _canonical(request.rel_url.raw_path)
        if moved:
            return _redirect(moved)
        found, values = self._router.find(request.rel_url.raw_path)
        if not found:
            return web.Response(status=404)
        route = next((route for route in found if request.method in route.methods), None)
        if route is None:
            status, message = found[0].wrong_method
            raise APIError(status, message)
        if route.kind != "stream" and request.query.get("region", self._services.region) != self._services.region:
            raise APIError(500, "No path to region", index=0 if route.kind == "write" and "/v1/var/" in request.path else None)
        if authenticated:
            self._services.resolver.resolve(secret_of(request), required=True)
        body = await request.read() if request.can_read_body else b""
        call = Call(request, values, body, self._services, route.parameter_error)
        route.needs(call)
        if route.kind == "stream":
            response: web.StreamResponse = await route.handler(call)
            return response
        answer = await self._read(call, route) if route.kind == "read" else await route.handler(call)
        return _respond(request, answer, consistent=route.kind == "read")

    async def _read(self, call: Call, route: Route) -> Answer:
        call.check_parameters()
        answer: Answer = route.handler(call)
        if call.min_index and answer.watch:
            answer = await self._block(call, route, answer)
        if answer.index:
            await call.store.durable(min(answer.index, call.store.index))
        return answer

    async def _block(self, call: Call, route: Route, answer: Answer) -> Answer:
        wait = call.wait * (1 + random.random() / 16)
        try:
            async with asyncio.timeout(wait):
                while (answer.index or 0) <= call.min_index:
                    with call.store.watch(*answer.watch) as watch:
                        await watch.changed()
                    answer = route.handler(call)
        except TimeoutError:
            pass
        return answer


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=MAX_BODY)


def _canonical(path: str) -> str | None:
    """Where Go's request multiplexer would send a path that is not clean, or None if it is clean."""
    if path == "/":
        return "/ui/"
    if path.rstrip("/") == "/v1/var":
        return "/v1/var/" if path == "/v1/var" else None
    if "//" not in path and "/." not in path:
        return None
    clean = posixpath.normpath("/" + path.lstrip("/"))
    clean += "/" if path.endswith("/") and clean != "/" else ""
    return clean if clean != path else None


def _redirect(location: str) -> web.Response:
    text = f'<a href="{escape(location)}">Temporary Redirect</a>.\n\n'
    return web.Response(status=307, text=text, headers={"Location": location}, content_type="text/html", charset="utf-8")


def _respond(request: web.BaseRequest, answer: Answer, *, consistent: bool = False) -> web.Response:
    headers = {"Vary": "Accept-Encoding", **answer.headers}
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    if answer.index is not None:
        headers["X-Nomad-Index"] = str(answer.index)
        if consistent:
            headers.setdefault("X-Nomad-LastContact", "0")
            headers.setdefault("X-Nomad-KnownLeader", "true")
    if answer.next_token:
        headers["X-Nomad-NextToken"] = answer.next_token
    body = _encode(answer.body, request)
    if body and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1)
    return web.Response(status=answer.status, body=body, headers=headers)


def _encode(body: Any, request: web.BaseRequest) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str) and request.query.get("pretty") is None:
        return body.encode()
    pretty = request.query.get("pretty", "0") != "0"
    if pretty:
        text = orjson.dumps(_plain(body), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
        return _four_spaces(text) + b"\n"
    if isinstance(body, Wire):
        return body.to_json()
    if isinstance(body, list) and body and isinstance(body[0], Wire):
        return b"[" + b",".join(item.to_json() for item in body) + b"]"
    return orjson.dumps(body, default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, Wire):
        return value.to_wire()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _four_spaces(text: bytes) -> bytes:
    lines = text.split(b"\n")
    return b"\n".join(b" " * (len(line) - len(line.lstrip(b" "))) + line for line in lines)
