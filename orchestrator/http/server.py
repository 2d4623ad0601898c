"""Answers HTTP requests: finds the route, asks the caller's rights, runs the handler.

Blocking queries live here and nowhere else: a read is run again while its index is not beyond the one asked for, each time
something it watched has changed. No answer leaves before the state it shows is durable.
"""

import asyncio
import posixpath
import random
import ssl
from html import escape
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from orchestrator.errors import APIError
from orchestrator.http import routes
from orchestrator.http.call import Call
from orchestrator.http.response import respond
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
        loop = asyncio.get_running_loop()

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, authenticated)

        def request_of(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
            return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)

        server = web.Server(handle, request_factory=request_of, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _handle(self, request: web.BaseRequest, authenticated: bool) -> web.StreamResponse:
        try:
            return await self._answer(request, authenticated)
        except APIError as error:
            return respond(request, Answer(error.message, error.index, status=error.status, content_type=TEXT))
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            log.exception("request failed", method=request.method, path=request.path)
            return respond(request, Answer(f"internal error: {error}", status=500, content_type=TEXT))

    async def _answer(self, request: web.BaseRequest, authenticated: bool) -> web.StreamResponse:
        path = request.rel_url.raw_path
        moved = _canonical(path)
        if moved:
            return _redirect(moved)
        routes, values = self._router.find(path)
        if not routes:
            return web.Response(status=404)
        route = routes.get(request.method)
        if route is None:
            status, message = next(iter(routes.values())).wrong_method
            raise APIError(status, message)
        call = Call(request, values, self._services, route.parameter_error)
        if route.kind != "stream" and call.text("region", self._services.region) != self._services.region:
            indexed = route.kind == "write" and route.pattern.startswith("/v1/var/")
            raise APIError(500, "No path to region", index=0 if indexed else None)
        if authenticated:
            call.caller = self._services.resolver.resolve(call.secret, required=True)
        if request.can_read_body:
            call.body = await request.read()
        route.needs(call)
        if route.kind == "stream":
            response: web.StreamResponse = await route.handler(call)
            return response
        answer = await self._read(call, route) if route.kind == "read" else await route.handler(call)
        return respond(request, answer, consistent=route.kind == "read")

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
