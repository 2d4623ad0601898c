"""What a reconciler does through its context: jobs by plan and with an owner, roll-outs, events, conditions."""

import asyncio
from typing import ClassVar

import pytest

from nomad_api.errors import Forbidden
from nomad_api.models import Job
from nomad_api.models.job import Scaling
from operator_kit import Context, PermanentError, Result
from operator_kit.ownership import OWNER, OWNER_UID
from operator_kit.testing import Cluster, MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, widget_job

PATH = "resources/test/widget/one"


def registrations(nomad: MemoryNomad) -> int:
    return nomad.cluster.requests.count(("PUT", "/v1/jobs"))


def reasons(nomad: MemoryNomad) -> list[str]:
    status = status_of(nomad, Widget, "one")
    assert status is not None
    return [event.reason for event in status.events]


async def count_of(nomad: MemoryNomad, job_id: str = "widget-one") -> int | None:
    job = await nomad.jobs.get(job_id)
    return (job.task_groups or [])[0].count


async def change_count(nomad: MemoryNomad, count: int) -> None:
    """What a person, or an autoscaler, does."""
    job = await nomad.jobs.get("widget-one")
    group = (job.task_groups or [])[0]
    await nomad.jobs.register(job.evolve(task_groups=[group.evolve(count=count)]))


@virtual_time
async def test_a_job_bears_the_mark_of_its_owner(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one")
    job = nomad.job("widget-one")
    assert job is not None
    assert job.meta == {OWNER: PATH, OWNER_UID: str(status.uid)}
    assert job.namespace == "default"


@virtual_time
async def test_an_unchanged_job_is_registered_once_and_planned_once(nomad: MemoryNomad) -> None:
    reconciler = WidgetReconciler()
    async with running(nomad, reconciler) as manager:
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        for _ in range(5):
            manager.controllers[0].look_at_all()
            await asyncio.sleep(1)
    assert len(reconciler.calls) > 5
    assert registrations(nomad) == 1
    assert nomad.cluster.requests.count(("PUT", "/v1/job/widget-one/plan")) == 1


@virtual_time
async def test_a_restarted_operator_registers_nothing_anew(nomad: MemoryNomad) -> None:
    for _ in range(3):
        async with running(nomad, WidgetReconciler()):
            await nomad.declare(PATH, size="1")
            await ready(nomad, Widget, "one")
    assert registrations(nomad) == 1


@virtual_time
async def test_another_spec_makes_another_version(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, text="a")
        await ready(nomad, Widget, "one")
        await nomad.declare(PATH, text="b")
        status = await ready(nomad, Widget, "one")
    job = nomad.job("widget-one")
    assert job is not None
    assert job.version == 1
    assert reasons(nomad) == ["JobCreated", "JobUpdated"]
    assert [entry.index for entry in status.owned] == [job.job_modify_index]


@virtual_time
async def test_drift_is_corrected_and_told(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 5)
        await eventually(lambda: "DriftCorrected" in reasons(nomad))
        assert await count_of(nomad) == 2
        await nomad.jobs.deregister("widget-one")
        await eventually(lambda: not nomad.cluster.jobs["widget-one"]["Stop"])
        await nomad.jobs.deregister("widget-one", purge=True)
        await eventually(lambda: nomad.job("widget-one") is not None)


@virtual_time
async def test_drift_is_noticed_without_events_too() -> None:
    nomad = MemoryNomad()
    nomad.cluster.deaf = True
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 5)
        await asyncio.sleep(1)
        assert await count_of(nomad) == 2


@virtual_time
async def test_a_scaled_count_is_left_alone_within_its_bounds(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        job = widget_job(widget)
        group = (job.task_groups or [])[0].evolve(scaling=Scaling(min=1, max=4), count=2)
        await ctx.apply(job.evolve(task_groups=[group]))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, text="a")
        await ready(nomad, Widget, "one")
        assert await count_of(nomad) == 2
        for wanted, kept in ((4, 4), (9, 4), (0, 1)):
            await change_count(nomad, wanted)
            await asyncio.sleep(1)
            assert await count_of(nomad) == kept
        await change_count(nomad, 3)
        await nomad.declare(PATH, text="b")
        await ready(nomad, Widget, "one")
        assert await count_of(nomad) == 3


@virtual_time
async def test_a_count_that_is_left_out_is_anybodys(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        job = widget_job(widget)
        await ctx.apply(job.evolve(task_groups=[(job.task_groups or [])[0].evolve(count=None)]))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, text="a")
        await ready(nomad, Widget, "one")
        await change_count(nomad, 7)
        await asyncio.sleep(1)
        assert await count_of(nomad) == 7


