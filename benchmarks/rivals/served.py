"""A framework whose operators work against a server: the same measurements, each with a fresh server and a fresh operator."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from benchmarks.measure import Figure
from benchmarks.rivals import contestant
from benchmarks.rivals.contestant import Contestant, Measurement
from benchmarks.rivals.process import OperatorProcess, running

Write = Callable[[int, str], Awaitable[None]]
"""Writes a text into the field `round` of the object of that number."""


class ServedContestant(Contestant):
    """See the module's text."""

    def __init__(self) -> None:
        self.measurements: dict[str, Measurement] = {
            "no-op": self._no_op,
            "latency": self._latency,
            "start": self._start,
            "burst": self._burst,
            "storm": self._storm,
        }

    @abstractmethod
    def server(self, count: int) -> AbstractAsyncContextManager[str]:
        """The address of a fresh server with so many objects."""

    @abstractmethod
    def writer(self, address: str) -> AbstractAsyncContextManager[Write]:
        """Who writes to its objects."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts an operator, but for the address, the scenario and the number of objects."""

    @asynccontextmanager
    async def operator(self, address: str, scenario: str, count: int) -> AsyncIterator[OperatorProcess]:
        """The operator in a scenario."""
        async with running([*self.command(), address, scenario, str(count)]) as operator:
            yield operator
            await operator.end()

    async def ask(self, scenario: str, count: int, present: int | None = None) -> dict[str, Any]:
        """What the operator says at the end of a scenario, with so many objects present at its start."""
        async with (
            self.server(count if present is None else present) as address,
            self.operator(address, scenario, count) as operator,
        ):
            return await operator.hear()

    async def _no_op(self, count: int) -> list[Figure]:
        return contestant.no_op(await self.ask("no_op", count))

    async def _latency(self, count: int) -> list[Figure]:
        said = await self.ask("latency", count, present=1)
        return contestant.put_to_start(said["seconds"])

    async def _start(self, count: int) -> list[Figure]:
        figures = []
        async with self.server(count) as address:
            for occasion in ("first start", "restart"):
                async with self.operator(address, "start", count) as operator:
                    figures += contestant.start(occasion, await operator.hear())
        return figures

    async def _burst(self, count: int) -> list[Figure]:
        async with (
            self.server(count) as address,
            self.operator(address, "burst", count) as operator,
            self.writer(address) as write,
        ):
            await operator.hear()
            last = await contestant.write_burst(write, count)
            return contestant.burst(await operator.hear(), last, count)

    async def _storm(self, count: int) -> list[Figure]:
        return contestant.storm(await self.ask("storm", count))
