"""Artifacts from an HTTP server of the test's own."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from client_harness import FakeServer, allocation, events, task

from orchestrator.client import Client


def tarball(name: str = "bin/tool") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 4
        archive.addfile(entry, io.BytesIO(b"tool"))
    return data.getvalue()


def zipped(name: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "zip")
    return data.getvalue()


@pytest.fixture
async def address() -> AsyncIterator[str]:
    bodies = {
        "/plain.txt": b"plain",
        "/tool.tar.gz": tarball(),
        "/evil.tar.gz": tarball("../../evil"),
        "/a.zip": zipped("z.txt"),
        "/evil.zip": zipped("../../evil"),
    }

    async def answer(request: web.Request) -> web.Response:
        body = bodies.get(request.path)
        return web.Response(body=body) if body else web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    await runner.cleanup()


async def fetch(server: FakeServer, **artifact: Any) -> tuple[str, list[str], str]:
    """The allocation, the types of its task's events, and what the third of them says."""
    placed = allocation(task("t", config={"run_for": "1ms"}, Artifacts=[artifact]))
    await server.place(placed)
    update = await server.until_status(placed.id, "complete", "failed")
    return placed.id, events(update, "t")[2:4], update.task_states["t"].events[3].display_message


async def test_files_and_archives(client: Client, server: FakeServer, address: str) -> None:
    checksum = f"sha256:{hashlib.sha256(b'plain').hexdigest()}"
    got, kinds, _ = await fetch(server, GetterSource=f"{address}/plain.txt", GetterOptions={"checksum": checksum})
    assert kinds == ["Downloading Artifacts", "Started"]
    assert client.files(got).read("t/local/plain.txt") == b"plain"
    got, _, _ = await fetch(server, GetterSource=f"{address}/plain.txt", GetterMode="file", RelativeDest="local/renamed")
    assert client.files(got).read("t/local/renamed") == b"plain"
    got, _, _ = await fetch(server, GetterSource=f"{address}/tool.tar.gz", RelativeDest="local/x")
    assert client.files(got).read("t/local/x/bin/tool") == b"tool"
    got, _, _ = await fetch(server, GetterSource=f"{address}/a.zip")
    assert client.files(got).read("t/local/z.txt") == b"zip"


@pytest.mark.parametrize(
    ("artifact", "error"),
    [
        ({"GetterSource": "http://127.0.0.1:1/x"}, "dial tcp 127.0.0.1:1: connect: connection refused"),
        ({"GetterSource": "{}/none"}, "bad response code: 404"),
        ({"GetterSource": "{}/plain.txt", "GetterOptions": {"checksum": "md5:00"}}, "Expected: 00\nGot: "),
        ({"GetterSource": "{}/plain.txt", "GetterOptions": {"checksum": "crc:00"}}, 'unsupported checksum type "crc"'),
        ({"GetterSource": "{}/evil.tar.gz"}, "outside the destination"),
        ({"GetterSource": "{}/evil.zip"}, "../../evil escapes the destination"),
        ({"GetterSource": "{}/plain.txt", "RelativeDest": "../../.."}, "escapes the allocation"),
        ({"GetterSource": "git::https://example.com/x"}, "use http or https"),
    ],
)
async def test_what_cannot_be_had(
    client: Client, server: FakeServer, address: str, artifact: dict[str, Any], error: str
) -> None:
    source = artifact["GetterSource"].replace("{}", address)
    _, kinds, text = await fetch(server, **{**artifact, "GetterSource": source})
    assert kinds == ["Downloading Artifacts", "Failed Artifact Download"]
    assert text.startswith(f'failed to download artifact "{source}": getter subprocess failed: exit status 1: ')
    assert error in text
