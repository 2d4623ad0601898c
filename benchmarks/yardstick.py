"""The yardstick: how fast this machine is at this moment, for figures that are to be compared with those of another one.

It is the smallest thing that everything here is made of: a bare aiohttp handler that answers a GET with a tiny JSON, in a
process of its own, driven over 32 connections. What counts is how many it answers for each second of its own processor time.
"""

import asyncio
import sys
import time
from typing import Final

import psutil
from aiohttp import web

from nomad_api.client import Nomad

REFERENCE: Final = 18_979
"""Requests a second on the machine for which the aims of speed were set: two cores of an AMD EPYC, CPython 3.11.7, idle."""

CONNECTIONS: Final = 32
SECONDS: Final = 3.0


async def requests_per_second() -> float:
    """How many requests a bare aiohttp handler answers here for each second of its processor time."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.yardstick", stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        async with Nomad(address=f"http://127.0.0.1:{port}") as client:
            await _drive(client, 0.5)
            used = _processor_time(process.pid)
            answered = await _drive(client, SECONDS)
            return answered / (_processor_time(process.pid) - used)
    finally:
        process.terminate()
        await process.wait()


async def _drive(client: Nomad, seconds: float) -> int:
    """Ask for that long; how many answers came."""
    end = time.monotonic() + seconds
    answered = 0

    async def ask() -> None:
        nonlocal answered
        while time.monotonic() < end:
            await client.transport.request("GET", "/")
            answered += 1

    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    return answered


def _processor_time(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


async def _serve() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"a": 1})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
