"""An operator in several processes: who leads which shard, and what happens when one comes or goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import pytest

from operator_kit import Context, Manager, Result
from operator_kit.process.members import EXPIRY
from operator_kit.testing import MemoryNomad, eventually, virtual_time
from operator_kit.testing.harness import loop_time, status_of
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing

SHARDS = 8
NAMES = [f"w{number}" for number in range(24)]


class Fleet:
    """Processes of one operator; no resource may ever be in two hands, whoever they belong to."""

    def __init__(self) -> None:
        self.nomad = MemoryNomad()
        self.in_hand: set[str] = set()

    @asynccontextmanager
    async def process(self, identity: str) -> AsyncIterator[tuple[Manager, MemoryNomad, asyncio.Task[None]]]:
        async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
            assert widget.name not in self.in_hand, f"{widget.name} is in two hands"
            self.in_hand.add(widget.name)
            try:
                await asyncio.sleep(0.5)
                widget.status.seen = widget.spec.size
            finally:
                self.in_hand.discard(widget.name)
            return None

        nomad = MemoryNomad(cluster=self.nomad.cluster)
        manager = Manager(
            nomad,
            [WidgetReconciler(act)],
            name="operator",
            identity=identity,
            shards=SHARDS,
            random=Random(identity),
            now=loop_time,
        )
        task = asyncio.create_task(manager.run())
        try:
            yield manager, nomad, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def declare(self, size: int) -> None:
        for name in NAMES:
            await self.nomad.declare(f"resources/test/widget/{name}", size=str(size))

    def seen(self, size: int) -> bool:
        statuses = [status_of(self.nomad, Widget, name) for name in NAMES]
        return all(status is not None and status.seen == size for status in statuses)


def led(manager: Manager) -> set[int]:
    return {shard.number for shard in manager.controllers[0].shards if shard.leading}


@virtual_time
async def test_shards_are_divided_and_move_when_a_process_comes_or_goes() -> None:
    fleet = Fleet()
    everything = set(range(SHARDS))
    async with fleet.process("a") as (first, _, first_task):
        await eventually(lambda: led(first) == everything)
        await fleet.declare(1)
        await eventually(lambda: fleet.seen(1))
        async with fleet.process("b") as (second, _, _):
            await eventually(lambda: bool(led(second)) and led(first) | led(second) == everything)
            assert not led(first) & led(second)
            assert led(first)
            await fleet.declare(2)
            await eventually(lambda: fleet.seen(2))
            first.stop()
            await first_task
            await eventually(lambda: led(second) == everything, within=EXPIRY)
            await fleet.declare(3)
            await eventually(lambda: fleet.seen(3))


@virtual_time
async def test_the_shards_of_a_process_that_vanishes_are_taken_over() -> None:
    fleet = Fleet()
    async with AsyncExitStack() as stack:
        first, first_nomad, _ = await stack.enter_async_context(fleet.process("a"))
        second, _, _ = await stack.enter_async_context(fleet.process("b"))
        await eventually(lambda: led(first) | led(second) == set(range(SHARDS)) and bool(led(first)) and bool(led(second)))
        first_nomad.cut_off = True
        await eventually(lambda: led(second) == set(range(SHARDS)))
        await fleet.declare(1)
        await eventually(lambda: fleet.seen(1))


@virtual_time
async def test_whoever_is_gone_leaves_no_heartbeat_behind() -> None:
    fleet = Fleet()
    async with fleet.process("host/1") as (manager, nomad, task):
        await manager.leading.wait()
        assert nomad.items("locks/operator/members/host-1") is not None
        manager.stop()
        await task
    assert nomad.items("locks/operator/members/host-1") is None


def test_an_operator_has_at_least_one_shard() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Manager(MemoryNomad(), [WidgetReconciler(nothing)], name="operator", shards=0)
