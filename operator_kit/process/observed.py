"""`ObservedTransport`: another transport, with every request counted, and every write told to the look that makes it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import perf_counter

import aiohttp

from nomad_api.client.transport import REQUEST_TIMEOUT, Answer, Params, Transport
from nomad_api.errors import APIError
from operator_kit.engine.tracing import writes

Told = Callable[[str, int, float], None]
"""Told of each request: its method, the status of its answer (0 where there was none), and the seconds it took."""


class ObservedTransport(Transport):
    """See the module's text. Streams and websockets are told of by the transport below alone."""

    def __init__(self, below: Transport, told: Told) -> None:
        super().__init__(below.settings)
        self._below = below
        self._told = told

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        within: float = REQUEST_TIMEOUT,
    ) -> Answer:
        if method != "GET" and (written := writes.get()) is not None:
            written.add(method, path)
        began = perf_counter()
        status = 0
        try:
            answer = await self._below.request(method, path, params=params, body=body, headers=headers, within=within)
            status = answer.status
        except APIError as error:
            status = error.status
            raise
        finally:
            self._told(method, status, perf_counter() - began)
        return answer

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        silence: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._below.open(
            method, path, params=params, body=body, headers=headers, within=within, silence=silence
        ) as response:
            yield response

    @asynccontextmanager
    async def websocket(self, path: str, *, params: Params | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self._below.websocket(path, params=params) as socket:
            yield socket

    async def close(self) -> None:
        await self._below.close()
