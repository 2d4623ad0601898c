"""HTTP itself: one aiohttp session for TCP, TLS and unix sockets, and the translation of every failure into `NomadError`."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import orjson
from yarl import URL

from nomad_api.client.settings import Settings
from nomad_api.errors import APIError, Conflict, Unreachable, error_for
from nomad_api.models.base import Wire
from nomad_api.models.variable import Variable

Params = Mapping[str, str | int | bool | list[str] | None]
"""Query parameters: None is left out, a boolean is `true` or `false`, a list repeats its name."""

REQUEST_TIMEOUT: Final = 60.0
"""Seconds an ordinary request may take."""

CONNECT_TIMEOUT: Final = 10.0
"""Seconds a connection may take to be established."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer: its status, headers and whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def index(self) -> int:
        """The answer's `X-Nomad-Index`, 0 without one."""
        return _index(self.headers)

    @property
    def next_token(self) -> str:
        """Where the next page begins, empty when this was the last one."""
        return self.headers.get("X-Nomad-NextToken", "")

    def json(self) -> Any:
        """The decoded body; None where Nomad sends none (many writes)."""
        return orjson.loads(self.body) if self.body else None


class Transport:
    """Sends requests with the token and turns bad answers into exceptions. It opens its session at the first request."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None

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
        """
        async with self.open(method, path, params=params, body=body, headers=headers, within=within) as response:
            with translated(method, response.url):
                return Answer(response.status, response.headers, await response.read())

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
        """Send a request and hand over the successful answer before its body is read: for streams.

        Args:
            within: seconds for the whole exchange, None for no limit.
            silence: seconds without a byte after which the stream counts as dead.
        """
        url = self.url(path, params)
        with translated(method, url):
            response = await self._client().request(
                method,
                url,
                data=_encoded(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=within, sock_connect=CONNECT_TIMEOUT, sock_read=silence),
                server_hostname=self.settings.tls.server_name or None,
                allow_redirects=False,
            )
        try:
            if response.status >= 300:
                with translated(method, url):
                    raise failure(response.status, response.headers, await response.read(), method, path)
            yield response
        finally:
            response.close() if within is None else response.release()

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
        query = urlencode([pair for name, value in (params or {}).items() for pair in _pairs(name, value)])
        return URL(f"{self.settings.base_url}{path}{'?' if query else ''}{query}", encoded=True)

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=self._connector(), headers=self._headers(), auto_decompress=True)
        return self._session

    def _connector(self) -> aiohttp.BaseConnector:
        # No limit here: every watch holds a connection, and the server has a limit of its own.
        if self.settings.socket_path:
            return aiohttp.UnixConnector(path=self.settings.socket_path, limit=0)
        if self.settings.address.startswith("https"):
            return aiohttp.TCPConnector(ssl=self.settings.tls.context(), limit=0)
        return aiohttp.TCPConnector(limit=0)

    def _headers(self) -> dict[str, str]:
        # To compress costs both sides more than to copy, where no network lies between.
        headers = {"Accept-Encoding": "identity" if self.settings.on_this_machine else "gzip"}
        if self.settings.token:
            headers["X-Nomad-Token"] = self.settings.token
        if self.settings.http_auth:
            user, _, password = self.settings.http_auth.partition(":")
            headers["Authorization"] = aiohttp.encode_basic_auth(user, password)
        return headers


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
    error = error_for(status, body.decode(errors="replace").strip(), method, path, index=_index(headers))
    if isinstance(error, Conflict) and body.startswith(b"{"):
        error.current = Variable.from_json(body)
    return error


def _index(headers: Mapping[str, str]) -> int:
    text = headers.get("X-Nomad-Index", "0")
    return int(text) if text.isdigit() else 0


def _pairs(name: str, value: str | int | bool | list[str] | None) -> list[tuple[str, str]]:
    match value:
        case None:
            return []
        case bool():
            return [(name, "true" if value else "false")]
        case list():
            return [(name, item) for item in value]
        case _:
            return [(name, str(value))]


def _encoded(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return orjson.dumps(body, default=_wire)


def _wire(value: object) -> object:
    if isinstance(value, Wire):
        return value.to_wire()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
