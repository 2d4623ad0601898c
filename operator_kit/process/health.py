"""The small HTTP server of an operator: is it alive, is it ready, what has it measured.

/healthz   200 while the event loop runs and no reconcile is stuck beyond its limit
/readyz    200 while every source is followed; 503 with the reasons otherwise
/metrics   for Prometheus
/debug/queue, /debug/sources   what is going on inside, as JSON
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

Check = Callable[[], list[str]]
"""What is wrong at the moment; nothing if all is well."""

Inspection = Callable[[], Any]
"""What is to be shown of the inside, as plain data."""

_OK: Final = "ok\n"


class HealthServer:
    """Answers on `host:port`; an async context."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        alive: Check,
        ready: Check,
        registry: CollectorRegistry,
        inspections: Mapping[str, Inspection] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._registry = registry
        app = web.Application()
        app.router.add_get("/healthz", _answer(alive))
        app.router.add_get("/readyz", _answer(ready))
        app.router.add_get("/metrics", self._metrics)
        for name, inspection in (inspections or {}).items():
            app.router.add_get(f"/debug/{name}", _show(inspection))
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> "HealthServer":
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def port(self) -> int:
        """The port, also where 0 was asked for."""
        port: int = self._runner.addresses[0][1]
        return port

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _answer(check: Check) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        problems = check()
        return web.Response(status=503 if problems else 200, text="".join(f"{line}\n" for line in problems) or _OK)

    return handler


def _show(inspection: Inspection) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=orjson.dumps(inspection(), option=orjson.OPT_INDENT_2), content_type="application/json")

    return handler
