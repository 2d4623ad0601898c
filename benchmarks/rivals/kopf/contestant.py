"""kopf, at its best: no logs, no posted events, discovery once, handlers that do nothing."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.rivals.kopf import environment
from benchmarks.rivals.process import running
from benchmarks.rivals.served import ServedContestant, Write


class Kopf(ServedContestant):
    name = "kopf"

    def __init__(self) -> None:
        super().__init__()
        self._python = ""

    async def provide(self) -> str:
        self._python = await asyncio.to_thread(environment.interpreter)
        return environment.VERSION

    def command(self) -> Sequence[str]:
        return [self._python, "-m", "benchmarks.rivals.kopf.operator"]

    @asynccontextmanager
    async def server(self, count: int) -> AsyncIterator[str]:
        """A Kubernetes API."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        async with running([sys.executable, "-m", "benchmarks.rivals.kopf.kube_api", str(port), str(count)]) as api:
            await api.hear()
            yield f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def writer(self, address: str) -> AsyncIterator[Write]:
        async with aiohttp.ClientSession(address) as session:

            async def write(number: int, text: str) -> None:
                path = f"/apis/bench.example/v1/namespaces/default/notes/n{number}"
                headers = {"Content-Type": "application/merge-patch+json"}
                async with session.patch(path, json={"spec": {"round": text}}, headers=headers) as response:
                    await response.read()

            yield write
