"""Kill -9 at any moment: whatever the last request was, the next process brings the same end about."""

import asyncio
from random import Random

import pytest

from nomad_api.errors import Unreachable
from operator_kit import Context, Manager
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, apply_and_report

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"


class Outside:
    """Something beyond Nomad that a reconcile makes and a finalizer must remove."""

    def __init__(self) -> None:
        self.things: set[str] = set()

    def reconciler(self) -> WidgetReconciler:
        async def act(widget: Widget, ctx: Context[Widget]) -> None:
            self.things.add(f"{widget.name}-{widget.spec.text}")
            await apply_and_report(widget, ctx)

        async def undo(widget: Widget, ctx: Context[Widget]) -> None:
            self.things.discard(f"{widget.name}-{widget.spec.text}")

        return WidgetReconciler(act, undo)


async def run_and_kill(nomad: MemoryNomad, outside: Outside, requests: int | None) -> int:
    """Run an operator that is cut off from the world after so many requests; how many it made."""
    made = 0
    dead = asyncio.Event()

    def fault(method: str, path: str) -> None:
        nonlocal made
        if requests is not None and made >= requests:
            dead.set()
            raise Unreachable("killed")
        made += 1

    nomad.cluster.fault = fault
    manager = Manager(nomad, [outside.reconciler()], name="operator", random=Random(1), now=loop_time)
    task = asyncio.create_task(manager.run())
    try:
        async with asyncio.timeout(40):
            await dead.wait()
    except TimeoutError:
        pass
    dead.set()
    requests = made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    nomad.cluster.fault = None
    return made


@pytest.mark.parametrize("requests", range(1, 50))
@virtual_time
async def test_a_kill_while_a_resource_is_made(requests: int) -> None:
    nomad, outside = MemoryNomad(), Outside()
    await nomad.declare(PATH, size="2", text="x")
    await run_and_kill(nomad, outside, requests)
    async with running(nomad, outside.reconciler()):
        await ready(nomad, Widget, "one", within=100)
    job = nomad.job("widget-one")
    assert job is not None
    assert job.version == 0, "the job was registered once"
    assert outside.things == {"one-x"}


@pytest.mark.parametrize("requests", range(1, 50))
@virtual_time
async def test_a_kill_while_a_resource_is_made_and_a_purge_before_the_restart(requests: int) -> None:
    nomad, outside = MemoryNomad(), Outside()
    await nomad.declare(PATH, size="2", text="x")
    await run_and_kill(nomad, outside, requests)
    await nomad.variables.delete(PATH)
    async with running(nomad, outside.reconciler()) as manager:
        await manager.leading.wait()
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.cluster.jobs == {}
    assert outside.things == set()


@pytest.mark.parametrize("requests", range(1, 40))
@virtual_time
async def test_a_kill_while_a_resource_is_removed(requests: int) -> None:
    nomad, outside = MemoryNomad(), Outside()
    await nomad.declare(PATH, size="2", text="x")
    async with running(nomad, outside.reconciler()):
        await ready(nomad, Widget, "one")
    await nomad.variables.delete(PATH)
    await run_and_kill(nomad, outside, requests)
    async with running(nomad, outside.reconciler()) as manager:
        await manager.leading.wait()
        await eventually(lambda: nomad.items(STATUS) is None)
    assert nomad.cluster.jobs == {}
    assert outside.things == set()


@pytest.mark.parametrize("requests", range(1, 40))
@virtual_time
async def test_a_kill_while_a_resource_is_made_anew(requests: int) -> None:
    nomad, outside = MemoryNomad(), Outside()
    await nomad.declare(PATH, size="2", text="old")
    async with running(nomad, outside.reconciler()):
        await ready(nomad, Widget, "one")
    await nomad.variables.delete(PATH)
    await nomad.declare(PATH, size="1", text="new")
    await run_and_kill(nomad, outside, requests)
    async with running(nomad, outside.reconciler()):
        await ready(nomad, Widget, "one", within=100)
    assert outside.things == {"one-new"}
    assert list(nomad.cluster.jobs) == ["widget-one"]


@virtual_time
async def test_the_numbers_above_cover_every_request() -> None:
    nomad, outside = MemoryNomad(), Outside()
    await nomad.declare(PATH, size="2", text="x")
    assert await run_and_kill(nomad, outside, None) < 49
    await nomad.variables.delete(PATH)
    assert await run_and_kill(nomad, outside, None) < 39
