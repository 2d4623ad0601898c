"""Watches say whom a change concerns: by the old and the new object, collapsed, and nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from pydantic import BaseModel

from nomad_api.errors import Unreachable
from nomad_api.models import Job, Namespace, Task, TaskGroup
from operator_kit import Context, Manager, Reconciler, Resource, ResourceStatus, Result, Watch
from operator_kit.informers.objects import Change
from operator_kit.informers.shared import Informers
from operator_kit.testing import Cluster, MemoryNomad, eventually, running, status_of, virtual_time
from operator_kit.watch import Trigger, streams_of
from tests.operator_kit.conftest import Widget, WidgetReconciler
from tests.operator_kit.engine.emitted import Emitted

PREFIX = "resources/test/widget/"


def job(id: str, **meta: str) -> Job:
    groups = [TaskGroup(name="g", count=1, tasks=[Task(name="main", driver="exec")])]
    return Job(id=id, type="service", meta=meta, task_groups=groups)


@asynccontextmanager
async def watching(nomad: MemoryNomad, watch: Watch, *known: str) -> AsyncIterator[Emitted]:
    """Run the watch until the end of the block; what there is at the beginning has been emitted."""
    informers = Informers(nomad, Random(1))
    (stream,) = streams_of([watch], informers)
    emitted = Emitted(known)
    tasks = [asyncio.create_task(informers.run())]
    await informers.synced()
    tasks.append(asyncio.create_task(stream.run(emitted)))
    await asyncio.sleep(0.1)
    try:
        yield emitted
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Asked:
    """A map that notes what it is asked: it concerns the widget that the Meta of a job names."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def __call__(self, change: Change, known: Collection[str]) -> Iterable[str]:
        self.changes.append(change)
        return {
            (side.get("Meta") or {}).get("widget", "")
            for side in (change.old, change.new)
            if side is not None and (side.get("Meta") or {}).get("widget")
        }


# Topics


@virtual_time
async def test_without_a_map_an_object_concerns_its_own_id(nomad: MemoryNomad) -> None:
    await nomad.jobs.register(job("old"))
    async with watching(nomad, Watch("Job")) as emitted:
        assert emitted.ids == ["old"], "what there is counts as come"
        await nomad.jobs.register(job("new"))
        await eventually(lambda: "new" in emitted.ids, within=1)
        emitted.clear()
        await nomad.jobs.deregister("old", purge=True)
        await eventually(lambda: "old" in emitted.ids, within=1)
        assert {emission.reason for emission in emitted} == {f"Job {id}" for id in emitted.ids}


@virtual_time
async def test_a_map_is_asked_with_the_old_and_the_new_object(nomad: MemoryNomad) -> None:
    asked = Asked()
    async with watching(nomad, Watch("Job", map=asked)) as emitted:
        await nomad.jobs.register(job("j", widget="one"))
        await eventually(lambda: emitted.ids == ["one"], within=1)
        await asyncio.sleep(5)
        emitted.clear()
        asked.changes.clear()
        await nomad.jobs.register(job("j", widget="two"))
        await eventually(lambda: len(emitted) >= 2, within=1)
        assert set(emitted.ids) == {"one", "two"}, "the one that it no longer belongs to is concerned too"
        first = asked.changes[0]
        assert (first.topic, first.id, first.namespace) == ("Job", "j", "default")
        assert ((first.old or {})["Meta"], (first.new or {})["Meta"]) == ({"widget": "one"}, {"widget": "two"})


@virtual_time
async def test_an_object_that_goes_concerns_whom_it_concerned(nomad: MemoryNomad) -> None:
    asked = Asked()
    await nomad.jobs.register(job("j", widget="one"))
    async with watching(nomad, Watch("Job", map=asked)) as emitted:
        await asyncio.sleep(5)
        emitted.clear()
        await nomad.jobs.deregister("j", purge=True)
        await eventually(lambda: asked.changes[-1].new is None, within=1)
        assert "one" in emitted.ids


@virtual_time
async def test_a_map_knows_all_ids_and_may_name_any(nomad: MemoryNomad) -> None:
    async with watching(nomad, Watch("Node", map=lambda change, names: names), "a", "b") as emitted:
        emitted.clear()
        nomad.cluster.add_node("node-2")
        await eventually(lambda: emitted.ids == ["a", "b"], within=1)


