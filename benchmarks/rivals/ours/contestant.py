"""operator_kit against the embedded agent."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from benchmarks.agents import embedded_agent
from benchmarks.measure import Figure
from benchmarks.rivals import contestant
from benchmarks.rivals.ours.operator import items, path
from benchmarks.rivals.served import ServedContestant, Write
from nomad_api.client import Nomad

WRITERS = 16


class Ours(ServedContestant):
    name = "operator_kit"

    def __init__(self) -> None:
        super().__init__()
        self.measurements = {"ids": self._ids, **self.measurements, "memory": self._memory}

    async def provide(self) -> str:
        return "this source"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-m", "benchmarks.rivals.ours.operator"]

    @asynccontextmanager
    async def server(self, count: int) -> AsyncIterator[str]:
        """An agent."""
        numbers = iter(range(count))

        async def write(nomad: Nomad) -> None:
            for number in numbers:
                await nomad.variables.put(path(f"n{number}"), items(number))

        async with embedded_agent() as agent:
            async with Nomad(address=agent.address) as nomad:
                await asyncio.gather(*(write(nomad) for _ in range(WRITERS)))
            yield agent.address

    @asynccontextmanager
    async def writer(self, address: str) -> AsyncIterator[Write]:
        async with Nomad(address=address) as nomad:

            async def write(number: int, text: str) -> None:
                await nomad.variables.put(path(f"n{number}"), items(number, round=text))

            yield write

    async def _ids(self, count: int) -> list[Figure]:
        async with self.operator("http://127.0.0.1", "ids", count) as operator:
            return contestant.ids(await operator.hear())

    async def _memory(self, count: int) -> list[Figure]:
        said = await self.ask("memory", count, present=0)
        return [
            Figure("memory: cache for each resource, status included", said["cache_bytes_each"] / 1000, "kB"),
            Figure("memory: all that the controller keeps of each", said["bytes_each"] / 1000, "kB"),
        ]
