"""The event loop's lag is measured, and code that does not let go of it is told of."""

import asyncio
from typing import cast

import pytest
from structlog.testing import capture_logs

from operator_kit.process.loop_lag import LATE, PROBE, probe_loop
from operator_kit.testing import virtual_time
from operator_kit.testing.loop import VirtualTimeLoop


def block(seconds: float) -> None:
    """Keep the loop for that long."""
    cast(VirtualTimeLoop, asyncio.get_running_loop()).advance(seconds)


@virtual_time
async def test_a_loop_that_is_kept_is_late_and_a_free_one_is_not() -> None:
    told: list[float] = []
    probe = asyncio.create_task(probe_loop(told.append))
    loop = asyncio.get_running_loop()
    loop.call_later(1.5 * PROBE, block, 0.2)
    loop.call_later(3.5 * PROBE, block, PROBE + LATE)
    with capture_logs() as logs:
        await asyncio.sleep(10)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert told[:3] == pytest.approx([0, 0, 0], abs=0.001)
    assert max(told) == pytest.approx(LATE + 0.5 * PROBE, abs=0.01)
    assert told[-1] == pytest.approx(0, abs=0.001)
    assert [log["event"] for log in logs] == ["the event loop stood still; something does not let go of it"]
    assert logs[0]["seconds"] == pytest.approx(LATE + 0.5 * PROBE, abs=0.1)
