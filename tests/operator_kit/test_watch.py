"""Watches: whom the change of an object concerns."""

from collections.abc import Collection, Sequence

import pytest
from pydantic import BaseModel

from operator_kit import Context, Manager, Resource, Result, Watch
from operator_kit.informers.objects import Change
from operator_kit.testing import MemoryNomad, eventually, running, virtual_time
from operator_kit.watch import Trigger
from tests.operator_kit.conftest import Widget, WidgetReconciler


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