@virtual_time
async def test_a_map_that_fails_makes_everybody_look_and_the_watch_goes_on(nomad: MemoryNomad) -> None:
    def fails(change: Change, names: Collection[str]) -> Iterable[str]:
        raise KeyError("Meta")

    async with watching(nomad, Watch("Node", map=fails), "a", "b") as emitted:
        emitted.clear()
        for number in range(2, 4):
            nomad.cluster.add_node(f"node-{number}")
            await asyncio.sleep(0.1)
        assert emitted.ids == ["a", "b", "a", "b"]


@virtual_time
async def test_changes_that_wait_are_one_with_the_first_old_and_the_last_new(nomad: MemoryNomad) -> None:
    asked = Asked()
    informers = Informers(nomad, Random(1))
    stream = Watch("Job", map=asked).stream(informers)
    gate = asyncio.Event()

    class Slow(Emitted):
        async def __call__(self, id: str, **how: Any) -> None:
            await gate.wait()
            await super().__call__(id, **how)

    emitted = Slow()
    tasks = [asyncio.create_task(informers.run())]
    await nomad.jobs.register(job("first", widget="x"))
    await nomad.jobs.register(job("j", widget="0"))
    await informers.synced()
    gate.set()
    tasks.append(asyncio.create_task(stream.run(emitted)))
    await asyncio.sleep(5)
    gate.clear()
    await nomad.jobs.register(job("first", widget="y"))  # the stream waits with this one
    await asyncio.sleep(0.1)
    asked.changes.clear()
    for number in range(1, 6):
        await nomad.jobs.register(job("j", widget=str(number)))
        await asyncio.sleep(0.1)
    gate.set()
    await asyncio.sleep(0.1)
    (change,) = [change for change in asked.changes if change.id == "j"]
    assert ((change.old or {})["Meta"], (change.new or {})["Meta"]) == ({"widget": "0"}, {"widget": "5"})
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual_time
async def test_only_objects_of_its_namespace_count_or_those_of_all(nomad: MemoryNomad) -> None:
    await nomad.namespaces.apply(Namespace(name="other"))
    elsewhere = nomad.scoped(namespace="other")
    async with (
        watching(nomad, Watch("Job")) as own,
        watching(nomad, Watch("Job", namespace="other")) as others,
        watching(nomad, Watch("Job", namespace="*")) as everywhere,
    ):
        await nomad.jobs.register(job("here"))
        await elsewhere.jobs.register(job("there"))
        await asyncio.sleep(1)
        assert (set(own.ids), set(others.ids), set(everywhere.ids)) == ({"here"}, {"there"}, {"here", "there"})


@virtual_time
async def test_a_prefix_is_of_the_ids(nomad: MemoryNomad) -> None:
    async with watching(nomad, Watch("Job", prefix="web-")) as emitted:
        for id in ("web-1", "db-1"):
            await nomad.jobs.register(job(id))
        await asyncio.sleep(1)
        assert set(emitted.ids) == {"web-1"}


@virtual_time
async def test_a_filter_is_the_servers_and_events_only_make_the_list_be_read(nomad: MemoryNomad) -> None:
    async with watching(nomad, Watch("Job", filter="Meta.backup is not empty")) as emitted:
        await nomad.jobs.register(job("no"))
        await nomad.jobs.register(job("yes", backup="daily"))
        await eventually(lambda: "yes" in emitted.ids, within=1)
        await asyncio.sleep(40)
        emitted.clear()
        await nomad.jobs.register(job("yes"))  # no longer fits
        await eventually(lambda: "yes" in emitted.ids, within=1)
        emitted.clear()
        await nomad.jobs.register(job("no", backup="daily"))  # fits now
        await eventually(lambda: "no" in emitted.ids, within=1)
        assert "yes" not in emitted.ids


@virtual_time
async def test_a_topic_without_events_is_followed_by_its_list(nomad: MemoryNomad) -> None:
    async with watching(nomad, Watch("Namespace")) as emitted:
        emitted.clear()
        await nomad.namespaces.apply(Namespace(name="other"))
        await eventually(lambda: emitted.ids == ["other"], within=1)


@virtual_time
@pytest.mark.parametrize("topic", [True, False])
async def test_variables_are_followed_with_and_without_a_topic_of_theirs(topic: bool) -> None:
    nomad = MemoryNomad(cluster=Cluster(variable_topic=topic))
    async with watching(nomad, Watch("Variable", prefix="config/")) as emitted:
        for step in (
            nomad.variables.put("config/a", {"k": "1"}),
            nomad.variables.put("config/a", {"k": "2"}),
            nomad.variables.delete("config/a"),
        ):
            emitted.clear()
            await step
            await nomad.variables.put("configs", {"k": "1"})
            await eventually(lambda: emitted.ids == ["config/a"], within=1)


