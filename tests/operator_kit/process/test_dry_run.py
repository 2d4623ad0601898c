"""What an operator would write, without anything being written."""

from typing import Any

import pytest

from nomad_api.models import Namespace, Variable
from operator_kit import Context, PermanentError, Reconciler, Result
from operator_kit.process.dry_run import PlannedWrite, dry_run
from operator_kit.testing import MemoryNomad, ready, running, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, apply_and_report, widget_job

ONE = "resources/test/widget/one"
TWO = "resources/test/widget/two"


async def several(widget: Widget, ctx: Context[Widget]) -> Result | None:
    await ctx.apply(Namespace(name="team", description=widget.spec.text))
    await ctx.apply(Variable(path="config/one", items={"url": widget.spec.text, "size": str(widget.spec.size)}))
    return await apply_and_report(widget, ctx)


async def shown(nomad: MemoryNomad, *reconcilers: Reconciler[Any], **options: Any) -> list[str]:
    """The planned writes in words; it is checked that none of them was done."""
    before = nomad.cluster.index
    planned = await dry_run(nomad, reconcilers, **options)
    assert nomad.cluster.index == before
    return [str(write) for write in planned]


@virtual_time
async def test_all_that_a_new_resource_would_bring_about_is_told(nomad: MemoryNomad) -> None:
    await nomad.declare(ONE, text="a")
    assert await shown(nomad, WidgetReconciler(several)) == [
        "create Namespace team",
        "create Variable config/one",
        "create Job widget-one",
    ]


@virtual_time
async def test_of_what_is_there_only_the_changes_are_told(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(several)):
        await nomad.declare(ONE, text="a")
        await ready(nomad, Widget, "one")
    assert await shown(nomad, WidgetReconciler(several)) == []
    await nomad.declare(ONE, text="b")
    assert await shown(nomad, WidgetReconciler(several)) == [
        "update Namespace team: Description",
        "update Variable config/one: url",
        "update Job widget-one: TaskGroups[g].Tasks[main].Env[TEXT]",
    ]


@virtual_time
async def test_a_planned_job_comes_with_nomads_own_difference(nomad: MemoryNomad) -> None:
    await nomad.declare(ONE, size="2")
    (write,) = await dry_run(nomad, [WidgetReconciler()])
    assert (write.resource, write.action, write.kind, write.namespace) == (ONE, "create", "Job", "default")
    assert write.diff is not None
    assert write.diff["Type"] == "Added"
    assert write.body is not None
    assert write.body["Job"]["ID"] == "widget-one"


@virtual_time
async def test_a_pending_deletion_is_told_too(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(several)):
        await nomad.declare(ONE, text="a")
        await ready(nomad, Widget, "one")
    await nomad.variables.delete(ONE)
    assert await shown(nomad, WidgetReconciler(several)) == [
        "delete Job widget-one",
        "delete Variable config/one",
        "delete Namespace team",
    ]


@virtual_time
async def test_statuses_are_told_where_they_are_wanted(nomad: MemoryNomad) -> None:
    await nomad.declare(ONE, size="1")
    told = await shown(nomad, WidgetReconciler(), statuses=True)
    assert told[0] == "create Variable status/test/widget/one"
    assert "create Job widget-one" in told


@virtual_time
async def test_failures_are_told_and_the_other_resources_are_looked_at_all_the_same(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        if widget.spec.text:
            raise PermanentError("never", reason="Never")
        await ctx.apply(widget_job(widget))
        return None

    failures: dict[str, str] = {}
    await nomad.declare("resources/test/widget/bad", size="many")
    await nomad.declare(ONE, text="x")
    await nomad.declare(TWO, size="1")
    assert await shown(nomad, WidgetReconciler(act), failed=failures.__setitem__) == ["create Job widget-two"]
    assert failures[ONE] == "Never: never"
    assert failures["resources/test/widget/bad"].startswith("InvalidSpec: size: ")


@virtual_time
async def test_whatever_else_would_be_done_is_told_as_a_call(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")

    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        await ctx.nomad.jobs.scale("widget-one", "g", 3)
        return None

    assert await shown(nomad, WidgetReconciler(act)) == ["call PUT job/widget-one/scale"]


@pytest.mark.parametrize(("action", "text"), [("update", "update Job web: Count"), ("create", "create Job web")])
def test_changes_stand_in_the_line_of_an_update(action: Any, text: str) -> None:
    assert str(PlannedWrite("r", action, "Job", "web", "default", ("Count",))) == text
