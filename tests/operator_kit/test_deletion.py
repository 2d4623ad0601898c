"""What becomes of the things that a purged resource owned: in order, by policy, and never of anybody else's."""

import asyncio
from typing import Any

import pytest
from pydantic import BaseModel

from nomad_api.errors import ServerError
from nomad_api.models import Namespace, Variable
from operator_kit import Context, Reconciler, Resource, Result
from operator_kit.ownership import OWNER
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, widget_job

ONE = "resources/test/widget/one"
STATUS = "status/test/widget/one"


class Gadget(Resource, group="test", kind="gadget"):
    class Spec(BaseModel):
        size: int = 1


class GadgetReconciler(Reconciler[Gadget]):
    """Does nothing, and takes its time to finish with what is gone."""

    finished = False

    async def reconcile(self, resource: Gadget, ctx: Context[Gadget]) -> Result | None:
        return None

    async def finalize(self, resource: Gadget, ctx: Context[Gadget]) -> Result | None:
        return None if self.finished else Result(requeue_after=1)


async def everything(widget: Widget, ctx: Context[Widget]) -> Result | None:
    """A namespace, a job in it, a variable and another resource, in this order."""
    await ctx.apply(Namespace(name="team", description="ours"))
    await ctx.apply(widget_job(widget))
    await ctx.apply(widget_job(widget).evolve(id="inside", namespace="team"))
    await ctx.apply(Variable(path="config/one", items={"url": "x"}))
    await ctx.apply(Gadget("g", Gadget.Spec(size=2)))
    return None


def removals(nomad: MemoryNomad) -> list[str]:
    return [path for method, path in nomad.cluster.requests if method == "DELETE"]


def left(nomad: MemoryNomad) -> list[str]:
    """What is there of everything."""
    there: dict[str, Any] = {
        "namespace": "team" in nomad.cluster.namespaces,
        "job": nomad.job("widget-one"),
        "inside": nomad.job("inside", "team"),
        "variable": nomad.items("config/one"),
        "gadget": nomad.items("resources/test/gadget/g"),
    }
    return [name for name, found in there.items() if found]


@virtual_time
async def test_all_that_was_made_goes_the_newest_first(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(everything)):
        await nomad.declare(ONE, size="1")
        status = await ready(nomad, Widget, "one")
        assert [entry.id for entry in status.owned] == ["team", "widget-one", "inside", "config/one", "g"]
        assert len(left(nomad)) == 5
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert left(nomad) == []
    assert removals(nomad)[-6:-1] == [
        "/v1/var/resources/test/gadget/g",
        "/v1/var/config/one",
        "/v1/job/inside",
        "/v1/job/widget-one",
        "/v1/namespace/team",
    ]


@virtual_time
async def test_in_the_foreground_the_status_stays_until_nothing_runs_any_more(nomad: MemoryNomad) -> None:
    gadgets = GadgetReconciler()
    async with running(nomad, WidgetReconciler(everything), gadgets):
        await nomad.declare(ONE, size="1", operator__deletion="foreground")
        await ready(nomad, Widget, "one")
        await eventually(lambda: nomad.items("status/test/gadget/g") is not None)
        await nomad.variables.delete(ONE)
        await asyncio.sleep(30)
        # The newest goes first, and its own operator has not finished with it: all that is older waits.
        assert left(nomad) == ["namespace", "job", "inside", "variable"]
        assert nomad.items(STATUS) is not None
        gadgets.finished = True
        await eventually(lambda: nomad.items(STATUS) is None)
    assert left(nomad) == []


@virtual_time
async def test_in_the_foreground_a_job_is_stopped_and_waited_for_before_it_is_forgotten(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="1", operator__deletion="foreground")
        await ready(nomad, Widget, "one")
        (allocation,) = await nomad.jobs.allocations("widget-one")
        client_status = "running"

        def fault(method: str, path: str) -> None:
            if (row := nomad.cluster.allocations.get(allocation.id)) is not None:
                row["ClientStatus"] = client_status

        nomad.cluster.fault = fault
        await nomad.variables.delete(ONE)
        await asyncio.sleep(30)
        job = nomad.job("widget-one")
        assert job is not None
        assert job.stop
        assert nomad.items(STATUS) is not None
        client_status = "complete"
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.job("widget-one") is None


@virtual_time
async def test_orphans_stay_and_lose_their_marks(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(everything)):
        await nomad.declare(ONE, size="1", operator__deletion="orphan")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert len(left(nomad)) == 5
    assert OWNER not in (nomad.cluster.namespaces["team"]["Meta"] or {})
    for job in (nomad.job("widget-one"), nomad.job("inside", "team")):
        assert job is not None
        assert OWNER not in (job.meta or {})
        assert not job.stop
    assert nomad.items("config/one") == {"url": "x"}
    assert nomad.items("resources/test/gadget/g") == {"size": "2"}


@virtual_time
async def test_the_policy_is_the_one_that_was_accepted_last(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="1", operator__deletion="orphan")
        await ready(nomad, Widget, "one")
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.job("widget-one") is None


@virtual_time
async def test_a_resource_without_owned_jobs_is_cleaned_up_too(nomad: MemoryNomad) -> None:
    class Jobless(WidgetReconciler):
        owns = []

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await ctx.apply(Variable(path="config/one", items={"url": "x"}))

    async with running(nomad, Jobless(act)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.items("config/one") is None


@pytest.mark.parametrize("policy", ["background", "foreground", "orphan"])
@virtual_time
async def test_what_belongs_to_somebody_else_by_now_is_left_alone(policy: str) -> None:
    nomad = MemoryNomad()
    theirs = {"url": "theirs", OWNER: "resources/other/thing/x", "operator.owner_uid": "3"}

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        if not widget.spec.text:
            await ctx.apply(Variable(path="config/one", items={"url": "x"}))

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(ONE, size="1", operator__deletion=policy)
        await ready(nomad, Widget, "one")
        await nomad.declare(ONE, text="leave it", operator__deletion=policy)
        await ready(nomad, Widget, "one")
        await nomad.variables.put("config/one", theirs)
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.items("config/one") == theirs


@virtual_time
async def test_what_cannot_go_holds_nothing_else_up_and_is_tried_again(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler(everything)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await nomad.scoped(namespace="team").variables.put("bystander", {"a": "b"})
        await nomad.variables.delete(ONE)
        await asyncio.sleep(5)
        assert left(nomad) == ["namespace"]
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert 'namespace "team" has variables' in status.condition("Reconciled").message
        assert [entry.id for entry in status.owned] == ["team"]
        with pytest.raises(ServerError):
            await nomad.namespaces.delete("team")
        await nomad.scoped(namespace="team").variables.delete("bystander")
        await eventually(lambda: nomad.items(STATUS) is None, within=2000)
    assert left(nomad) == []


@virtual_time
async def test_children_of_an_owned_job_go_with_it(nomad: MemoryNomad) -> None:
    async with running(nomad, WidgetReconciler()):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        parent = await nomad.jobs.get("widget-one")
        await nomad.jobs.register(parent.evolve(id="widget-one/dispatch-1", parent_id="widget-one"))
        await asyncio.sleep(1)
        await nomad.variables.delete(ONE)
        await eventually(lambda: nomad.items(STATUS) is None)
    assert not nomad.cluster.jobs
