"""A client with a server half in memory; its folders are the test's own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from client_harness import FakeServer

from orchestrator.client import Client, ClientConfig
from orchestrator.client.drivers.docker.engine import Engine


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def client(server: FakeServer, tmp_path: Path) -> AsyncIterator[Client]:
    """A client as in dev mode: its tasks end with it."""
    config = ClientConfig(alloc_dir=tmp_path / "alloc", drivers=frozenset({"raw_exec", "mock_driver"}), meta={"rack": "r1"})
    client = Client(config, server)
    await client.start()
    yield client
    await client.stop()


@pytest.fixture
async def engine(busybox_image: str) -> AsyncIterator[Engine]:
    """The Docker engine of this machine."""
    engine = Engine()
    yield engine
    await engine.close()


@pytest.fixture
async def docker_client(server: FakeServer, tmp_path: Path, engine: Engine) -> AsyncIterator[Client]:
    """A client with the docker driver, once that is found healthy."""
    client = Client(ClientConfig(alloc_dir=tmp_path / "alloc", drivers=frozenset({"docker"})), server)
    await client.start()
    async with asyncio.timeout(10):
        await server.until(lambda: server.nodes[-1].drivers["docker"].healthy)
    yield client
    await client.stop()
