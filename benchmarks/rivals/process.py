"""An operator as a process: it prints what it measures, one JSON object a line.

For every framework's interpreter: this module needs the standard library alone.
"""

import asyncio
import gc
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
"""Seconds to wait for a line, or for the end."""


class OperatorFailed(Exception):
    """The process ended, or said nothing for too long."""


def tell(**values: Any) -> None:
    """Print a line of figures. In the operator's process."""
    print(json.dumps(values), flush=True)


def resident() -> int:
    """Bytes of memory this process has in RAM, after a collection."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def idle_cpu(seconds: float) -> float:
    """The share of one core that this process takes while nothing happens."""
    cpu, began = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    return (time.process_time() - cpu) / (time.monotonic() - began)


class OperatorProcess:
    """A running operator, to be heard line by line."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name

    async def hear(self) -> dict[str, Any]:
        """The next line.

        Raises:
            OperatorFailed: there is none.
        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise OperatorFailed(f"{self._name} said nothing for {PATIENCE:.0f} seconds") from None
        if not line:
            raise OperatorFailed(f"{self._name} ended with exit code {await self._process.wait()}")
        values: dict[str, Any] = json.loads(line)
        return values

    async def end(self) -> None:
        """Wait until it has stopped in order.

        Raises:
            OperatorFailed: it does not stop, or complains.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                code = await self._process.wait()
        except TimeoutError:
            raise OperatorFailed(f"{self._name} does not end") from None
        if code:
            raise OperatorFailed(f"{self._name} ended with exit code {code}")


@asynccontextmanager
async def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> AsyncIterator[OperatorProcess]:
    """Start an operator, and kill it at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield OperatorProcess(process, " ".join(command[-3:]))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
