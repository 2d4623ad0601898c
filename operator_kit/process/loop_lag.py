"""A probe of the event loop: how late it is. Code that does not let go of it stops everything, and shows nowhere else.

A reconcile that computes, or calls something that waits without `await`, keeps every other one, every heartbeat and the lease
waiting. A lag of seconds is told in the log as it happens, and is a metric.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

PROBE: Final = 1.0
"""Seconds between two probes."""

LATE: Final = 1.0
"""Seconds of lag that are worth a warning."""

_log = structlog.get_logger("operator_kit.loop")


async def probe_loop(tell: Callable[[float], None]) -> None:
    """Tell the loop's lag in seconds, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PROBE
        await asyncio.sleep(PROBE)
        lag = max(0.0, loop.time() - due)
        tell(lag)
        if lag >= LATE:
            _log.warning("the event loop stood still; something does not let go of it", seconds=round(lag, 1))
