"""The event broker: frames, filters, replay, slow readers."""

import asyncio
from typing import Any

import orjson
import pytest

from nomad_api.models import Evaluation, Job
from orchestrator.events import EventBroker, Fallen, Subscription, topic_filter
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Store, Transaction

ALL = {"*": frozenset("*")}


@pytest.fixture
def store() -> Store:
    return Store(lambda: 0)


def broker_of(store: Store, size: int = 100) -> EventBroker:
    broker = EventBroker(size)
    store.subscribe(broker.publish)
    return broker


async def put(store: Store, path: str, namespace: str = "default") -> int:
    row = SealedVariable(namespace=namespace, path=path, data="sealed", key_id="k")
    return (await store.write("VariableUpdated", lambda tx: tx.put(row))).index


def frames(subscription: Subscription) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in subscription.pending().splitlines()]


def keys(subscription: Subscription) -> list[str]:
    return [event["Key"] for frame in frames(subscription) for event in frame["Events"]]


async def test_a_variable_event_carries_metadata_and_neither_items_nor_ciphertext(store: Store) -> None:
    broker = broker_of(store)
    index = await put(store, "a/b")
    (frame,) = frames(broker.subscribe(0, topic_filter(ALL, None)))
    (event,) = frame["Events"]
    assert frame["Index"] == event["Index"] == index
    assert (event["Topic"], event["Type"], event["Key"], event["Namespace"]) == (
        "Variable",
        "VariableUpdated",
        "a/b",
        "default",
    )
    assert set(event["Payload"]["Metadata"]) == {
        "Namespace", "Path", "CreateIndex", "CreateTime", "ModifyIndex", "ModifyTime",
    }  # fmt: skip
    assert event["Payload"]["Deleted"] is False


async def test_a_deletion_has_the_index_of_the_deletion(store: Store) -> None:
    broker = broker_of(store)
    await put(store, "a")
    deleted = await store.write("VariableUpdated", lambda tx: tx.delete("variables", "default", "a"))
    event = frames(broker.subscribe(deleted.index, topic_filter(ALL, None)))[0]["Events"][0]
    assert event["Payload"]["Deleted"] is True
    assert event["Payload"]["Metadata"]["ModifyIndex"] == deleted.index


async def test_replay_begins_at_the_index_inclusive(store: Store) -> None:
    broker = broker_of(store)
    indexes = [await put(store, str(number)) for number in range(4)]
    wants = topic_filter(ALL, None)
    assert keys(broker.subscribe(0, wants)) == ["0", "1", "2", "3"]
    assert keys(broker.subscribe(indexes[2], wants)) == ["2", "3"]
    assert keys(broker.subscribe(indexes[3] + 100, wants)) == []


async def test_topics_keys_and_namespaces_filter(store: Store) -> None:
    broker = broker_of(store)
    await put(store, "a")
    await put(store, "b")
    await put(store, "a", namespace="other")
    one = topic_filter({"Variable": frozenset({"a"})}, frozenset({"default"}))
    assert keys(broker.subscribe(0, one)) == ["a"]
    assert keys(broker.subscribe(0, topic_filter({"Job": frozenset("*")}, None))) == []
    assert len(keys(broker.subscribe(0, topic_filter({"Variable": frozenset("*")}, None)))) == 3


async def test_evaluations_are_found_by_their_job_and_come_after_it_in_a_frame_of_their_own(store: Store) -> None:
    broker = broker_of(store)

    def register(tx: Transaction) -> None:
        tx.put(Evaluation(id="e", namespace="default", job_id="web"))
        tx.put(Job(id="web", namespace="default"))

    await store.write("JobRegistered", register)
    found = frames(broker.subscribe(0, topic_filter(ALL, None)))
    assert [[event["Topic"] for event in frame["Events"]] for frame in found] == [["Job"], ["Evaluation"]]
    assert found[0]["Index"] == found[1]["Index"]
    by_job = broker.subscribe(0, topic_filter({"Evaluation": frozenset({"web"})}, None))
    assert keys(by_job) == ["e"]


async def test_a_reader_is_woken_and_reads_each_batch_once(store: Store) -> None:
    broker = broker_of(store)
    subscription = broker.subscribe(0, topic_filter(ALL, None))
    waiting = asyncio.create_task(subscription.more())
    await asyncio.sleep(0)
    assert not waiting.done()
    await put(store, "a")
    await waiting
    assert keys(subscription) == ["a"]
    assert keys(subscription) == []


async def test_a_reader_that_falls_off_the_ring_is_told_instead_of_left_with_a_gap(store: Store) -> None:
    broker = broker_of(store, size=3)
    subscription = broker.subscribe(0, topic_filter(ALL, None))
    for number in range(4):
        await put(store, str(number))
    with pytest.raises(Fallen):
        subscription.pending()
