"""The agent as a process: how soon it is ready, how much memory it takes. Only an agent started here can be measured so."""

import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measure import Figure
from nomad_api.client import Nomad
from nomad_api.errors import NomadError


@dataclass
class EmbeddedAgent:
    """An agent in development mode, as a process of its own."""

    address: str
    process: asyncio.subprocess.Process
    seconds_to_answer: float
    seconds_to_ready: float

    def figures(self) -> list[Figure]:
        resident = psutil.Process(self.process.pid).memory_info().rss
        return [
            Figure("agent start → first answer", self.seconds_to_answer, "s"),
            Figure("agent start → node ready", self.seconds_to_ready, "s"),
            Figure("agent idle RSS", resident / 2**20, "MiB"),
        ]


@asynccontextmanager
async def embedded_agent() -> AsyncIterator[EmbeddedAgent]:
    """Start one, wait until its node is ready, stop it at the end."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "agent.json")
        config.write_text(f'{{"ports": {{"http": {port}}}, "log_level": "WARN"}}')
        command = str(Path(sys.executable).parent / "nomadctl")
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            command, "agent", "-dev", "-config", str(config), stdout=asyncio.subprocess.DEVNULL
        )
        address = f"http://127.0.0.1:{port}"
        try:
            answered, ready = await _wait(address, began)
            yield EmbeddedAgent(address, process, answered, ready)
        finally:
            process.terminate()
            await process.wait()


async def _wait(address: str, began: float) -> tuple[float, float]:
    answered = 0.0
    async with Nomad(address=address) as nomad:
        while time.perf_counter() - began < 30:
            try:
                nodes = await nomad.nodes.list()
                answered = answered or time.perf_counter() - began
                if any(node.status == "ready" for node in nodes):
                    return answered, time.perf_counter() - began
            except NomadError:
                pass
            await asyncio.sleep(0.01)
    raise TimeoutError(f"no agent answers at {address}")
