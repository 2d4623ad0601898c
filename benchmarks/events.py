"""Events: how soon one arrives, and how many arrive when many listen.

A real Nomad takes a hundred connections from one address by default (`limits.http_max_conns_per_client`); to be measured with
that many subscribers it needs more.
"""

import asyncio
import time
import uuid

from benchmarks.measure import Figure, latency
from nomad_api.client import Nomad
from nomad_api.errors import NomadError

SUBSCRIBERS = 100
WRITERS = 8
BURST = 2_000

LOST_AFTER = 2.0
"""Seconds after which an event will not come any more."""


async def run(nomad: Nomad) -> list[Figure]:
    return [*await _put_to_event(nomad), *await _fan_out(nomad)]


async def _put_to_event(nomad: Nomad) -> list[Figure]:
    path = f"bench/{uuid.uuid4().hex[:8]}"
    arrived: asyncio.Queue[float] = asyncio.Queue()
    start = (await nomad.variables.put(path, {"k": "0"})).modify_index

    async def listen() -> None:
        async for batch in nomad.events({"Variable": [path]}, index=start):
            if getattr(batch, "events", None):
                arrived.put_nowait(time.perf_counter())

    async def arrival() -> float | None:
        """When the event came; None if it is lost, as happens in a real Nomad."""
        try:
            async with asyncio.timeout(LOST_AFTER):
                return await arrived.get()
        except TimeoutError:
            return None

    listener = asyncio.create_task(listen())
    await arrival()
    seconds = []
    for number in range(500):
        began = time.perf_counter()
        await nomad.variables.put(path, {"k": str(number)})
        if (came := await arrival()) is not None:
            seconds.append(came - began)
    listener.cancel()
    await asyncio.gather(listener, return_exceptions=True)
    await nomad.variables.delete(path)
    return latency("variable put → event", seconds)


async def _fan_out(nomad: Nomad) -> list[Figure]:
    """`SUBSCRIBERS` streams of one process while `WRITERS` write `BURST` variables; each stream must see each of them."""
    prefix = f"bench/{uuid.uuid4().hex[:8]}"
    start = (await nomad.variables.put(f"{prefix}/start", {"k": "v"})).modify_index
    ready: list[asyncio.Event] = [asyncio.Event() for _ in range(SUBSCRIBERS)]
    seen = [0] * SUBSCRIBERS
    closed = 0

    async def listen(number: int) -> None:
        nonlocal closed
        try:
            async for batch in nomad.events({"Variable": ["*"]}, index=start, reconnect=False):
                for event in getattr(batch, "events", ()):
                    ready[number].set()
                    seen[number] += event.key.startswith(f"{prefix}/n")
                if seen[number] >= BURST:
                    return
            closed += 1
        except NomadError:
            closed += 1
        finally:
            ready[number].set()  # nobody waits for one that was refused

    async def write(numbers: range) -> None:
        for number in numbers:
            await nomad.variables.put(f"{prefix}/n{number}", {"k": "x" * 300})

    listeners = [asyncio.create_task(listen(number)) for number in range(SUBSCRIBERS)]
    await asyncio.gather(*(event.wait() for event in ready))
    began = time.perf_counter()
    await asyncio.gather(*(write(range(number, BURST, WRITERS)) for number in range(WRITERS)))
    _, unfinished = await asyncio.wait(listeners, timeout=30)
    seconds = time.perf_counter() - began
    for listener in unfinished:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)
    for number in range(BURST):
        await nomad.variables.delete(f"{prefix}/n{number}")
    await nomad.variables.delete(f"{prefix}/start")
    expected = SUBSCRIBERS * BURST
    return [
        Figure(f"events to {SUBSCRIBERS} subscribers", sum(seen) / seconds, "/s", more_is_better=True),
        Figure("  events lost", 100 * (expected - sum(seen)) / expected, "%"),
        Figure("  streams closed by the server", closed, f"of {SUBSCRIBERS}"),
    ]
