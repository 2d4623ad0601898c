"""Changes of owned objects wake their owners; what has not changed is not even read."""

import asyncio
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from nomad_api.models import HostVolume, Namespace, NodePool, Variable
from operator_kit import Context, Reconciler, Resource, Result
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time
from tests.operator_kit.apply.test_applying import Gadget
from tests.operator_kit.conftest import Widget, WidgetReconciler

ONE = "resources/test/widget/one"


class Owning(WidgetReconciler):
    owns: ClassVar[list[type[Any]]] = [Variable, Namespace, NodePool, HostVolume, Gadget]


async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
    await ctx.apply(Variable(path="config/one", items={"url": "x"}))
    await ctx.apply(Namespace(name="team", description="ours"))
    await ctx.apply(NodePool(name="gpu", description="ours"))
    await ctx.apply(HostVolume(name="data", requested_capacity_max_bytes=5))
    await ctx.apply(Gadget("g", Gadget.Spec(size=2)))
    return None


async def change_variable(nomad: MemoryNomad) -> None:
    await nomad.variables.put("config/one", {**(nomad.items("config/one") or {}), "url": "theirs"})


async def change_namespace(nomad: MemoryNomad) -> None:
    await nomad.namespaces.apply((await nomad.namespaces.get("team")).evolve(description="theirs"))


async def change_pool(nomad: MemoryNomad) -> None:
    await nomad.node_pools.delete("gpu")


async def change_volume(nomad: MemoryNomad) -> None:
    (stub,) = await nomad.host_volumes.list()
    await nomad.host_volumes.delete(stub.id)


async def change_resource(nomad: MemoryNomad) -> None:
    await nomad.variables.delete("resources/test/gadget/g")


@pytest.mark.parametrize("change", [change_variable, change_namespace, change_pool, change_volume, change_resource])
@virtual_time
async def test_a_change_wakes_the_owner_who_puts_it_right(change: Any) -> None:
    nomad = MemoryNomad()
    async with running(nomad, Owning(act)):
        await nomad.declare(ONE, size="1")
        before = await ready(nomad, Widget, "one")
        await asyncio.sleep(5)
        await change(nomad)
        await ready(nomad, Widget, "one", when=lambda status: status.condition("Drifted").reason == "Corrected", within=5)
        assert len(before.owned) == 5
    assert (nomad.items("config/one") or {})["url"] == "x"
    assert nomad.cluster.namespaces["team"]["Description"] == "ours"
    assert "gpu" in nomad.cluster.node_pools
    assert len(nomad.cluster.host_volumes) == 1
    assert nomad.items("resources/test/gadget/g")


@virtual_time
async def test_what_has_not_changed_is_not_read(nomad: MemoryNomad) -> None:
    reconciler = Owning(act)
    async with running(nomad, reconciler) as manager:
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(120)
        calls, before = len(reconciler.calls), len(nomad.cluster.requests)
        for _ in range(5):
            manager.controllers[0].look_at_all()
            await asyncio.sleep(0.1)
        assert len(reconciler.calls) == calls + 5
        assert len(nomad.cluster.requests) == before


@virtual_time
async def test_changes_of_what_belongs_to_nobody_wake_nobody(nomad: MemoryNomad) -> None:
    reconciler = Owning(act)
    async with running(nomad, reconciler):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(5)
        calls = len(reconciler.calls)
        await nomad.variables.put("config/other", {"k": "v"})
        await nomad.namespaces.apply(Namespace(name="other"))
        await asyncio.sleep(5)
        assert len(reconciler.calls) == calls


@virtual_time
async def test_a_restarted_operator_knows_whom_to_wake(nomad: MemoryNomad) -> None:
    async with running(nomad, Owning(act)):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
    async with running(nomad, Owning(act)) as manager:
        await eventually(manager.leading.is_set)
        await asyncio.sleep(5)
        await change_variable(nomad)
        await eventually(lambda: (nomad.items("config/one") or {})["url"] == "x", within=5)


