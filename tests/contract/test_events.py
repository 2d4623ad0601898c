"""The event stream: what happened, in order, once it can be read; replayed from an index; never with a variable's items."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nomad_api.client import Connected, Nomad
from nomad_api.models import Event

WITHIN = 20.0


class Listener:
    """Collects the events of a stream that concern one test."""

    def __init__(self, nomad: Nomad, topics: dict[str, list[str]], concerns: Callable[[Event], bool], **options: Any) -> None:
        self.batches: list[tuple[int, list[Event]]] = []
        self._stream = nomad.events(topics, reconnect=False, **options)
        self._concerns = concerns
        self._connected = asyncio.Event()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Listener":
        self._task = asyncio.create_task(self._listen())
        await self._wait(self._connected)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    @property
    def events(self) -> list[Event]:
        return [event for _, events in self.batches for event in events]

    async def until(self, condition: Callable[[list[Event]], Any]) -> list[Event]:
        """The events so far, as soon as they fulfil the condition."""
        async with asyncio.timeout(WITHIN):
            while not condition(self.events):
                self._news.clear()
                await self._wait(self._news)
        return self.events

    async def _wait(self, event: asyncio.Event) -> None:
        """Wait for an event; what ends the stream meanwhile is raised."""
        assert self._task
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait((waiting, self._task), timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()
        assert event.is_set(), f"nothing after {WITHIN:g} s; so far {[event.key for event in self.events]}"

    async def _listen(self) -> None:
        async for item in self._stream:
            if isinstance(item, Connected):
                self._connected.set()
                continue
            events = [event for event in item.events if self._concerns(event)]
            if events:
                self.batches.append((item.index, events))
                self._news.set()


@pytest.fixture
def listen(nomad, unique):
    """Listens to topics, for events whose key or filter keys begin with this test's name."""

    def start(topics: dict[str, list[str]], client: Nomad | None = None, **options: Any) -> Listener:
        def concerns(event: Event) -> bool:
            return any(unique in key for key in (event.key, *(event.filter_keys or ())))

        return Listener(client or nomad, topics, concerns, **options)

    return start


async def test_variable_events_tell_of_every_change_but_no_items(nomad, unique, listen):
    async with listen({"Variable": ["*"]}) as listener:
        written = await nomad.variables.put(unique, {"secret": "hush-hush"})
        await nomad.variables.put(unique, {"secret": "hush-hush"})
        await nomad.variables.delete(unique)
        events = await listener.until(lambda events: len(events) == 3)
    assert [event.payload["Deleted"] for event in events] == [False, False, True]
    assert {(event.topic, event.type, event.key, event.namespace) for event in events} == {
        ("Variable", "VariableUpdated", unique, "default")
    }
    metadata = events[0].payload["Metadata"]
    assert (metadata["Path"], metadata["ModifyIndex"]) == (unique, written.modify_index)
    assert events[0].index == written.modify_index
    assert not any("hush-hush" in event.to_json().decode() for event in events)


async def test_lock_changes_are_events_and_renewals_are_not(nomad, unique, listen):
    async with listen({"Variable": ["*"]}) as listener:
        held = await nomad.variables.acquire_lock(unique, {"k": "v"})
        await nomad.variables.renew_lock(unique, held.lock.id)
        released = await nomad.variables.release_lock(unique, held.lock.id)
        events = await listener.until(lambda events: events and events[-1].index == released.modify_index)
    assert [event.index for event in events] == [held.modify_index, released.modify_index]


async def test_one_key_of_a_topic(nomad, unique, listen):
    async with listen({"Variable": [f"{unique}/wanted"]}) as listener:
        await nomad.variables.put(f"{unique}/other", {"k": "v"})
        await nomad.variables.put(f"{unique}/wanted", {"k": "v"})
        events = await listener.until(len)
    assert [event.key for event in events] == [f"{unique}/wanted"]


