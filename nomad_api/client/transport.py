"""`Transport`: HTTP over TCP, TLS and unix sockets, and every failure a `NomadError`.

There are two ways to the server. An ordinary request, whose answer is wanted whole, goes over the client's own connections
(`pool`, `connection`): an operator that starts with ten thousand resources sends tens of thousands of them, and they are what
its start consists of. Streams and websockets, of which there are few and which live long, are aiohttp's.
"""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from nomad_api.client.answer import Answer, index_of
from nomad_api.client.endpoint import CONNECT_TIMEOUT, Endpoint
from nomad_api.client.pool import Pool
from nomad_api.client.request import Params, Requests, common_headers, encoded, target
from nomad_api.client.settings import Settings
from nomad_api.errors import APIError, Conflict, Unreachable, error_for
from nomad_api.models.variable import Variable

REQUEST_TIMEOUT: Final = 60.0
"""Seconds an ordinary request may take."""

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods whose requests may be sent twice (RFC 9110 §9.2.2)."""


class Transport:
    """Sends requests with the token and turns bad answers into exceptions. It connects at the first request."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._pool: Pool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

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
        """Send a request and read the whole answer.

        Raises:
            APIError: the answer is no success.
            Unreachable: there is no answer `within` that many seconds.
            ValueError: the path is not percent-encoded, or a header cannot be sent.
        """
        where = target(path, params)
        request = self._requests.encode(method, where, encoded(body), headers)
        repeatable, without_body = method in _IDEMPOTENT, method == "HEAD"
        try:
            answer = await self._connections().exchange(request, within, repeatable=repeatable, without_body=without_body)
            answer = answer.unzipped()
        except Unreachable as error:
            raise Unreachable(
                error.reason,
                method=method,
                url=f"{self.settings.base_url}{where}",
                connected=error.connected,
                retryable=error.retryable,
            ) from error
        if answer.status >= 300:
            raise failure(answer.status, answer.headers, answer.body, method, path)
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
        silence: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and hand over the successful answer before its body is read: for streams.

        Args:
            silence: seconds without a byte after which the stream counts as dead.
        """
        url = self.url(path, params)
        with translated(method, url):
            response = await self._client().request(
                method,
                url,
                data=encoded(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=silence),
                server_hostname=self.settings.tls.server_name or None,
                allow_redirects=False,
            )
        try:
            if response.status >= 300:
                with translated(method, url):
                    raise failure(response.status, response.headers, await response.read(), method, path)
            yield response
        finally:
            response.close()

    @asynccontextmanager
    async def websocket(self, path: str, *, params: Params | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Open a websocket.

        Raises:
            APIError: the agent refused the upgrade.
            Unreachable: there is no answer.
        """
        url = self.url(path, params)
        try:
            with translated("GET", url):
                socket = await self._client().ws_connect(
                    url, server_hostname=self.settings.tls.server_name or None, max_msg_size=0
                )
        except aiohttp.WSServerHandshakeError as error:
            raise error_for(error.status, error.message, "GET", path) from error
        async with socket:
            yield socket

    def url(self, path: str, params: Params | None = None) -> URL:
        """The whole URL of a path that is already percent-encoded."""
        return URL(f"{self.settings.base_url}{target(path, params)}", encoded=True)

    @cached_property
    def _endpoint(self) -> Endpoint:
        return Endpoint.of(self.settings)

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self.settings)

    def _connections(self) -> Pool:
        if self._pool is None:
            self._pool = Pool(self._endpoint)
        return self._pool

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = common_headers(self.settings)
            self._session = aiohttp.ClientSession(connector=self._connector(), headers=headers, auto_decompress=True)
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        # No limit here: every stream holds a connection, and the server has a limit of its own.
        if self._endpoint.socket_path:
            return aiohttp.UnixConnector(path=self._endpoint.socket_path, limit=0)
        return aiohttp.TCPConnector(ssl=self._endpoint.tls or True, limit=0)


class translated:
    """Turns aiohttp's exceptions for a lost or missing connection into `Unreachable`."""

    def __init__(self, method: str, url: URL) -> None:
        self._method = method
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        match error:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                raise self._unreachable(str(error), connected=False, retryable=False) from error
            case aiohttp.ClientConnectorError():
                reason = os.strerror(error.os_error.errno).lower() if error.os_error.errno else str(error.os_error)
                raise self._unreachable(reason, connected=False) from error
            case aiohttp.ConnectionTimeoutError():
                raise self._unreachable("connection timed out", connected=False) from error
            case TimeoutError():
                raise self._unreachable("no answer in time") from error
            case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | ConnectionError():
                raise self._unreachable(str(error) or type(error).__name__) from error

    def _unreachable(self, reason: str, *, connected: bool = True, retryable: bool = True) -> Unreachable:
        return Unreachable(reason, method=self._method, url=str(self._url), connected=connected, retryable=retryable)


def failure(status: int, headers: Mapping[str, str], body: bytes, method: str, path: str) -> APIError:
    """The exception for an unsuccessful answer. Nomad's errors are plain text, a conflict over a variable is JSON."""
    error = error_for(status, body.decode(errors="replace").strip(), method, path, index=index_of(headers))
    if isinstance(error, Conflict) and body.startswith(b"{"):
        error.current = Variable.from_json(body)
    return error
