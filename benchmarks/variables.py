"""Variables: how fast they are written and read."""

import asyncio
import itertools
import uuid

from benchmarks.measure import Figure, rate
from nomad_api.client import Nomad

ITEMS = {f"key{number}": "x" * 76 for number in range(6)}


async def run(nomad: Nomad) -> list[Figure]:
    prefix = f"bench/{uuid.uuid4().hex[:8]}"
    numbers = itertools.count()

    async def put(times: int) -> None:
        for _ in range(times):
            await nomad.variables.put(f"{prefix}/{next(numbers)}", ITEMS)

    async def get(times: int) -> None:
        for _ in range(times):
            await nomad.variables.get(f"{prefix}/0")

    figures = [
        await rate("variable put, 1 connection", 1_000, lambda: put(1_000)),
        await rate("variable put, 32 connections", 6_400, lambda: asyncio.gather(*(put(200) for _ in range(32)))),
        await rate("variable get, 32 connections", 6_400, lambda: asyncio.gather(*(get(200) for _ in range(32)))),
    ]
    for number in range(next(numbers)):
        await nomad.variables.delete(f"{prefix}/{number}")
    return figures
