"""Changes of owned objects wake their owners; what has not changed is not even read."""

import asyncio
from typing import Any, ClassVar

import pytest

from nomad_api.models import HostVolume, Namespace, NodePool, Variable
from operator_kit import Context, Result
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
