"""Several processes of one operator, in one test: each has a client of its own, and can stop, be killed or be cut off."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from operator_kit import Manager
from operator_kit.controllers import AnyReconciler
from operator_kit.testing import Cluster, MemoryNomad
from operator_kit.testing.faults import Faults
from operator_kit.testing.harness import loop_time

OPERATOR = "operator"
LOCK = f"locks/{OPERATOR}"


class Process:
    """One process of the operator."""

    def __init__(
        self, cluster: Cluster, reconciler: AnyReconciler, identity: str, faults: Faults | None = None, **options: Any
    ) -> None:
        self.identity = identity
        self.reconciler = reconciler
        self.nomad = MemoryNomad(cluster=cluster, faults=faults)
        options = {"name": OPERATOR, "identity": identity, "random": Random(identity), "now": loop_time, **options}
        self.manager = Manager(self.nomad, [reconciler], **options)
        self._task = asyncio.create_task(self.manager.run())

    @property
    def leads(self) -> bool:
        return self.manager.leading.is_set()

    @property
    def shards(self) -> set[int]:
        """The shards that it leads."""
        return {shard.number for shard in self.manager.controllers[0].shards if shard.leading}

    async def stop(self) -> None:
        """Let it stop in order."""
        self.manager.stop()
        await self._task

    async def kill(self) -> None:
        """Let it end at once, without a word to anybody."""
        self.nomad.cut_off = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


Start = Callable[..., Process]


@asynccontextmanager
async def processes(cluster: Cluster, **options: Any) -> AsyncIterator[Start]:
    """Starts processes by reconciler and identity; those that still run at the end of the block are killed."""
    started: list[Process] = []

    def start(reconciler: AnyReconciler, identity: str, **more: Any) -> Process:
        started.append(Process(cluster, reconciler, identity, **options, **more))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            await process.kill()


async def seconds_until(done: Coroutine[Any, Any, object]) -> float:
    """How long it takes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await done
    return loop.time() - began
