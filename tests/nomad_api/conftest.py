"""A small HTTP server that answers as a test tells it to, over TCP or a unix socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nomad_api.client import Nomad

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeServer:
    """Answers by method and path, and remembers the requests."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.address = ""
        self._handlers: dict[tuple[str, str], Handler] = {}

    def on(self, method: str, path: str, handler: Handler) -> None:
        """Answer requests for a path, as it stands in the request line."""
        self._handlers[method, path] = handler

    def answers(self, method: str, path: str, value: Any = None, *, status: int = 200, index: int = 0, text: str = "") -> None:
        """Answer with JSON, or with a text."""

        async def handler(request: web.Request) -> web.StreamResponse:
            headers = {"X-Nomad-Index": str(index)} if index else {}
            if text:
                return web.Response(status=status, text=text, headers=headers)
            return web.json_response(value, status=status, headers=headers)

        self.on(method, path, handler)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        handler = self._handlers.get((request.method, request.rel_url.raw_path))
        return web.Response(status=404, text="no such path") if handler is None else await handler(request)

    @property
    def last(self) -> web.Request:
        return self.requests[-1]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeServer]:
    fake = FakeServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    await web.UnixSite(runner, str(tmp_path / "api.sock")).start()
    host, port = runner.addresses[0][:2]
    fake.address = f"http://{host}:{port}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def nomad(server: FakeServer) -> AsyncIterator[Nomad]:
    async with Nomad(server.address) as client:
        yield client
