import asyncio
import ssl
from pathlib import Path

import pytest

from nomad_api.client import TLS, Settings
from nomad_api.client.endpoint import Endpoint
from nomad_api.errors import Unreachable
from tests.nomad_api.client.certificates import certificate, server_context
from tests.nomad_api.client.raw_server import Line, answering, serving


def test_the_endpoint_of_settings(tmp_path: Path) -> None:
    assert Endpoint.of(Settings("http://nomad:4646/")) == Endpoint("nomad", 4646)
    assert Endpoint.of(Settings("http://[::1]")) == Endpoint("::1", 80)
    assert Endpoint.of(Settings("unix:///secrets/api.sock")) == Endpoint(socket_path="/secrets/api.sock")
    pem, _ = certificate(tmp_path, "nomad")
    secure = Endpoint.of(Settings("https://nomad", tls=TLS(ca_cert=str(pem), server_name="server.global.nomad")))
    assert isinstance(secure.tls, ssl.SSLContext)
    assert (secure.host, secure.port, secure.server_name) == ("nomad", 443, "server.global.nomad")


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (Endpoint("127.0.0.1", 1), "connection refused"),
        (Endpoint("localhost", 1), "connection refused"),
        (Endpoint(socket_path="/nowhere/api.sock"), "no such file or directory"),
    ],
)
async def test_nobody_listens(endpoint: Endpoint, reason: str) -> None:
    with pytest.raises(Unreachable) as caught:
        await endpoint.connect(asyncio.Protocol, 10.0)
    assert (caught.value.reason, caught.value.connected, caught.value.retryable) == (reason, False, True)


async def test_a_name_that_nobody_has() -> None:
    with pytest.raises(Unreachable, match="name") as caught:
        await Endpoint("nobody.invalid", 4646).connect(asyncio.Protocol, 10.0)
    assert not caught.value.connected


async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering) as server:
        monkeypatch.delattr(asyncio.BaseEventLoop, "getaddrinfo")
        transport = (await Endpoint("127.0.0.1", server.port).connect(Kept, 10.0)).transport
        transport.close()


class Kept(asyncio.Protocol):
    """Keeps its transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport


async def _silent(line: Line) -> None:
    await asyncio.Event().wait()


async def test_a_connection_that_is_not_established_in_time() -> None:
    async with serving(_silent) as server:
        endpoint = Endpoint("127.0.0.1", server.port, ssl.create_default_context())
        with pytest.raises(Unreachable) as caught:
            await endpoint.connect(asyncio.Protocol, 0.05)
    assert (caught.value.reason, caught.value.connected, caught.value.retryable) == ("connection timed out", False, True)


async def test_a_server_whose_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    async with serving(answering, tls=server_context(*certificate(tmp_path, "127.0.0.1"))) as server:
        endpoint = Endpoint.of(Settings(f"https://127.0.0.1:{server.port}"))
        with pytest.raises(Unreachable, match=r"certificate is not trusted: self.signed") as caught:
            await endpoint.connect(asyncio.Protocol, 10.0)
    assert (caught.value.connected, caught.value.retryable) == (False, False)


async def test_a_server_of_another_name(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "server.global.nomad")
    async with serving(answering, tls=server_context(pem, key)) as server:
        endpoint = Endpoint.of(Settings(f"https://127.0.0.1:{server.port}", tls=TLS(ca_cert=str(pem))))
        with pytest.raises(Unreachable, match=r"not valid for '127\.0\.0\.1'"):
            await endpoint.connect(asyncio.Protocol, 10.0)


async def test_a_server_that_speaks_no_tls() -> None:
    async def plain(line: Line) -> None:
        await line.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(plain) as server:
        with pytest.raises(Unreachable, match="TLS failed") as caught:
            await Endpoint.of(Settings(f"https://127.0.0.1:{server.port}")).connect(asyncio.Protocol, 10.0)
    assert (caught.value.connected, caught.value.retryable) == (False, False)
