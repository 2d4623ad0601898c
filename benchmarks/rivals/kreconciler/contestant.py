"""kreconciler: the engine alone, for it knows neither objects nor a server."""

import asyncio
from typing import Any

from benchmarks.measure import Figure
from benchmarks.rivals import contestant
from benchmarks.rivals.contestant import Contestant
from benchmarks.rivals.kreconciler import build
from benchmarks.rivals.process import running


class Kreconciler(Contestant):
    name = "kreconciler"

    def __init__(self) -> None:
        self._driver = ""
        self.measurements = {"ids": self._ids, "storm": self._storm}

    async def provide(self) -> str:
        self._driver = await asyncio.to_thread(build.driver)
        return build.VERSION

    async def _ids(self, count: int) -> list[Figure]:
        return contestant.ids(await self._ask("no_op", count))

    async def _storm(self, count: int) -> list[Figure]:
        return contestant.storm(await self._ask("storm", count))

    async def _ask(self, scenario: str, count: int) -> dict[str, Any]:
        async with running([self._driver, scenario, str(count)]) as operator:
            return await operator.hear()
