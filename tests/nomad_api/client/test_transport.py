import asyncio
import gzip
from pathlib import Path

import pytest
from aiohttp import web

from nomad_api.client import TLS, Nomad, Settings
from nomad_api.errors import Conflict, NotFound, ServerError, Unreachable
from nomad_api.models import Job
from tests.nomad_api.client.certificates import certificate, server_context
from tests.nomad_api.client.raw_server import Line, answering, serving


async def test_a_request_carries_token_namespace_and_region(server) -> None:
    server.answers("GET", "/v1/jobs", [])
    async with Nomad(server.address, token="secret", namespace="n", region="r", http_auth="me:pass") as nomad:
        await nomad.jobs.list("web", filter='Status == "running"')
    assert server.last.headers["X-Nomad-Token"] == "secret"
    assert server.last.headers["Authorization"].startswith("Basic ")
    assert dict(server.last.query) == {"namespace": "n", "region": "r", "prefix": "web", "filter": 'Status == "running"'}


async def test_what_is_unset_is_not_sent(server, nomad: Nomad) -> None:
    server.answers("GET", "/v1/jobs", [])
    await nomad.jobs.list()
    assert "X-Nomad-Token" not in server.last.headers
    assert not server.last.query


async def test_a_scoped_client_shares_the_connections(server, nomad: Nomad) -> None:
    server.answers("GET", "/v1/jobs", [])
    await nomad.scoped(namespace="other").jobs.list()
    assert server.last.query["namespace"] == "other"
    await nomad.jobs.list()
    assert "namespace" not in server.last.query


async def test_ids_are_escaped(server, nomad: Nomad) -> None:
    server.answers("GET", "/v1/job/a%2Fb%20c%3Fd", {"ID": "a/b c?d"})
    assert (await nomad.jobs.get("a/b c?d")).id == "a/b c?d"
    server.answers("GET", "/v1/var/a/b~c", {"Path": "a/b~c", "Items": {"k": "v"}})
    assert (await nomad.variables.get("a/b~c")).items == {"k": "v"}


async def test_the_unix_socket(server, tmp_path: Path) -> None:
    server.answers("GET", "/v1/status/leader", "127.0.0.1:4647")
    async with Nomad(f"unix://{tmp_path / 'api.sock'}") as nomad:
        assert await nomad.status.leader() == "127.0.0.1:4647"


async def test_errors_have_text_and_index(server, nomad: Nomad) -> None:
    server.answers("GET", "/v1/job/x", status=404, text="job not found\n", index=12)
    with pytest.raises(NotFound) as caught:
        await nomad.jobs.get("x")
    assert (caught.value.message, caught.value.index) == ("job not found", 12)
    server.answers("PUT", "/v1/jobs", status=500, text="Missing job ID")
    with pytest.raises(ServerError, match="Missing job ID"):
        await nomad.jobs.register(Job(id="x"))


async def test_a_conflict_has_the_current_variable(server, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/var/a", {"Path": "a", "ModifyIndex": 9, "Items": {"k": "v"}}, status=409, index=9)
    with pytest.raises(Conflict) as caught:
        await nomad.variables.put("a", {"k": "w"}, cas=3)
    assert caught.value.current is not None
    assert caught.value.current.modify_index == 9
    assert server.last.query["cas"] == "3"


async def test_gzip_is_understood(server, nomad: Nomad) -> None:
    async def zipped(request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b'["a"]'), headers={"Content-Encoding": "gzip"})

    server.on("GET", "/v1/regions", zipped)
    assert await nomad.status.regions() == ["a"]


