import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from nomad_api.client import Connected, EventStream, Nomad
from nomad_api.errors import BadRequest, StreamClosed
from nomad_api.models import EventBatch


def line(index: int, *keys: str) -> bytes:
    events = [{"Topic": "Variable", "Type": "VariableUpdated", "Key": key, "Index": index} for key in keys]
    return json.dumps({"Index": index, "Events": events} if events else {}).encode() + b"\n"


HEARTBEAT = b"{}\n"


class Stream:
    """Sends scripted connections: each is a list of chunks; the last one stays open."""

    def __init__(self, server: Any, *connections: list[bytes]) -> None:
        self.connections = list(connections)
        self.indexes: list[str | None] = []
        self.topics: list[list[str]] = []
        server.on("GET", "/v1/event/stream", self.handle)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.indexes.append(request.query.get("index"))
        self.topics.append(request.query.getall("topic", []))
        chunks = self.connections.pop(0)
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        if not self.connections:
            await asyncio.Event().wait()
        return response


async def take(stream: Any, count: int) -> list[Connected | EventBatch]:
    items = []
    async for item in stream:
        items.append(item)
        if len(items) == count:
            break
    return items


async def test_heartbeats_are_swallowed_and_lines_put_together(server: Any, nomad: Nomad) -> None:
    whole = HEARTBEAT + line(4, "a", "b") + HEARTBEAT + line(5, "c")
    stream = Stream(server, [whole[:20], whole[20:45], whole[45:]])
    items = await take(nomad.events({"Variable": ["*"], "Job": ["web", "db"]}, index=3), 3)
    assert items[0] == Connected(index=3, attempt=1)
    batches = [item for item in items if isinstance(item, EventBatch)]
    assert [(batch.index, [event.key for event in batch.events]) for batch in batches] == [(4, ["a", "b"]), (5, ["c"])]
    assert stream.topics == [["Variable:*", "Job:web", "Job:db"]]
    assert stream.indexes == ["3"]


async def test_a_line_longer_than_any_buffer(server: Any, nomad: Nomad) -> None:
    keys = [f"{number:0200}" for number in range(2000)]
    Stream(server, [HEARTBEAT + line(4, *keys)])
    _, batch = await take(nomad.events(), 2)
    assert isinstance(batch, EventBatch)
    assert len(batch.events) == 2000


async def test_a_broken_stream_is_connected_again_from_the_last_index(server: Any, nomad: Nomad) -> None:
    stream = Stream(server, [HEARTBEAT, line(4, "a")], [HEARTBEAT, line(4, "a"), line(6, "b")])
    items = await take(nomad.events({"Variable": ["*"]}), 5)
    assert [type(item).__name__ for item in items] == ["Connected", "EventBatch", "Connected", "EventBatch", "EventBatch"]
    assert items[2] == Connected(index=4, attempt=2)
    assert stream.indexes == [None, "4"]


async def test_the_break_is_raised_for_who_wants_that(server: Any, nomad: Nomad) -> None:
    Stream(server, [HEARTBEAT], [])
    with pytest.raises(StreamClosed, match="closed"):
        await take(nomad.events(reconnect=False), 2)


async def test_silence_is_death(server: Any, nomad: Nomad) -> None:
    Stream(server, [HEARTBEAT])
    with pytest.raises(StreamClosed, match="silence"):
        await take(EventStream(nomad, reconnect=False, silence=0.1), 2)


async def test_a_stream_that_never_speaks_is_told(server: Any, nomad: Nomad) -> None:
    Stream(server, [])
    with pytest.raises(StreamClosed, match="token"):
        await take(EventStream(nomad, reconnect=False, first_heartbeat=0.1), 1)


async def test_a_wrong_request_is_raised(server: Any, nomad: Nomad) -> None:
    server.answers("GET", "/v1/event/stream", status=400, text="Invalid topic query")
    with pytest.raises(BadRequest):
        await take(nomad.events({"a:b": ["c"]}), 1)
