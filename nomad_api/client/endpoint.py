"""`Endpoint`: where the server is, and how a connection to it is made: TCP, TLS or a unix socket."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from aiohappyeyeballs import AddrInfoType, start_connection
from yarl import URL

from nomad_api.client.settings import Settings
from nomad_api.errors import Unreachable

CONNECT_TIMEOUT: Final = 10.0
"""Seconds a connection may take to be established."""

HEAD_START: Final = 0.25
"""Seconds that an address of a name has before the next one is tried beside it (RFC 8305 §8)."""

P = TypeVar("P", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """See the module's text.

    Attributes:
        host, port: for TCP.
        tls: for TLS over it.
        server_name: whose certificate is expected; empty is the host's.
        socket_path: of the unix socket, instead of all that.
    """

    host: str = ""
    port: int = 0
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    socket_path: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Where settings say that the server is.

        Raises:
            ConfigurationError: see `TLS.context`.
        """
        if settings.socket_path:
            return cls(socket_path=settings.socket_path)
        url = URL(settings.base_url)
        tls = settings.tls.context() if url.scheme == "https" else None
        return cls(url.raw_host or "", url.port or 0, tls, settings.tls.server_name)

    async def connect(self, protocol: Callable[[], P], within: float) -> P:
        """Make a connection.

        Raises:
            Unreachable: nobody listens, `within` that many seconds; or the server's certificate is no good (not retryable).
        """
        try:
            async with asyncio.timeout(min(within, CONNECT_TIMEOUT)):
                return await self._connect(protocol)
        except TimeoutError as error:
            raise Unreachable("connection timed out", connected=False) from error
        except OSError as error:
            raise Unreachable(reason(error), connected=False, retryable=not isinstance(error, ssl.SSLError)) from error

    async def _connect(self, protocol: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        if self.socket_path:
            return (await loop.create_unix_connection(protocol, self.socket_path))[1]
        # Of several refusals it makes one with a number, where asyncio makes a text.
        sock = await start_connection(await self._addresses(), happy_eyeballs_delay=HEAD_START, interleave=1)
        name = (self.server_name or self.host) if self.tls else None
        return (await loop.create_connection(protocol, sock=sock, ssl=self.tls, server_hostname=name))[1]

    async def _addresses(self) -> Sequence[AddrInfoType]:
        try:
            # Of an address nothing is to be found out, so it does not wait for one of the loop's threads.
            return socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return await asyncio.get_running_loop().getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)


def reason(error: Exception) -> str:
    """Why a connection could not be made, or broke, in few words."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error}"
        case socket.gaierror():
            return str(error.strerror).lower()
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case _:
            return str(error) or type(error).__name__
