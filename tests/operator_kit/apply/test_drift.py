"""What another has changed is put right, or only reported, and in both cases told."""

import asyncio
from typing import ClassVar

import pytest

from nomad_api.models import Namespace
from operator_kit import Condition, Context, Result
from operator_kit.apply.drift import Drift
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, widget_job

ONE = "resources/test/widget/one"


class Reporting(WidgetReconciler):
    drift: ClassVar[Drift] = "report"


def drifted(nomad: MemoryNomad) -> Condition:
    status = status_of(nomad, Widget, "one")
    assert status is not None
    return status.condition("Drifted")


async def change_count(nomad: MemoryNomad, count: int) -> None:
    job = await nomad.jobs.get("widget-one")
    await nomad.jobs.register(job.evolve(task_groups=[(job.task_groups or [])[0].evolve(count=count)]))


async def count_of(nomad: MemoryNomad) -> int | None:
    return ((await nomad.jobs.get("widget-one")).task_groups or [])[0].count


async def only_apply(widget: Widget, ctx: Context[Widget]) -> Result | None:
    await ctx.apply(widget_job(widget))
    return None


async def describe(widget: Widget, ctx: Context[Widget]) -> Result | None:
    await ctx.apply(Namespace(name="team", description=widget.spec.text, meta={"a": "1"}))
    return None


@virtual_time
async def test_nothing_is_said_of_drift_before_there_is_any(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
    assert "Drifted" not in {condition.type for condition in status.conditions}


@virtual_time
async def test_a_corrected_job_is_told_with_the_fields_that_nomads_plan_names(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 5)
        await eventually(lambda: drifted(nomad).reason == "Corrected")
        assert await count_of(nomad) == 2
        status = await ready(nomad, Widget, "one")
    assert (drifted(nomad).status, drifted(nomad).message) == ("False", "job widget-one: TaskGroups[g].Count")
    assert "job widget-one had been changed by another: TaskGroups[g].Count" in [event.message for event in status.events]


@virtual_time
async def test_a_new_wish_is_no_drift(nomad: MemoryNomad) -> None:
    async with running(nomad, Reporting()):
        await nomad.declare(ONE, text="a")
        await ready(nomad, Widget, "one")
        await nomad.declare(ONE, text="b")
        status = await ready(nomad, Widget, "one")
    assert "Drifted" not in {condition.type for condition in status.conditions}
    job = nomad.job("widget-one")
    assert job is not None
    assert job.version == 1


@virtual_time
async def test_drift_that_is_only_reported_stays_until_somebody_ends_it(nomad: MemoryNomad) -> None:
    async with running(nomad, Reporting()) as manager:
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 5)
        await eventually(lambda: drifted(nomad).status == "True")
        assert (drifted(nomad).reason, drifted(nomad).message) == ("ChangedByAnother", "Job widget-one: TaskGroups[g].Count")
        plans = nomad.cluster.requests.count(("PUT", "/v1/job/widget-one/plan"))
        for _ in range(3):
            manager.controllers[0].look_at_all()
            await asyncio.sleep(1)
        assert await count_of(nomad) == 5
        # What has been reported is not asked again while nothing changes.
        assert nomad.cluster.requests.count(("PUT", "/v1/job/widget-one/plan")) == plans
        await change_count(nomad, 2)
        await eventually(lambda: drifted(nomad).reason == "InLine")


@virtual_time
async def test_a_new_wish_ends_what_was_only_reported(nomad: MemoryNomad) -> None:
    async with running(nomad, Reporting()):
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 5)
        await eventually(lambda: drifted(nomad).status == "True")
        await nomad.declare(ONE, size="3")
        await eventually(lambda: drifted(nomad).status == "False")
        assert await count_of(nomad) == 3


@pytest.mark.parametrize(("purge", "told"), [(False, "Job widget-one: Stop"), (True, "Job widget-one: (missing)")])
@virtual_time
async def test_a_job_that_another_took_away_is_not_brought_back_where_drift_is_only_reported(purge: bool, told: str) -> None:
    nomad = MemoryNomad()
    async with running(nomad, Reporting(only_apply)):
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        await nomad.jobs.deregister("widget-one", purge=purge)
        await eventually(lambda: drifted(nomad).status == "True")
        await asyncio.sleep(5)
    assert drifted(nomad).message == told
    job = nomad.job("widget-one")
    assert job is None or job.stop


@virtual_time
async def test_drift_of_other_kinds_is_found_by_comparing_the_own_fields(nomad: MemoryNomad) -> None:
    async with running(nomad, Reporting(describe)) as manager:
        await nomad.declare(ONE, text="ours")
        await ready(nomad, Widget, "one")
        live = await nomad.namespaces.get("team")
        await nomad.namespaces.apply(
            live.evolve(description="theirs", quota="x", meta={**(live.meta or {}), "a": "2", "b": "3"})
        )
        manager.controllers[0].look_at_all()
        await eventually(lambda: drifted(nomad).status == "True")
    assert drifted(nomad).message == "Namespace team: Description, Meta[a]"
    assert (await nomad.namespaces.get("team")).description == "theirs"


@virtual_time
async def test_marks_that_another_took_away_are_put_back(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(describe)) as manager:
        await nomad.declare(ONE, text="ours")
        await ready(nomad, Widget, "one")
        await nomad.namespaces.apply(Namespace(name="team", description="ours", meta={"a": "1"}))
        manager.controllers[0].look_at_all()
        await eventually(lambda: drifted(nomad).reason == "Corrected")
    assert "operator.owner" in ((await nomad.namespaces.get("team")).meta or {})