@virtual_time
async def test_a_job_of_nobody_is_adopted(nomad: MemoryNomad) -> None:
    await nomad.jobs.register(widget_job(Widget("one", Widget.Spec())))
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        assert reasons(nomad) == ["JobAdopted"]
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.job("widget-one") is None)


@virtual_time
async def test_a_job_of_another_resource_is_not_touched_until_it_is_free(nomad: MemoryNomad) -> None:
    theirs = widget_job(Widget("one", Widget.Spec())).evolve(meta={OWNER: "resources/other/thing/x", OWNER_UID: "3"})
    await nomad.jobs.register(theirs)
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="3")
        await asyncio.sleep(5)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.condition("Reconciled").reason == "AlreadyOwned"
        assert "belongs to resources/other/thing/x" in status.condition("Reconciled").message
        assert await count_of(nomad) == 1
        await nomad.jobs.deregister("widget-one", purge=True)
        await ready(nomad, Widget, "one", within=400)
    assert nomad.job("widget-one")


@virtual_time
async def test_a_resource_removes_only_its_own_jobs(nomad: MemoryNomad) -> None:
    async def undo(widget: Widget, ctx: Context[Widget]) -> None:
        with pytest.raises(PermanentError, match="belongs to nobody"):
            await ctx.delete("bystander")
        await ctx.delete("never-existed")

    await nomad.jobs.register(widget_job(Widget("x", Widget.Spec())).evolve(id="bystander"))
    async with running(nomad, WidgetReconciler(undo=undo)):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items("status/test/widget/one") is None)
    assert nomad.job("bystander")
    assert nomad.job("widget-one") is None


@virtual_time
async def test_jobs_that_are_no_longer_wanted_can_be_found_and_deleted(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        job = widget_job(widget)
        wanted = {f"widget-one-{number}" for number in range(widget.spec.size)}
        for job_id in sorted(wanted):
            await ctx.apply(job.evolve(id=job_id, task_groups=[(job.task_groups or [])[0].evolve(count=1)]))
        for owned in await ctx.owned_jobs():
            if owned.id not in wanted:
                await ctx.delete(owned)
        return None

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="3")
        await ready(nomad, Widget, "one")
        assert sorted(nomad.cluster.jobs) == ["widget-one-0", "widget-one-1", "widget-one-2"]
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one")
        assert sorted(nomad.cluster.jobs) == [entry.id for entry in status.owned] == ["widget-one-0"]
        await nomad.variables.delete(PATH)
        await eventually(lambda: not nomad.cluster.jobs)


@virtual_time
async def test_ready_comes_with_the_allocations_health_and_goes_with_it() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=None))
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2")
        await asyncio.sleep(30)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        ready_now = status.condition("Ready")
        assert (ready_now.status, ready_now.reason, ready_now.message) == ("False", "Progressing", "0 of 2 allocations healthy")
        nomad.make_healthy("widget-one")
        await ready(nomad, Widget, "one", within=1)


@virtual_time
async def test_without_events_an_unfinished_roll_out_is_looked_at_again() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=None))

    def fault(method: str, path: str) -> None:
        if "event" in path:
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(PATH, size="2")
        await asyncio.sleep(10)
        nomad.make_healthy("widget-one")
        await ready(nomad, Widget, "one", within=3)


@virtual_time
async def test_a_reconciler_that_makes_jobs_must_declare_it(nomad: MemoryNomad) -> None:
    class Undeclared(WidgetReconciler):
        owns: ClassVar[list[type[Job]]] = []

    async with running(nomad, Undeclared()):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(1)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert "owns = [Job]" in status.condition("Reconciled").message


@virtual_time
async def test_a_job_that_nomad_refuses_is_told_in_nomads_words(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(Job(id="empty"))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(1)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.condition("Reconciled").reason == "ServerError"
        assert "Missing job task groups" in status.condition("Reconciled").message


@virtual_time
async def test_conditions_and_events_are_the_authors_to_use(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        ctx.set_condition("Backed", None, "NeverTried", "no backup yet")
        ctx.set_condition("Old", True, "Once")
        ctx.remove_condition("Old")
        ctx.event("Normal", "Looked", "just looking")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one")
    assert (status.condition("Backed").status, status.condition("Backed").reason) == ("Unknown", "NeverTried")
    assert "Old" not in {entry.type for entry in status.conditions}
    assert reasons(nomad) == ["Looked"]