def test_a_topic_that_there_is_not_is_refused_and_the_others_are_named(nomad: MemoryNomad) -> None:
    with pytest.raises(ValueError, match='there is no topic "Pod" to follow; there are Job, Allocation, '):
        Watch("Pod").stream(Informers(nomad))


# Resources of another kind


class Relations:
    """Widgets concern what their `text` names."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str | None]] = []

    def __call__(self, change: Change, known: Collection[str]) -> Iterable[str]:
        sides = [None if side is None else side.get("text", "") for side in (change.old, change.new)]
        self.asked.append((sides[0], sides[1]))
        return {side for side in sides if side}


@virtual_time
async def test_a_map_sees_the_items_of_a_resource_and_a_relation_that_ends(nomad: MemoryNomad) -> None:
    relations = Relations()
    await nomad.declare(PREFIX + "w", text="a")
    async with watching(nomad, Watch(Widget, map=relations)) as emitted:
        assert emitted.ids == ["a"]
        emitted.clear()
        await nomad.declare(PREFIX + "w", text="b")
        await eventually(lambda: set(emitted.ids) == {"a", "b"}, within=1)
        emitted.clear()
        await nomad.variables.delete(PREFIX + "w")
        await eventually(lambda: emitted.ids == ["b"], within=1)
    assert relations.asked == [(None, "a"), ("a", "b"), ("b", None)]


@virtual_time
async def test_the_status_of_a_resource_counts_too(nomad: MemoryNomad) -> None:
    await nomad.declare(PREFIX + "w", text="a")
    async with watching(nomad, Watch(Widget, map=Relations())) as emitted, watching(nomad, Watch(Widget)) as names:
        emitted.clear()
        names.clear()
        await nomad.declare("status/test/widget/w", seen="1")
        await eventually(lambda: emitted.ids == ["a"], within=1)
        assert names.ids == ["w"]
        assert {emission.reason for emission in emitted} == {"widget w"}


class Board(Resource, group="test", kind="board"):
    """Says which widgets are ready."""

    class Spec(BaseModel):
        title: str = ""

    class Status(ResourceStatus):
        ready: list[str] = []


class BoardReconciler(Reconciler[Board]):
    watches = [Watch(Widget, map=lambda change, known: known)]

    async def reconcile(self, board: Board, ctx: Context[Board]) -> None:
        widgets = await ctx.select(Widget)
        board.status.ready = [widget.name for widget in widgets if widget.status.condition("Ready").status == "True"]


@virtual_time
async def test_what_another_reconciler_of_the_same_process_writes_is_heard_of(nomad: MemoryNomad) -> None:
    shown: list[bool] = [False]

    async def act(widget: Widget, ctx: Context[Widget]) -> Result:
        ctx.set_condition("Ready", shown[0], "Asked")
        return Result(requeue_after=5)

    def ready() -> list[str] | None:
        status = status_of(nomad, Board, "all")
        return None if status is None else status.ready

    async with running(nomad, WidgetReconciler(act), BoardReconciler()):
        await nomad.declare("resources/test/board/all", title="x")
        await nomad.declare(PREFIX + "one", size="1")
        await eventually(lambda: ready() == [])
        await asyncio.sleep(1)
        shown[0] = True
        await eventually(lambda: ready() == ["one"], within=6)


@virtual_time
async def test_what_changes_while_it_is_read_is_not_lost(nomad: MemoryNomad) -> None:
    """The read is slow, and tells of what was there before the next change."""
    relations = Relations()
    await nomad.declare(PREFIX + "w", text="a")
    informers = Informers(nomad, Random(1))
    (stream,) = streams_of([Watch(Widget, map=relations)], informers)
    emitted = Emitted()
    resources = informers.variables(PREFIX)
    read = resources.read

    async def slow_read(key: str) -> Any:
        record = await read(key)
        await asyncio.sleep(1)
        return record

    resources.read = slow_read  # type: ignore[method-assign]
    tasks = [asyncio.create_task(informers.run()), asyncio.create_task(stream.run(emitted))]
    await asyncio.sleep(3)
    await nomad.declare(PREFIX + "w", text="b")
    await asyncio.sleep(0.5)
    await nomad.declare(PREFIX + "w", text="c")
    await asyncio.sleep(3)
    assert relations.asked[-1][1] == "c"
    assert emitted.ids[-1] in ("b", "c")
    assert "c" in emitted.ids
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual_time
async def test_trouble_in_reading_makes_the_stream_begin_anew_and_loses_no_deletion(nomad: MemoryNomad) -> None:
    relations = Relations()
    for name, text in (("w", "a"), ("x", "b")):
        await nomad.declare(PREFIX + name, text=text)
    informers = Informers(nomad, Random(1))
    stream = Watch(Widget, map=relations).stream(informers)
    emitted = Emitted()
    following, first = asyncio.create_task(informers.run()), asyncio.create_task(stream.run(emitted))
    await asyncio.sleep(1)

    def fault(method: str, path: str) -> None:
        if (method, path) == ("GET", f"/v1/var/{PREFIX}x"):
            raise Unreachable("gone")

    nomad.cluster.fault = fault
    await nomad.declare(PREFIX + "x", text="c")
    with pytest.raises(Unreachable):
        await asyncio.wait_for(first, 10)
    nomad.cluster.fault = None
    await nomad.variables.delete(PREFIX + "w")
    await asyncio.sleep(1)
    again = asyncio.create_task(stream.run(emitted))
    await asyncio.sleep(1)
    assert {("a", None), ("b", "c")} <= set(relations.asked)
    for task in (following, again):
        task.cancel()
    await asyncio.gather(following, again, return_exceptions=True)


# In an operator


class Gadget(Resource, group="test", kind="gadget"):
    class Spec(BaseModel):
        widget: str


class Looks:
    """A reconciler with these watches that notes why it is called."""

    def __init__(self, *watches: Trigger) -> None:
        class Watching(WidgetReconciler):
            pass

        Watching.watches = watches
        self.why: list[tuple[str, str]] = []
        self.reconciler = Watching(self._note)

    async def _note(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
        self.why += [(widget.name, reason) for reason in ctx.reasons if reason != "status changed"]
        return None


async def declare(nomad: MemoryNomad, *names: str) -> None:
    for name in names:
        await nomad.declare(f"resources/test/widget/{name}", size="1")


def the_widget(change: Change, known: Collection[str]) -> list[str]:
    """The widget that a gadget is for, and the one that it was for."""
    return [items["widget"] for items in (change.old, change.new) if items]


@virtual_time
async def test_a_map_sees_what_was_and_what_is() -> None:
    nomad = MemoryNomad()
    looks = Looks(Watch(Gadget, map=the_widget))
    async with running(nomad, looks.reconciler):
        await declare(nomad, "one", "two")
        await nomad.declare("resources/test/gadget/g", widget="one")
        await eventually(lambda: ("one", "gadget g") in looks.why)
        assert ("two", "gadget g") not in looks.why
        looks.why.clear()
        await nomad.declare("resources/test/gadget/g", widget="two")
        await eventually(lambda: {("one", "gadget g"), ("two", "gadget g")} <= set(looks.why))
        looks.why.clear()
        await nomad.variables.delete("resources/test/gadget/g")
        await eventually(lambda: ("two", "gadget g") in looks.why)


@virtual_time
async def test_an_object_of_nomads_brings_back_whom_its_map_names() -> None:
    nomad = MemoryNomad()
    looks = Looks(Watch("Variable", prefix="notes/", map=lambda change, known: [change.id.removeprefix("notes/")]))
    async with running(nomad, looks.reconciler):
        await declare(nomad, "one", "two")
        await nomad.declare("notes/one", text="hello")
        await eventually(lambda: ("one", "Variable notes/one") in looks.why)
    assert not [why for why in looks.why if why[0] == "two" and why[1].startswith("Variable")]


@virtual_time
async def test_a_map_that_fails_has_everything_looked_at() -> None:
    def broken(change: Change, known: Collection[str]) -> Sequence[str]:
        raise RuntimeError("a mistake of the author's")

    nomad = MemoryNomad()
    looks = Looks(Watch("Variable", prefix="notes/", map=broken))
    async with running(nomad, looks.reconciler):
        await declare(nomad, "one", "two")
        await eventually(lambda: len(looks.why) >= 2)
        looks.why.clear()
        await nomad.declare("notes/any", text="hello")
        await eventually(lambda: {name for name, _ in looks.why} == {"one", "two"})


def test_a_topic_that_there_is_not_is_said_at_once() -> None:
    looks = Looks(Watch("Weather"))
    with pytest.raises(ValueError, match='no topic "Weather"'):
        Manager(MemoryNomad(), [looks.reconciler], name="operator")
