"""Handlers in a running operator: who is called, with what, and what becomes of it."""

import asyncio
from collections.abc import Callable
from typing import Any

from operator_kit import Context, PermanentError, Result, TemporaryError
from operator_kit.handlers import FieldChange, Handlers, on
from operator_kit.handlers.memory import ROOM
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"


class Diary(Handlers[Widget]):
    """Writes down what it is called for; `trouble` is asked before anything succeeds."""

    def __init__(self, trouble: Callable[[str, Widget], Result | None] = lambda what, widget: None) -> None:
        self.calls: list[str] = []
        self.trouble = trouble

    def note(self, what: str, widget: Widget) -> Result | None:
        self.calls.append(what)
        return self.trouble(what, widget)

    @on.create
    async def created(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
        return self.note(f"created {widget.spec.size}", widget)

    @on.update
    async def updated(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
        return self.note(f"updated {widget.spec.size} {widget.spec.text}".strip(), widget)

    @on.field("spec.size")
    async def resized(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> Result | None:
        return self.note(f"resized {change.old} to {change.new}", widget)

    @on.delete
    async def unlisted(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
        return self.note(f"unlisted {widget.spec.size}", widget)

    @on.delete
    async def deleted(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
        return self.note(f"deleted {widget.spec.size}", widget)


def once(what: str, error: Exception) -> Callable[[str, Widget], Result | None]:
    """Trouble that arises the first time that something is done."""
    left = [error]

    def trouble(done: str, widget: Widget) -> None:
        if done == what and left:
            raise left.pop()

    return trouble


def condition(nomad: MemoryNomad, type: str) -> tuple[str, str, str]:
    status = status_of(nomad, Widget, "one")
    assert status is not None
    found = status.condition(type)
    return found.status, found.reason, found.message


@virtual_time
async def test_a_life_from_creation_to_deletion(nomad: MemoryNomad) -> None:
    diary = Diary()
    async with running(nomad, diary):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="3", text="x")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="3", text="y")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert diary.calls == ["created 1", "updated 3 x", "resized 1 to 3", "updated 3 y", "unlisted 3", "deleted 3"]


@virtual_time
async def test_a_write_of_the_same_spec_and_a_new_label_are_no_change_of_it(nomad: MemoryNomad) -> None:
    diary = Diary()
    async with running(nomad, diary):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="1", labels__team="core")
        status = await ready(nomad, Widget, "one")
    assert diary.calls == ["created 1"]
    assert status.handled is not None
    assert status.handled.generation == status.observed_generation


@virtual_time
async def test_a_restarted_operator_calls_nobody_again_and_misses_nothing(nomad: MemoryNomad) -> None:
    async with running(nomad, Diary()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    second = Diary()
    async with running(nomad, second):
        await asyncio.sleep(60)
    assert second.calls == []
    for size in "234":
        await nomad.declare(PATH, size=size)
    third = Diary()
    async with running(nomad, third):
        await ready(nomad, Widget, "one")
    assert third.calls == ["updated 4", "resized 1 to 4"]


@virtual_time
async def test_a_handler_that_succeeded_is_not_called_again_when_a_later_one_fails_even_by_the_next_process(
    nomad: MemoryNomad,
) -> None:
    def broken(what: str, widget: Widget) -> None:
        if what.startswith("resized"):
            raise TemporaryError("no room", delay=5)

    first = Diary(broken)
    async with running(nomad, first):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2")
        await asyncio.sleep(12)
        assert condition(nomad, "Reconciled") == ("False", "TemporaryError", "no room")
    assert first.calls == ["created 1", "updated 2", *["resized 1 to 2"] * 3]
    second = Diary()
    async with running(nomad, second):
        await ready(nomad, Widget, "one")
    assert second.calls == ["resized 1 to 2"]


@virtual_time
async def test_each_handler_goes_on_from_what_it_dealt_with_itself(nomad: MemoryNomad) -> None:
    class Two(Handlers[Widget]):
        def __init__(self) -> None:
            self.changes: list[tuple[str, int | None, int]] = []

        @on.field("spec.size")
        async def first(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> None:
            self.changes.append(("first", change.old, change.new))

        @on.field("spec.size")
        async def second(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> None:
            if widget.spec.size == 2:
                raise PermanentError("two is not enough")
            self.changes.append(("second", change.old, change.new))

    two = Two()
    async with running(nomad, two):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2")
        await eventually(lambda: condition(nomad, "Stalled")[0] == "True")
        await nomad.declare(PATH, size="3")
        await ready(nomad, Widget, "one")
    assert two.changes == [("first", 1, 2), ("first", 2, 3), ("second", 1, 3)]


@virtual_time
async def test_a_change_while_a_handler_works_is_seen_afterwards(nomad: MemoryNomad) -> None:
    class Slow(Diary):
        @on.create
        async def created(self, widget: Widget, ctx: Context[Widget]) -> Result | None:
            await asyncio.sleep(5)
            return await super().created(widget, ctx)

    slow = Slow()
    async with running(nomad, slow):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(1)
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
    assert slow.calls == ["created 1", "updated 2", "resized 1 to 2"]


@virtual_time
async def test_a_handler_that_is_not_finished_is_called_again_and_holds_up_the_next(nomad: MemoryNomad) -> None:
    left = [Result(requeue_after=7), Result(requeue_after=7)]
    diary = Diary(lambda what, widget: left.pop() if what == "updated 2" and left else None)
    async with running(nomad, diary):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, size="2")
        await asyncio.sleep(5)
        assert condition(nomad, "Ready") == ("False", "HandlerWaits", "a handler is not finished yet")
        assert condition(nomad, "Reconciled")[0] == "True"
        await ready(nomad, Widget, "one")
    assert diary.calls == ["created 1", "updated 2", "updated 2", "updated 2", "resized 1 to 2"]


@virtual_time
async def test_a_handler_that_returns_something_else_is_told(nomad: MemoryNomad) -> None:
    class Odd(Handlers[Widget]):
        @on.create
        async def created(self, widget: Widget, ctx: Context[Widget]) -> Any:
            return 30

    async with running(nomad, Odd()):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: nomad.items(STATUS) is not None and condition(nomad, "Reconciled")[0] == "False")
    assert condition(nomad, "Reconciled")[2] == (
        "TypeError: handler created returned 30; it returns None, or Result(requeue_after=…) to be called again"
    )


@virtual_time
async def test_a_deletion_goes_on_where_it_failed(nomad: MemoryNomad) -> None:
    def broken(what: str, widget: Widget) -> None:
        if what.startswith("deleted"):
            raise TemporaryError("not yet", delay=5)

    first = Diary(broken)
    async with running(nomad, first):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await asyncio.sleep(7)
    assert first.calls == ["created 1", "unlisted 1", "deleted 1", "deleted 1"]
    second = Diary()
    async with running(nomad, second):
        await eventually(lambda: nomad.items(STATUS) is None)
    assert second.calls == ["deleted 1"]


@virtual_time
async def test_a_resource_made_anew_is_deleted_and_created(nomad: MemoryNomad) -> None:
    diary = Diary()
    await nomad.declare(PATH, size="1")
    async with running(nomad, diary):
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
    assert diary.calls == ["created 1", "unlisted 1", "deleted 1", "created 2"]


@virtual_time
async def test_a_handler_that_something_does_not_concern_catches_up_later(nomad: MemoryNomad) -> None:
    class Picky(Handlers[Widget]):
        def __init__(self) -> None:
            self.calls: list[str] = []

        @on.create(when=lambda widget: widget.spec.text == "on")
        async def created(self, widget: Widget, ctx: Context[Widget]) -> None:
            self.calls.append("created")

        @on.field("spec.size", when=lambda widget: widget.spec.text == "on")
        async def resized(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> None:
            self.calls.append(f"resized {change.old} to {change.new}")

    picky = Picky()
    async with running(nomad, picky):
        for size, text in ((1, ""), (2, ""), (3, "on"), (3, ""), (4, ""), (5, "on")):
            await nomad.declare(PATH, size=str(size), text=text)
            await ready(nomad, Widget, "one")
    assert picky.calls == ["created", "resized 1 to 3", "resized 3 to 5"]


@virtual_time
async def test_a_handler_that_is_renamed_is_not_called_for_what_is_past_but_for_what_was_missed(nomad: MemoryNomad) -> None:
    async with running(nomad, Diary()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")

    class Renamed(Handlers[Widget]):
        def __init__(self) -> None:
            self.calls: list[str] = []

        @on.create
        async def made(self, widget: Widget, ctx: Context[Widget]) -> None:
            self.calls.append("made")

        @on.field("spec.size")
        async def scaled(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> None:
            self.calls.append(f"scaled {change.old} to {change.new}")

        @on.field("spec.text")
        async def retitled(self, widget: Widget, ctx: Context[Widget], change: FieldChange[str]) -> None:
            self.calls.append(f"retitled {change.old} to {change.new}, forgotten: {change.forgotten}")

    idle, late = Renamed(), Renamed()
    async with running(nomad, idle):
        await asyncio.sleep(5)
    await nomad.declare(PATH, size="2")
    async with running(nomad, Diary()):
        await ready(nomad, Widget, "one")
    await nomad.declare(PATH, size="3")
    async with running(nomad, late):
        await ready(nomad, Widget, "one")
    assert idle.calls == []
    assert late.calls == ["scaled 2 to 3", "retitled None to , forgotten: True"]


@virtual_time
async def test_a_large_value_is_followed_but_not_remembered(nomad: MemoryNomad) -> None:
    class Title(Handlers[Widget]):
        def __init__(self) -> None:
            self.changes: list[FieldChange[str]] = []

        @on.field("spec.text")
        async def retitled(self, widget: Widget, ctx: Context[Widget], change: FieldChange[str]) -> None:
            self.changes.append(change)

    title = Title()
    async with running(nomad, title):
        for text in ("x" * ROOM, "short", "long" * ROOM):
            await nomad.declare(PATH, text=text)
            await ready(nomad, Widget, "one")
    assert [(change.old, change.forgotten) for change in title.changes] == [(None, True), ("short", False)]
    assert "long" not in (nomad.items(STATUS) or {})["handled"]


@virtual_time
async def test_what_a_handler_says_of_ready_holds_until_it_says_something_else(nomad: MemoryNomad) -> None:
    class Frank(Handlers[Widget]):
        @on.create
        @on.update
        async def judged(self, widget: Widget, ctx: Context[Widget]) -> None:
            ctx.set_condition("Ready", widget.spec.size > 1, "Judged", f"size {widget.spec.size}")

    async with running(nomad, Frank()) as manager:
        await nomad.declare(PATH, size="1")
        await eventually(lambda: (status := status_of(nomad, Widget, "one")) is not None and status.observed_generation > 0)
        manager.controllers[0].look_at_all()
        await asyncio.sleep(1)
        assert condition(nomad, "Ready") == ("False", "Judged", "size 1")
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
    assert condition(nomad, "Ready") == ("True", "Judged", "size 2")


@virtual_time
async def test_a_look_at_what_has_been_dealt_with_writes_nothing(nomad: MemoryNomad) -> None:
    async with running(nomad, Diary()) as manager:
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(1)
        before = len(nomad.cluster.requests)
        manager.controllers[0].look_at_all()
        await asyncio.sleep(1)
        assert len(nomad.cluster.requests) == before


@virtual_time
async def test_a_reconcile_may_be_extended_by_what_is_looked_at_each_time(nomad: MemoryNomad) -> None:
    class Both(Diary):
        async def reconcile(self, resource: Widget, ctx: Context[Widget]) -> Result | None:
            result = await super().reconcile(resource, ctx)
            resource.status.seen += 1
            return result

    async with running(nomad, Both()) as manager:
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        manager.controllers[0].look_at_all()
        await eventually(lambda: (status := status_of(nomad, Widget, "one")) is not None and status.seen == 2)
