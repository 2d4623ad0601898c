"""kopf, at its best: no logs, no posted events, discovery once, handlers that do nothing."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks.measure import Figure
from benchmarks.rivals import contestant
from benchmarks.rivals.contestant import Contestant
from benchmarks.rivals.kopf import environment
from benchmarks.rivals.process import OperatorProcess, running


class Kopf(Contestant):
    name = "kopf"

    def __init__(self) -> None:
        self._python = ""
        self.measurements = {
            "no-op": self._no_op,
            "latency": self._latency,
            "start": self._start,
            "burst": self._burst,
            "storm": self._storm,
        }

    async def provide(self) -> str:
        self._python = await asyncio.to_thread(environment.interpreter)
        return environment.VERSION

    async def _no_op(self, count: int) -> list[Figure]:
        return contestant.no_op(await self._ask("no_op", count))

    async def _latency(self, count: int) -> list[Figure]:
        said = await self._ask("latency", count, present=1)
        return contestant.put_to_start(said["seconds"])

    async def _start(self, count: int) -> list[Figure]:
        figures = []
        async with _kube_api(count) as address:
            for occasion in ("first start", "restart"):
                async with self._operator(address, "start", count) as operator:
                    figures += contestant.start(occasion, await operator.hear())
        return figures

    async def _burst(self, count: int) -> list[Figure]:
        async with (
            _kube_api(count) as address,
            self._operator(address, "burst", count) as operator,
            aiohttp.ClientSession(address) as session,
        ):
            await operator.hear()

            async def write(number: int, text: str) -> None:
                path = f"/apis/bench.example/v1/namespaces/default/notes/n{number}"
                headers = {"Content-Type": "application/merge-patch+json"}
                async with session.patch(path, json={"spec": {"round": text}}, headers=headers) as response:
                    await response.read()

            last = await contestant.write_burst(write, count)
            return contestant.burst(await operator.hear(), last, count)

    async def _storm(self, count: int) -> list[Figure]:
        return contestant.storm(await self._ask("storm", count))

    async def _ask(self, scenario: str, count: int, present: int | None = None) -> dict[str, Any]:
        """What the operator says at the end of a scenario, with so many objects present at its start."""
        async with (
            _kube_api(count if present is None else present) as address,
            self._operator(address, scenario, count) as operator,
        ):
            return await operator.hear()

    @asynccontextmanager
    async def _operator(self, address: str, scenario: str, count: int) -> AsyncIterator[OperatorProcess]:
        command = [self._python, "-m", "benchmarks.rivals.kopf.operator", address, scenario, str(count)]
        async with running(command) as operator:
            yield operator
            await operator.end()


@asynccontextmanager
async def _kube_api(count: int) -> AsyncIterator[str]:
    """The address of a fresh Kubernetes API with so many objects."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    async with running([sys.executable, "-m", "benchmarks.rivals.kopf.kube_api", str(port), str(count)]) as api:
        await api.hear()
        yield f"http://127.0.0.1:{port}"
