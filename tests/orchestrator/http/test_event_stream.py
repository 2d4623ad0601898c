"""The event stream as a client sees it."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from orchestrator.acl.resolver import Resolver
from orchestrator.events import EventBroker
from orchestrator.http.routes import events
from orchestrator.http.server import HTTPServer
from orchestrator.keyring import Keyring
from orchestrator.services import Services
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Store, Transaction
from orchestrator.variables import Variables


@pytest.fixture
def services() -> Services:
    store = Store(time.time_ns)
    keyring = Keyring(store, time.time_ns)
    resolver = Resolver(store, keyring, enabled=False, clock=time.time_ns)
    services = Services(store, keyring, resolver, EventBroker(), Variables(store, keyring), time.time_ns)
    store.subscribe(services.events.publish)
    return services


@pytest.fixture
async def lines(monkeypatch: pytest.MonkeyPatch, services: Services, tmp_path: Path) -> AsyncIterator[aiohttp.StreamReader]:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    server = HTTPServer(services)
    await server.listen_unix(tmp_path / "api.sock")
    connector = aiohttp.UnixConnector(str(tmp_path / "api.sock"))
    async with (
        aiohttp.ClientSession(connector=connector, headers={"X-Nomad-Token": "any"}) as session,
        session.get("http://agent/v1/event/stream?topic=Variable") as answer,
    ):
        yield answer.content
    await server.close()


async def test_the_first_line_is_a_heartbeat(lines: aiohttp.StreamReader) -> None:
    assert await lines.readline() == b"{}\n"


async def test_heartbeats_go_on_while_events_come_and_cost_none(services: Services, lines: aiohttp.StreamReader) -> None:
    def put(tx: Transaction) -> None:
        tx.put(SealedVariable(namespace="default", path=f"v/{tx.index}"))

    beats, written = 0, 0
    seen: list[int] = []
    while beats < 5 or len(seen) < written:
        if beats < 5:
            await services.store.write("VariableUpdated", put)
            written += 1
        line = json.loads(await lines.readline())
        beats += not line
        seen += [event["Index"] for event in line.get("Events", ())]
    assert len(seen) == written
    assert seen == sorted(set(seen))
