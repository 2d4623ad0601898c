"""Time, as something that is handed in: tests move it by hand."""

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """The clock of the machine."""

    def now(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def rfc3339(nanoseconds: int) -> str:
    """The time as Go prints it in JSON: UTC, with as many digits of a second as are needed."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09}".rstrip("0").rstrip(".") + "Z"
