"""Running an operator until everything has been looked at once."""

import asyncio
from random import Random

from operator_kit import Context, Manager, Result, TemporaryError
from operator_kit.process.once import run_once
from operator_kit.testing import MemoryNomad, status_of, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, WidgetReconciler


def manager_of(nomad: MemoryNomad, reconciler: WidgetReconciler) -> Manager:
    return Manager(nomad, [reconciler], name="operator", random=Random(1), now=loop_time)


@virtual_time
async def test_everything_is_looked_at_and_then_it_ends() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        await asyncio.sleep(5)
        if widget.name == "bad":
            raise TemporaryError("not now")
        return Result(requeue_after=30)

    for name in ("bad", *map(str, range(20))):
        await nomad.declare(f"resources/test/widget/{name}", size="1")
    assert await run_once(manager_of(nomad, WidgetReconciler(act)))
    status = status_of(nomad, Widget, "19")
    assert status is not None
    assert status.condition("Reconciled").status == "True"
    bad = status_of(nomad, Widget, "bad")
    assert bad is not None
    assert bad.condition("Reconciled").status == "False"
    assert "Lock" not in nomad.cluster.variables["locks/operator"]


@virtual_time
async def test_with_nothing_to_look_at_it_ends_too() -> None:
    reconciler = WidgetReconciler()
    assert await run_once(manager_of(MemoryNomad(), reconciler))
    assert reconciler.calls == []
