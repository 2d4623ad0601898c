"""One stream for all sources, and what is done where it is refused."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from nomad_api.client import Connected
from nomad_api.errors import Forbidden, NomadError, StreamClosed
from nomad_api.models.event import EventBatch
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.jobs import JobInformer
from operator_kit.informers.variables import VariableInformer
from operator_kit.testing import MemoryNomad, eventually, virtual_time


class Refusing(MemoryNomad):
    """Refuses streams with the topic `Variable`, as servers before 2.0 do."""

    def __init__(self, error: NomadError) -> None:
        super().__init__()
        self.asked: list[list[str]] = []
        self.error = error

    def events(
        self, topics: Mapping[str, Sequence[str]] | None = None, **options: Any
    ) -> AsyncIterator[Connected | EventBatch]:
        self.asked.append(sorted(topics or ()))
        return self._refused() if "Variable" in (topics or ()) else super().events(topics, **options)

    async def _refused(self) -> AsyncIterator[Connected | EventBatch]:
        raise self.error
        yield Connected(0, 1)


@pytest.mark.parametrize(
    "error", [Forbidden(403, "Permission denied", "GET", "/v1/event/stream"), StreamClosed("the event stream stays silent")]
)
@virtual_time
async def test_a_server_that_does_not_know_variables_still_tells_of_jobs(error: NomadError) -> None:
    nomad = Refusing(error)
    feed = EventFeed(nomad, Random(1))
    feed.listen(VariableInformer(nomad, "resources/", Random(1)), "Variable")
    feed.listen(JobInformer(nomad, Random(1)), "Job")
    task = asyncio.create_task(feed.run())
    await eventually(lambda: feed.connected)
    assert nomad.asked == [["Job", "Variable"], ["Job"]]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_a_stream_that_breaks_later_is_asked_for_again_as_it_was() -> None:
    nomad = MemoryNomad()
    asked: list[list[str]] = []
    events = nomad.events
    nomad.events = lambda topics, **options: asked.append(sorted(topics)) or events(topics, **options)  # type: ignore[method-assign,func-returns-value]
    feed = EventFeed(nomad, Random(1))
    feed.listen(VariableInformer(nomad, "resources/", Random(1)), "Variable")
    task = asyncio.create_task(feed.run())
    await eventually(lambda: feed.connected)
    nomad.cluster.cut_streams()
    await eventually(lambda: len(asked) == 2 and feed.connected)
    assert asked == [["Variable"], ["Variable"]]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