async def test_only_a_server_elsewhere_is_asked_to_compress(server, nomad: Nomad, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers("GET", "/v1/regions", [])
    await nomad.status.regions()
    assert server.last.headers["Accept-Encoding"] == "identity"
    monkeypatch.setattr(Settings, "on_this_machine", False)
    async with Nomad(server.address) as elsewhere:
        await elsewhere.status.regions()
    assert server.last.headers["Accept-Encoding"] == "gzip"


async def test_an_empty_answer_is_none(server, nomad: Nomad) -> None:
    async def empty(request: web.Request) -> web.Response:
        return web.Response(status=204)

    server.on("DELETE", "/v1/var/a", empty)
    assert await nomad.write("DELETE", "var/a") is None


async def test_nobody_there() -> None:
    async with Nomad("http://127.0.0.1:1") as nomad:
        with pytest.raises(Unreachable) as caught:
            await nomad.jobs.list()
    assert caught.value.retryable
    assert (caught.value.method, caught.value.reason, caught.value.connected) == ("GET", "connection refused", False)
    assert caught.value.url == "http://127.0.0.1:1/v1/jobs"


async def test_a_connection_that_breaks_off(server, nomad: Nomad) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"[")
        assert request.transport is not None
        request.transport.abort()
        return response

    server.on("GET", "/v1/regions", cut)
    with pytest.raises(Unreachable):
        await nomad.status.regions()


async def test_an_answer_that_does_not_come(server, nomad: Nomad) -> None:
    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    server.on("GET", "/v1/jobs", never)
    with pytest.raises(Unreachable, match="in time"):
        await nomad.transport.request("GET", "/v1/jobs", within=0.05)


async def test_tls_with_a_certificate_of_the_client(tmp_path: Path) -> None:
    pem, key = certificate(tmp_path, "server.global.nomad")
    own, own_key = certificate(tmp_path, "client.global.nomad")
    async with serving(answering, tls=server_context(pem, key, clients=own)) as server:
        tls = TLS(ca_cert=str(pem), client_cert=str(own), client_key=str(own_key), server_name="server.global.nomad")
        async with Nomad(f"https://127.0.0.1:{server.port}", tls=tls) as nomad:
            assert [await nomad.status.regions() for _ in range(3)] == [[], [], []]
            assert len(server.lines) == 1
        async with Nomad(f"https://127.0.0.1:{server.port}", tls=TLS(skip_verify=True)) as stranger:
            with pytest.raises(Unreachable):
                await stranger.status.regions()


async def test_a_server_that_is_not_trusted_is_not_tried_again(tmp_path: Path) -> None:
    tls = server_context(*certificate(tmp_path, "127.0.0.1"))
    async with serving(answering, tls=tls) as server, Nomad(f"https://127.0.0.1:{server.port}") as nomad:
        with pytest.raises(Unreachable, match=rf"GET https://127\.0\.0\.1:{server.port}/v1/jobs: .*not trusted") as caught:
            await nomad.jobs.list()
    assert (caught.value.retryable, caught.value.connected) == (False, False)


async def test_head_and_what_follows_it(server, nomad: Nomad) -> None:
    server.answers("HEAD", "/v1/regions", ["a"])
    server.answers("GET", "/v1/regions", ["a"])
    answer = await nomad.transport.request("HEAD", "/v1/regions")
    assert (answer.headers["content-length"], answer.body) == ("5", b"")
    assert await nomad.status.regions() == ["a"]


async def test_a_put_may_be_sent_twice_and_a_post_not() -> None:
    async def once(line: Line) -> None:
        await line.request()
        await line.answer()
        await line.request()
        await line.hang_up()

    async with serving(once) as server, Nomad(f"http://127.0.0.1:{server.port}") as nomad:
        await nomad.write("PUT", "x")
        await nomad.write("PUT", "x")
        with pytest.raises(Unreachable) as caught:
            await nomad.write("POST", "x", params={"k": "v"})
        assert (caught.value.method, caught.value.url) == ("POST", f"http://127.0.0.1:{server.port}/v1/x?k=v")
        assert (caught.value.connected, caught.value.retryable) == (True, True)


async def test_a_client_that_was_closed_opens_again(server) -> None:
    server.answers("GET", "/v1/regions", ["a"])
    nomad = Nomad(server.address)
    for _ in range(2):
        assert await nomad.status.regions() == ["a"]
        await nomad.close()


async def test_a_path_that_is_not_encoded_is_told(nomad: Nomad) -> None:
    with pytest.raises(ValueError, match="percent-encoded"):
        await nomad.read("var/a b")
