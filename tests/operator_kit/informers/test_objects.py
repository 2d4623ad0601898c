"""Objects of any topic: every change is told with what was there before, by events or by the list, and none twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from nomad_api.models import ACLPolicy, Job, NodePool, Task, TaskGroup
from nomad_api.models.event import Event
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.objects import EVENTLESS, LISTINGS, Change, ObjectInformer
from operator_kit.informers.source import RELIST, WAIT
from operator_kit.testing import Faults, MemoryNomad, virtual_time
from operator_kit.testing.faults import Fault, Stale


def job(id: str, count: int = 1, **meta: str) -> Job:
    return Job(
        id=id,
        type="service",
        meta=meta,
        task_groups=[TaskGroup(name="g", count=count, tasks=[Task(name="main", driver="exec")])],
    )


class Following:
    """An informer with its feed, and the changes that it has told."""

    def __init__(self, nomad: MemoryNomad, topic: str, **options: str) -> None:
        self.nomad = nomad
        self.changes: list[Change] = []
        self.informer = ObjectInformer(topic, nomad, Random(1), **options)
        self.informer.listen(self.changes.append)
        self.feed = EventFeed(nomad, Random(1))
        if topic not in EVENTLESS:
            self.feed.listen(self.informer, topic)

    @property
    def told(self) -> list[str]:
        return [repr(change) for change in self.changes]


@asynccontextmanager
async def following(nomad: MemoryNomad, topic: str, **options: str) -> AsyncIterator[Following]:
    follows = Following(nomad, topic, **options)
    tasks = [asyncio.create_task(follows.informer.run()), asyncio.create_task(follows.feed.run())]
    await follows.informer.synced.wait()
    try:
        yield follows
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def event(topic: str, type: str, index: int, row: dict[str, Any], **payload: Any) -> Event:
    return Event(topic=topic, type=type, key=row.get("ID", ""), index=index, payload={topic: row, **payload})


def informer_of(topic: str, *rows: dict[str, Any], index: int = 10) -> tuple[ObjectInformer, list[Change]]:
    """An informer that has read a list, and what it tells from then on."""
    changes: list[Change] = []
    informer = ObjectInformer(topic, MemoryNomad(), Random(1))
    informer.replace(list(rows), index)
    informer.listen(changes.append)
    return informer, changes


@virtual_time
async def test_what_comes_changes_and_goes_is_told_with_old_and_new(nomad: MemoryNomad) -> None:
    await nomad.node_pools.apply(NodePool(name="gpu", description="first"))
    async with following(nomad, "NodePool") as follows:
        assert follows.told == ["<NodePool all came>", "<NodePool default came>", "<NodePool gpu came>"]
        follows.changes.clear()
        await nomad.node_pools.apply(NodePool(name="gpu", description="second"))
        await asyncio.sleep(0.1)
        await nomad.node_pools.delete("gpu")
        await asyncio.sleep(0.1)
        changed, gone = follows.changes
        assert ((changed.old or {})["Description"], (changed.new or {})["Description"]) == ("first", "second")
        assert ((gone.old or {})["Description"], gone.new) == ("second", None)
        assert changed.index < gone.index
        assert (changed.topic, changed.id, changed.namespace) == ("NodePool", "gpu", "")


@virtual_time
async def test_no_change_is_told_twice_whether_by_events_or_by_the_list(nomad: MemoryNomad) -> None:
    async with following(nomad, "ACLPolicy") as follows:
        for number in range(3):
            await nomad.acl.upsert_policy(ACLPolicy(name="p", rules=str(number)))
            await asyncio.sleep(RELIST + WAIT)
        assert follows.told == ["<ACLPolicy p came>", "<ACLPolicy p changed>", "<ACLPolicy p changed>"]


@virtual_time
async def test_lost_events_are_made_up_for_by_the_list(nomad: MemoryNomad) -> None:
    async with following(nomad, "NodePool") as follows:
        await nomad.node_pools.apply(NodePool(name="gpu"))
        await asyncio.sleep(1)
        follows.changes.clear()
        nomad.cluster.deaf = True
        await nomad.node_pools.apply(NodePool(name="cpu"))
        await nomad.node_pools.delete("gpu")
        await asyncio.sleep(RELIST + 1)
        assert sorted(follows.told) == ["<NodePool cpu came>", "<NodePool gpu is gone>"]


@virtual_time
async def test_allocations_of_a_job_move_its_entry(nomad: MemoryNomad) -> None:
    """A list of jobs shows its allocations by the index of the summary alone."""
    async with following(nomad, "Job") as follows:
        await nomad.jobs.register(job("j"))
        await asyncio.sleep(RELIST + WAIT)
        follows.changes.clear()
        nomad.cluster.deaf = True
        nomad.crash("j", "exit 1")
        await asyncio.sleep(RELIST + WAIT)
        assert follows.told == ["<Job j changed>"]


@virtual_time
async def test_what_an_event_tells_while_the_filtered_list_is_read_is_heeded_at_once(nomad: MemoryNomad) -> None:
    """The answer is on its way, and true no more."""
    slow = False

    def choose(number: int, method: str, path: str) -> Fault | None:
        return Stale(2) if slow and path == "/v1/jobs" else None

    watcher = MemoryNomad(cluster=nomad.cluster, faults=Faults(choose))
    async with following(watcher, "Job", filter="Meta.backup is not empty") as follows:
        await nomad.jobs.register(job("a", backup="daily"))
        await asyncio.sleep(RELIST * 2 + WAIT)
        follows.changes.clear()
        slow = True
        await nomad.jobs.register(job("b", backup="daily"))
        await asyncio.sleep(1)
        await nomad.jobs.register(job("c", backup="daily"))
        await asyncio.sleep(5)
        assert {"<Job b came>", "<Job c came>"} <= set(follows.told)


def test_a_replayed_event_is_no_change() -> None:
    informer, changes = informer_of("Node", {"ID": "n", "ModifyIndex": 8})
    for index in (7, 8, 10):
        assert informer.see(event("Node", "NodeRegistration", index, {"ID": "n", "ModifyIndex": index}))
    assert changes == []
    assert informer.index("n") == 8


def test_an_event_of_something_that_went_before_the_list_does_not_bring_it_back() -> None:
    informer, changes = informer_of("Node")
    informer.see(event("Node", "NodeRegistration", 9, {"ID": "n", "ModifyIndex": 9}))
    assert (changes, len(informer)) == ([], 0)


@pytest.mark.parametrize(
    ("topic", "type", "payload"),
    [("Node", "NodeDeregistration", {}), ("NodePool", "NodePoolDeleted", {}), ("Job", "JobDeregistered", {"Deleted": True})],
)
def test_events_that_tell_of_an_end(topic: str, type: str, payload: dict[str, Any]) -> None:
    id = LISTINGS[topic].id
    informer, changes = informer_of(topic, {id: "x", "ModifyIndex": 8})
    informer.see(event(topic, type, 11, {id: "x", "ModifyIndex": 8}, **payload))
    assert [repr(change) for change in changes] == [f"<{topic} x is gone>"]
    informer.see(event(topic, type, 11, {id: "x", "ModifyIndex": 8}, **payload))
    assert len(changes) == 1


def test_a_job_that_is_stopped_is_changed_not_gone() -> None:
    informer, changes = informer_of("Job", {"ID": "j", "ModifyIndex": 8})
    informer.see(event("Job", "JobDeregistered", 11, {"ID": "j", "ModifyIndex": 11, "Stop": True}))
    assert [repr(change) for change in changes] == ["<Job j changed>"]


def test_an_older_list_undoes_nothing() -> None:
    informer, changes = informer_of("Node", {"ID": "n", "ModifyIndex": 8})
    informer.see(event("Node", "NodeRegistration", 12, {"ID": "n", "ModifyIndex": 12}))
    informer.see(event("Node", "NodeRegistration", 13, {"ID": "m", "ModifyIndex": 13}))
    informer.replace([{"ID": "n", "ModifyIndex": 8}], 11)
    assert [repr(change) for change in changes] == ["<Node n changed>", "<Node m came>"]
    assert (informer.index("n"), informer.index("m")) == (12, 13)


def test_a_server_that_begins_anew_is_believed_and_old_and_new_are_told() -> None:
    informer, changes = informer_of("Node", {"ID": "n", "ModifyIndex": 800}, {"ID": "m", "ModifyIndex": 801}, index=900)
    informer.restart()
    informer.replace([{"ID": "n", "ModifyIndex": 3}], 4)
    assert sorted(map(repr, changes)) == ["<Node m is gone>", "<Node n changed>"]


def test_what_is_kept_can_be_looked_up() -> None:
    informer, _ = informer_of("Job", {"ID": "b", "Namespace": "x", "ModifyIndex": 8}, {"ID": "a", "ModifyIndex": 9})
    assert [row["ID"] for row in informer.objects()] == ["a", "b"]
    assert informer.get("b") is None
    assert (informer.get("b", "x") or {})["ModifyIndex"] == 8
    assert (informer.index("a"), informer.index("c"), len(informer)) == (9, None, 2)
    assert [repr(change) for change in informer.as_changes()] == ["<Job a came>", "<Job b came>"]
    assert informer.cached_bytes() == sum(len(data) for _, data in informer._objects.values()) > 0


def test_of_two_changes_the_first_old_and_the_last_new_count() -> None:
    first, second = Change("Job", "", "j", b"1", b"2", 5), Change("Job", "", "j", b"2", b"3", 6)
    both = second.after(first)
    assert (both.old, both.new, both.index) == (1, 3, 6)
    assert second.after(None) is second


def test_every_topic_that_is_offered_can_be_named() -> None:
    for topic in LISTINGS:
        assert ObjectInformer(topic, MemoryNomad(), Random(1)).name == topic
    with pytest.raises(ValueError, match='there is no topic "Service" to follow'):
        ObjectInformer("Service", MemoryNomad(), Random(1))
