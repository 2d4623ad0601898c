"""operator_kit against the embedded agent."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.agents import embedded_agent
from benchmarks.measure import Figure
from benchmarks.rivals import contestant
from benchmarks.rivals.contestant import Contestant
from benchmarks.rivals.ours.operator import items, path
from benchmarks.rivals.process import OperatorProcess, running
from nomad_api.client import Nomad

WRITERS = 16


class Ours(Contestant):
    name = "operator_kit"

    def __init__(self) -> None:
        self.measurements = {
            "ids": self._ids,
            "no-op": self._no_op,
            "latency": self._latency,
            "start": self._start,
            "memory": self._memory,
            "burst": self._burst,
            "storm": self._storm,
        }

    async def provide(self) -> str:
        return "this source"

    async def _ids(self, count: int) -> list[Figure]:
        async with _operator("http://127.0.0.1", "ids", count) as operator:
            return contestant.ids(await operator.hear())

    async def _no_op(self, count: int) -> list[Figure]:
        return contestant.no_op(await self._ask("no_op", count))

    async def _latency(self, count: int) -> list[Figure]:
        said = await self._ask("latency", count, present=1)
        return contestant.put_to_start(said["seconds"])

    async def _start(self, count: int) -> list[Figure]:
        figures = []
        async with _agent(count) as address:
            for occasion in ("first start", "restart"):
                async with _operator(address, "start", count) as operator:
                    figures += contestant.start(occasion, await operator.hear())
        return figures

    async def _memory(self, count: int) -> list[Figure]:
        said = await self._ask("memory", count, present=0)
        return [
            Figure("memory: cache for each resource, status included", said["cache_bytes_each"] / 1000, "kB"),
            Figure("memory: all that the controller keeps of each", said["bytes_each"] / 1000, "kB"),
        ]

    async def _burst(self, count: int) -> list[Figure]:
        async with (
            _agent(count) as address,
            _operator(address, "burst", count) as operator,
            Nomad(address=address) as nomad,
        ):
            await operator.hear()

            async def write(number: int, text: str) -> None:
                await nomad.variables.put(path(f"n{number}"), items(number, round=text))

            last = await contestant.write_burst(write, count)
            return contestant.burst(await operator.hear(), last, count)

    async def _storm(self, count: int) -> list[Figure]:
        return contestant.storm(await self._ask("storm", count))

    async def _ask(self, scenario: str, count: int, present: int | None = None) -> dict[str, Any]:
        """What the operator says at the end of a scenario, with so many resources present at its start."""
        async with (
            _agent(count if present is None else present) as address,
            _operator(address, scenario, count) as operator,
        ):
            return await operator.hear()


@asynccontextmanager
async def _operator(address: str, scenario: str, count: int) -> AsyncIterator[OperatorProcess]:
    command = [sys.executable, "-m", "benchmarks.rivals.ours.operator", address, scenario, str(count)]
    async with running(command) as operator:
        yield operator
        await operator.end()


@asynccontextmanager
async def _agent(count: int) -> AsyncIterator[str]:
    """The address of a fresh agent with so many resources."""
    numbers = iter(range(count))

    async def write(nomad: Nomad) -> None:
        for number in numbers:
            await nomad.variables.put(path(f"n{number}"), items(number))

    async with embedded_agent() as agent:
        async with Nomad(address=agent.address) as nomad:
            await asyncio.gather(*(write(nomad) for _ in range(WRITERS)))
        yield agent.address