@virtual_time
async def test_an_own_write_wakes_nobody(nomad: MemoryNomad) -> None:
    reconciler = Owning(act)
    async with running(nomad, reconciler):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(120)
        calls = len(reconciler.calls)
        reconciler.act = another
        await nomad.declare(ONE, size="2")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(120)
        assert len(reconciler.calls) == calls + 1
    assert (nomad.items("config/one") or {})["url"] == "y"


async def another(widget: Widget, ctx: Context[Widget]) -> Result | None:
    await ctx.apply(Variable(path="config/one", items={"url": "y"}))
    return None


@virtual_time
async def test_a_foreign_change_right_after_an_own_write_wakes_the_owner(nomad: MemoryNomad) -> None:
    """The events of both come in one breath, and only the first is an echo."""
    reconciler = Owning(another)
    other = MemoryNomad(cluster=nomad.cluster)
    async with running(nomad, reconciler):
        await nomad.declare(ONE, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(120)

        async def then_theirs(widget: Widget, ctx: Context[Widget]) -> Result | None:
            await ctx.apply(Variable(path="config/one", items={"url": "z"}))
            if widget.spec.size == 2:
                await other.variables.put("config/one", {**(nomad.items("config/one") or {}), "url": "theirs"})
                reconciler.act = another
            return None

        reconciler.act = then_theirs
        await nomad.declare(ONE, size="2")
        await eventually(lambda: (nomad.items("config/one") or {})["url"] == "y", within=5)


class Gauge(Resource, group="test", kind="gauge"):
    class Spec(BaseModel):
        size: int = 0


class Sharing(Owning):
    owns: ClassVar[list[type[Any]]] = [Variable]

    def __init__(self) -> None:
        super().__init__(self._share)

    @staticmethod
    async def _share(widget: Widget, ctx: Context[Widget]) -> Result | None:
        await ctx.apply(Variable(path="config/shared", items={widget.name: str(widget.spec.size)}), share=True)
        return None


class GaugeReconciler(Reconciler[Gauge]):
    owns: ClassVar[list[type[Any]]] = [Variable]

    def __init__(self) -> None:
        self.calls = 0

    async def reconcile(self, resource: Gauge, ctx: Context[Gauge]) -> None:
        self.calls += 1
        await ctx.apply(Variable(path="config/shared", items={"gauge": str(resource.spec.size)}), share=True)


@virtual_time
async def test_all_owners_of_an_object_are_woken_whatever_their_kind(nomad: MemoryNomad) -> None:
    widgets, gauges = Sharing(), GaugeReconciler()
    async with running(nomad, widgets, gauges):
        await nomad.declare("resources/test/gauge/g", size="7")
        await ready(nomad, Gauge, "g")
        for name in ("one", "two"):
            await nomad.declare(f"resources/test/widget/{name}", size="1")
            await ready(nomad, Widget, name)
        await asyncio.sleep(60)
        widgets.calls.clear()
        gauges.calls = 0
        await nomad.variables.put("config/shared", {"one": "x", "two": "x", "gauge": "x"})
        await eventually(lambda: nomad.items("config/shared") == {"one": "1", "two": "1", "gauge": "7"}, within=30)
        assert {"reconcile one", "reconcile two"} <= set(widgets.calls)
        assert gauges.calls > 0


@virtual_time
async def test_what_one_owner_writes_the_other_owners_hear_of(nomad: MemoryNomad) -> None:
    widgets = Sharing()
    async with running(nomad, widgets):
        for name in ("one", "two"):
            await nomad.declare(f"resources/test/widget/{name}", size="1")
            await ready(nomad, Widget, name)
        await asyncio.sleep(60)
        widgets.calls.clear()
        await nomad.declare("resources/test/widget/one", size="2")
        await eventually(lambda: "reconcile two" in widgets.calls, within=5)
        await asyncio.sleep(60)
        assert widgets.calls == ["reconcile one", "reconcile two"]
