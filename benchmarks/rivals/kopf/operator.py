"""The operator of kopf, in its own environment: `python -m benchmarks.rivals.kopf.operator ADDRESS SCENARIO COUNT`."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import kopf

from benchmarks.rivals import scenarios
from benchmarks.rivals.objects import spec

KIND = ("bench.example", "v1", "notes")
OBJECTS = "/apis/bench.example/v1/namespaces/default/notes"

DECORATORS: dict[str, Sequence[Any]] = {
    "no_op": (kopf.on.event,),
    "start": (kopf.on.create, kopf.on.resume),
    "latency": (kopf.on.create, kopf.on.resume),
    "burst": (kopf.on.event,),
    "storm": (kopf.on.create,),
}
"""As what the handler is registered. Raw events are kopf's quickest; creations keep their progress in the object."""


class Operator(scenarios.Operator):
    """kopf, with one handler."""

    def __init__(self, session: aiohttp.ClientSession, *, marks: bool) -> None:
        """`marks`: whether kopf marks objects that it has handled."""
        super().__init__()
        self._session = session
        self._marks = marks

    async def handle(self, name: str, spec: kopf.Spec, **_: Any) -> None:
        self.handler(name, spec["round"])

    async def create(self, name: str, number: int) -> None:
        async with self._session.post(OBJECTS, json={"metadata": {"name": name}, "spec": spec(number)}) as response:
            await response.read()

    async def look_again(self) -> None:
        async with self._session.post("/bench/touch") as response:
            await response.read()

    async def settled(self, count: int) -> bool:
        if len(self.handler.seen) < count or not self._marks:
            return len(self.handler.seen) >= count
        async with self._session.get("/bench/handled") as response:
            return int(await response.text()) >= count


@asynccontextmanager
async def _running(address: str, scenario: str) -> AsyncIterator[Operator]:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=address)

    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    async with aiohttp.ClientSession(address) as session:
        decorators = DECORATORS[scenario]
        operator = Operator(session, marks=kopf.on.create in decorators)
        for decorator in decorators:
            decorator(*KIND, registry=registry, id="bench")(operator.handle)
        task = asyncio.create_task(kopf.operator(registry=registry, settings=settings, standalone=True, clusterwide=True))
        try:
            yield operator
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(scenarios.SCENARIOS[sys.argv[2]](lambda: _running(sys.argv[1], sys.argv[2]), int(sys.argv[3])))
