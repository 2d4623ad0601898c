"""`ForwardingTransport`: a transport that hands everything to another; the base of those that count, record or hold back."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from nomad_api.client.answer import Answer
from nomad_api.client.request import Params
from nomad_api.client.transport import REQUEST_TIMEOUT, Transport


class ForwardingTransport(Transport):
    """See the module's text; use it by `nomad.over(transport)`.

    Attributes:
        below: the transport that requests are handed to; closed by whom it belongs to.
    """

    def __init__(self, below: Transport) -> None:
        super().__init__(below.settings)
        self.below = below

    async def close(self) -> None:
        """Nothing: what is below is closed by whom it belongs to."""

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
        return await self.below.request(method, path, params=params, body=body, headers=headers, within=within)

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
        opened = self.below.open(method, path, params=params, body=body, headers=headers, silence=silence)
        async with opened as response:
            yield response

    @asynccontextmanager
    async def websocket(self, path: str, *, params: Params | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.below.websocket(path, params=params) as socket:
            yield socket
