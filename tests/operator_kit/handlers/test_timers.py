"""Timers: when they are called, and when they cease to be."""

import asyncio
from itertools import pairwise

from operator_kit import Context, TemporaryError
from operator_kit.handlers import Handlers, on
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from tests.operator_kit.conftest import Widget

PATH = "resources/test/widget/one"


def now() -> float:
    return asyncio.get_running_loop().time()


class Clockwork(Handlers[Widget]):
    resync = 1000.0

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.quiet: list[float] = []
        self.late: list[float] = []
        self.broken = False

    @on.timer(every=30)
    async def tick(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.ticks.append(now())
        if self.broken:
            raise TemporaryError("the clock is broken", delay=3)

    @on.timer(every=100, idle=50)
    async def rest(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.quiet.append(now())

    @on.timer(every=5000, initial_delay=40, when=lambda widget: widget.spec.size > 1)
    async def later(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.late.append(now())


@virtual_time
async def test_a_timer_is_called_at_once_and_then_every_so_often_with_jitter(nomad: MemoryNomad) -> None:
    clock = Clockwork()
    async with running(nomad, clock):
        await nomad.declare(PATH, size="2")
        await ready(nomad, Widget, "one")
        start = clock.ticks[0]
        await asyncio.sleep(600)
    pauses = [after - before for before, after in pairwise(clock.ticks)]
    assert 18 <= len(pauses) <= 22
    assert all(27 <= pause <= 33.01 for pause in pauses)
    assert len({round(pause, 3) for pause in pauses}) > 10
    assert len(clock.late) == 1
    assert 40 <= clock.late[0] - start < 40.1


@virtual_time
async def test_a_timer_can_wait_for_the_spec_to_be_left_alone(nomad: MemoryNomad) -> None:
    clock = Clockwork()
    async with running(nomad, clock):
        for size in range(5):
            await nomad.declare(PATH, size=str(size))
            await asyncio.sleep(30)
        assert clock.quiet == []
        changed = now() - 30
        await asyncio.sleep(30)
        assert len(clock.quiet) == 1
        assert 50 <= clock.quiet[0] - changed < 50.2


@virtual_time
async def test_a_timer_ends_with_its_resource_and_needs_no_finalizer(nomad: MemoryNomad) -> None:
    clock = Clockwork()
    async with running(nomad, clock):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.items("status/test/widget/one") is None, within=2)
        ticks = len(clock.ticks)
        await asyncio.sleep(300)
    assert len(clock.ticks) == ticks


@virtual_time
async def test_a_timer_that_fails_is_told_tried_again_and_holds_up_no_other(nomad: MemoryNomad) -> None:
    clock = Clockwork()
    clock.broken = True
    async with running(nomad, clock):
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(60)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert status.condition("Reconciled").message == "the clock is broken"
        assert len(clock.ticks) >= 15
        assert len(clock.quiet) == 1
        clock.broken = False
        await ready(nomad, Widget, "one")


@virtual_time
async def test_a_timer_of_days_does_not_keep_the_regular_look_away(nomad: MemoryNomad) -> None:
    class Rare(Handlers[Widget]):
        resync = 100.0
        looks = 0

        async def reconcile(self, resource: Widget, ctx: Context[Widget]) -> object:  # type: ignore[override]
            self.looks += 1
            return await super().reconcile(resource, ctx)

        @on.timer(every=86400)
        async def daily(self, widget: Widget, ctx: Context[Widget]) -> None: ...

    rare = Rare()
    async with running(nomad, rare):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        await asyncio.sleep(1000)
    assert rare.looks >= 10
