"""The framework: how soon a declared resource is ready, how fast a controller looks at resources that need nothing."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from pydantic import BaseModel

from benchmarks.measure import Figure, latency
from nomad_api.client import Nomad
from nomad_api.models import Job, Resources, Task, TaskGroup, Update
from operator_kit import Context, Manager, Reconciler, Resource, ResourceStatus
from operator_kit.crd_store.status_items import unpack
from operator_kit.engine.workqueue import WorkQueue

RESOURCES = 500
ROUNDS = 20
SAMPLES = 10


class Sleeper(Resource, group="bench", kind="sleeper"):
    """A job that sleeps; ready as soon as it runs."""

    class Spec(BaseModel):
        seconds: int = 60

    class Status(ResourceStatus):
        pass


class SleeperReconciler(Reconciler[Sleeper]):
    owns = [Job]

    async def reconcile(self, sleeper: Sleeper, ctx: Context[Sleeper]) -> None:
        rollout = await ctx.rollout(await ctx.apply(_job(sleeper)))
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)


class Idle(Resource, group="bench", kind="idle"):
    """A resource that needs nothing."""

    class Spec(BaseModel):
        text: str

    class Status(ResourceStatus):
        pass


class IdleReconciler(Reconciler[Idle]):
    async def reconcile(self, idle: Idle, ctx: Context[Idle]) -> None:
        """Nothing to do."""


def _job(sleeper: Sleeper) -> Job:
    task = Task(
        name="sleep",
        driver="raw_exec",
        config={"command": "/bin/sleep", "args": [str(sleeper.spec.seconds)]},
        resources=Resources(cpu=10, memory_mb=10),
    )
    update = Update(health_check="task_states", min_healthy_time=0)
    return Job(id=f"bench-{sleeper.name}", datacenters=["*"], task_groups=[TaskGroup(name="g", update=update, tasks=[task])])


@asynccontextmanager
async def _running(nomad: Nomad, reconciler: Reconciler[Sleeper] | Reconciler[Idle]) -> AsyncIterator[Manager]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    manager = Manager(nomad, [reconciler], name=f"bench-{uuid.uuid4().hex[:8]}")
    running = asyncio.create_task(manager.run())
    await manager.leading.wait()
    try:
        yield manager
    finally:
        manager.stop()
        await running


async def run(nomad: Nomad) -> list[Figure]:
    return [*await _put_to_ready(nomad), await _no_op_reconciles(nomad)]


async def _put_to_ready(nomad: Nomad) -> list[Figure]:
    seconds = []
    async with _running(nomad, SleeperReconciler()):
        for _ in range(SAMPLES):
            name = uuid.uuid4().hex[:8]
            began = time.perf_counter()
            await nomad.variables.put(f"resources/bench/sleeper/{name}", {"seconds": "60"})
            await _ready(nomad, f"status/bench/sleeper/{name}")
            seconds.append(time.perf_counter() - began)
            await nomad.variables.delete(f"resources/bench/sleeper/{name}")
            await _gone(nomad, f"status/bench/sleeper/{name}")
    return latency("resource put → Ready (raw_exec)", seconds)


async def _ready(nomad: Nomad, path: str) -> None:
    """Return when the status at that path says Ready."""
    async for snapshot in nomad.variables.watch(path):
        items = (snapshot.value.items or {}) if snapshot.value else {}
        if any(
            condition.type == "Ready" and condition.status == "True" for condition in unpack(ResourceStatus, items).conditions
        ):
            return


async def _gone(nomad: Nomad, path: str) -> None:
    async for snapshot in nomad.variables.watch(path):
        if snapshot.value is None:
            return


async def _no_op_reconciles(nomad: Nomad) -> Figure:
    names = [f"n{number}" for number in range(RESOURCES)]
    for name in names:
        await nomad.variables.put(f"resources/bench/idle/{name}", {"text": "x" * 500})
    async with _running(nomad, IdleReconciler()) as manager:
        (controller,) = manager.controllers
        await _drained(controller.shards[0].queue)
        began = time.perf_counter()
        for _ in range(ROUNDS):
            controller.look_at_all()
            await _drained(controller.shards[0].queue)
        figure = RESOURCES * ROUNDS / (time.perf_counter() - began)
        for name in names:
            await nomad.variables.delete(f"resources/bench/idle/{name}")
        for name in names:
            await _gone(nomad, f"status/bench/idle/{name}")
    return Figure("no-op reconciles, whole controller", figure, "/s", more_is_better=True)


async def _drained(queue: WorkQueue[str]) -> None:
    """Return when nothing is queued and nothing in hand."""
    while len(queue) or queue.in_hand:  # noqa: ASYNC110 (waking up for each key is what is measured)
        await asyncio.sleep(0)
