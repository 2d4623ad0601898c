"""The operator of ours: `python -m benchmarks.rivals.ours.operator ADDRESS SCENARIO COUNT`."""

import asyncio
import logging
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from pydantic import BaseModel

from benchmarks.rivals import scenarios
from benchmarks.rivals.objects import spec
from benchmarks.rivals.process import tell
from nomad_api.client import Nomad
from operator_kit import Context, Manager, Reconciler, Resource
from operator_kit.crd_store.codec import encode
from operator_kit.engine.attempt import SUCCESS, Attempt
from operator_kit.engine.controller import Controller
from operator_kit.engine.pace import Pace
from operator_kit.engine.visit import Visit

IDS_ROUNDS = 100
"""How often every id is looked at where nothing else is done: that takes microseconds, so it needs many."""

FRAMES = 6
"""Callers that are noted for each allocation: enough to see whether it is the cache's."""


class Note(Resource, group="bench", kind="note"):
    """A resource that needs nothing."""

    class Spec(BaseModel):
        title: str
        description: str
        image: str
        replicas: int
        enabled: bool
        hosts: list[str]
        round: str


class NoteReconciler(Reconciler[Note]):
    def __init__(self, handler: scenarios.Handler) -> None:
        self._handler = handler

    async def reconcile(self, note: Note, ctx: Context[Note]) -> None:
        self._handler(note.name, note.spec.round)


class Operator(scenarios.Operator):
    """Ours. It leads a process of one kind."""

    def __init__(self, nomad: Nomad) -> None:
        super().__init__()
        self._nomad = nomad
        self.manager = Manager(nomad, [NoteReconciler(self.handler)], name="bench")
        (self._controller,) = self.manager.controllers

    async def create(self, name: str, number: int) -> None:
        await self._nomad.variables.put(path(name), items(number))

    async def look_again(self) -> None:
        self._controller.look_at_all()

    async def settled(self, count: int) -> bool:
        return len(self.handler.seen) >= count and self._controller.idle


def items(number: int, **changes: str) -> dict[str, str]:
    """The items of the resource of that number."""
    return encode(Note.Spec(**{**spec(number), **changes}))


def path(name: str) -> str:
    """Where a resource is declared."""
    return f"resources/{Note.group}/{Note.kind}/{name}"


@asynccontextmanager
async def _running(nomad: Nomad) -> AsyncIterator[Operator]:
    operator = Operator(nomad)
    task = asyncio.create_task(operator.manager.run())
    try:
        yield operator
    finally:
        operator.manager.stop()
        await task


async def memory(nomad: Nomad, count: int) -> None:
    """What Python allocates for each resource and keeps: in the cache, and in the whole controller."""
    async with _running(nomad) as operator:
        await operator.manager.leading.wait()
        resources = {path(f"m{number}"): items(number) for number in range(count)}
        tracemalloc.start(FRAMES)
        for place, content in resources.items():
            await nomad.variables.put(place, content)
        await scenarios.until_settled(operator, count)
        operator.handler.seen.clear()
        await asyncio.sleep(scenarios.SETTLE)
        kept = tracemalloc.take_snapshot()
    cache = kept.filter_traces([tracemalloc.Filter(True, "*/operator_kit/informers/*", all_frames=True)])
    tell(bytes_each=_bytes(kept) / count, cache_bytes_each=_bytes(cache) / count)


def _bytes(snapshot: tracemalloc.Snapshot) -> int:
    return sum(trace.size for trace in snapshot.traces)


async def ids(count: int) -> None:
    """The engine alone: ids, queue, workers, spans, and a look that does nothing."""
    names = [f"n{number}" for number in range(count)]
    calls = 0

    async def look(visit: Visit) -> Attempt:
        nonlocal calls
        calls += 1
        return SUCCESS

    controller = Controller("bench", look, pace=Pace())
    leading = asyncio.create_task(controller.lead())
    await asyncio.sleep(0)
    began = time.process_time()
    for number in range(1, IDS_ROUNDS + 1):
        for name in names:
            controller.add(name)
        while calls < number * count:  # noqa: ASYNC110 (so are the ids handed out)
            await asyncio.sleep(0)
    tell(per_second=IDS_ROUNDS * count / (time.process_time() - began))
    controller.stop()
    await leading


async def main(address: str, scenario: str, count: int) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True)
    if scenario == "ids":
        await ids(count)
        return
    async with Nomad(address=address) as nomad:
        if scenario == "memory":
            await memory(nomad, count)
        else:
            await scenarios.SCENARIOS[scenario](lambda: _running(nomad), count)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
