"""Every request is counted with its outcome, and every write is told to the look that makes it."""

import asyncio
from collections.abc import Iterator

import pytest

from nomad_api.client import Connected
from nomad_api.errors import NomadError
from operator_kit.engine.tracing import Writes, writes
from operator_kit.process.observed import ObservedTransport
from operator_kit.testing import MemoryNomad, virtual_time


class Told(list[tuple[str, int]]):
    """Methods and statuses."""

    def __call__(self, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.append((method, status))


@pytest.fixture
def written() -> Iterator[Writes]:
    """The writes of a look that goes on."""
    written = Writes()
    token = writes.set(written)
    yield written
    writes.reset(token)


@virtual_time
async def test_requests_are_told_with_the_status_of_their_answers(nomad: MemoryNomad) -> None:
    told = Told()
    observed = nomad.over(ObservedTransport(nomad.transport, told))
    await observed.variables.put("a", {"k": "v"})
    await observed.variables.get("a")
    for failing in (observed.variables.get("missing"), observed.variables.put("a", {"k": "v"}, cas=7)):
        with pytest.raises(NomadError):
            await failing
    nomad.cut_off = True
    with pytest.raises(NomadError):
        await observed.variables.get("a")
    assert told == [("PUT", 200), ("GET", 200), ("GET", 404), ("PUT", 409), ("GET", 0)]


@virtual_time
async def test_a_request_that_is_given_up_is_told_too(nomad: MemoryNomad) -> None:
    told = Told()
    observed = nomad.over(ObservedTransport(nomad.transport, told))
    waiting = asyncio.create_task(observed.read("vars", {}, 1_000, 300))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert told == [("GET", 0)]


def test_only_writes_are_told_to_the_look(nomad: MemoryNomad, written: Writes) -> None:
    @virtual_time
    async def look() -> None:
        observed = nomad.over(ObservedTransport(nomad.transport, Told()))
        await observed.variables.put("a", {"k": "v"})
        await observed.variables.list()
        await observed.variables.delete("a")

    look()
    assert (written.count, written.names) == (2, ["PUT /v1/var/a", "DELETE /v1/var/a"])


@virtual_time
async def test_the_event_stream_goes_through(nomad: MemoryNomad) -> None:
    observed = nomad.over(ObservedTransport(nomad.transport, Told()))
    async for item in observed.events({"Variable": ["*"]}):
        assert isinstance(item, Connected)
        break