async def test_an_event_can_be_read_as_soon_as_it_is_seen(nomad, unique, listen):
    async with listen({"Variable": ["*"]}) as listener:
        for number in range(10):
            await nomad.variables.put(f"{unique}/{number}", {"k": "v"})
        events = await listener.until(lambda events: len(events) == 10)
    assert [event.key for event in events] == [f"{unique}/{number}" for number in range(10)]
    assert [event.index for event in events] == sorted(event.index for event in events)


async def test_registering_a_job_tells_of_the_job_then_of_its_evaluation_at_one_index(nomad, unique, listen, sleeper):
    async with listen({"Job": ["*"], "Evaluation": ["*"]}) as listener:
        registered = await nomad.jobs.register(sleeper(unique))
        await listener.until(lambda events: len(events) >= 2)
    (first_index, first), (second_index, second) = listener.batches[:2]
    assert [(event.topic, event.type) for event in first] == [("Job", "JobRegistered")]
    assert [(event.topic, event.type) for event in second] == [("Evaluation", "JobRegistered")]
    assert first_index == second_index == registered.job_modify_index
    assert second[0].key == registered.eval_id
    assert unique in second[0].filter_keys
    assert first[0].payload["Job"]["ID"] == unique


async def test_events_of_a_job_are_found_by_its_id(nomad, unique, listen, sleeper):
    async with listen({"Allocation": [unique]}) as listener:
        await nomad.jobs.register(sleeper(unique))
        events = await listener.until(
            lambda events: "running" in {event.payload["Allocation"]["ClientStatus"] for event in events}
        )
    assert events[0].payload["Allocation"].get("Job") is None
    assert {event.type for event in events} <= {"PlanResult", "AllocationUpdated"}


async def test_purged_job_is_marked_as_deleted(nomad, unique, listen, sleeper):
    await nomad.jobs.register(sleeper(unique))
    async with listen({"Job": [unique]}) as listener:
        await nomad.jobs.deregister(unique, purge=True)
        events = await listener.until(lambda events: any(event.payload.get("Deleted") for event in events))
    assert events[-1].type == "JobDeregistered"


async def test_stream_begins_with_what_is_remembered(nomad, unique, listen):
    await nomad.variables.put(unique, {"k": "v"})
    async with listen({"Variable": ["*"]}) as listener:
        assert await listener.until(len)


async def test_stream_begins_at_an_index_inclusively(nomad, unique, listen):
    written = [await nomad.variables.put(f"{unique}/{number}", {"k": "v"}) for number in range(4)]
    async with listen({"Variable": ["*"]}, index=written[2].modify_index) as listener:
        events = await listener.until(lambda events: len(events) == 2)
    assert [event.index for event in events] == [written[2].modify_index, written[3].modify_index]


async def test_events_of_other_namespaces_are_asked_for(nomad, wire, unique, listen):
    await wire("PUT", "/v1/namespace", body={"Name": unique})
    elsewhere = nomad.scoped(namespace=unique)
    async with listen({"Variable": ["*"]}) as here, listen({"Variable": ["*"]}, namespace="*") as everywhere:
        await elsewhere.variables.put(f"{unique}/there", {"k": "v"})
        await nomad.variables.put(f"{unique}/here", {"k": "v"})
        await everywhere.until(lambda events: len(events) == 2)
        await here.until(len)
    assert [event.namespace for event in everywhere.events] == [unique, "default"]
    assert [event.namespace for event in here.events] == ["default"]
    await elsewhere.variables.delete(f"{unique}/there")
    await wire("DELETE", f"/v1/namespace/{unique}")


@pytest.mark.parametrize("params", [{"index": "x"}, {"topic": "Job:a:b"}])
async def test_bad_requests_are_refused(wire, params):
    assert (await wire("GET", "/v1/event/stream", params=params)).status == 400


async def test_burst_loses_no_event_of_a_reader_that_keeps_up(nomad, unique, listen):
    count = 60
    async with listen({"Variable": ["*"]}) as listener:
        await asyncio.gather(*(nomad.variables.put(f"{unique}/{number}", {"k": "v"}) for number in range(count)))
        events = await listener.until(lambda events: len(events) == count)
    assert len({event.key for event in events}) == count
