"""Schedules: streams that emit ids when their time has come.

    Every(300)                       every id that the controller knows, every five minutes
    Every(60, ids=list_accounts)     the ids that a function tells: kreconciler's resync loop
    Cron("0 3 * * *", time_zone="Europe/Berlin")

A look on schedule can wait for fresh changes (priority `LOW`), and a round is spread over a part of its interval, so that ten
thousand ids do not come at once. A schedule makes no promise about its time after a restart: a reconciler looks at the world,
so what was missed shows there.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from nomad_api.cron import Cron as Expression
from operator_kit.engine.stream import Emit, Ids, Stream, ids_of
from operator_kit.engine.workqueue import LOW


class Every(Stream):
    """Emits ids at a fixed interval; the first time after one interval, or at once."""

    def __init__(self, seconds: float, *, ids: Ids | None = None, at_once: bool = False, spread: float = 0.1) -> None:
        """
        Args:
            seconds: between two rounds.
            ids: what to emit; by default all ids that the controller knows.
            spread: the part of the interval over which a round is spread.

        Raises:
            ValueError: the interval is not positive.
        """
        if seconds <= 0:
            raise ValueError(f"Every: an interval of {seconds:g} s is not positive")
        self.name = f"every {seconds:g} s"
        self._seconds = seconds
        self._ids = ids
        self._at_once = at_once
        self._spread = spread

    async def run(self, emit: Emit) -> None:
        if not self._at_once:
            await asyncio.sleep(self._seconds)
        while True:
            await emit_round(emit, self._ids, self.name, self._seconds * self._spread)
            await asyncio.sleep(self._seconds)


class Cron(Stream):
    """Emits ids at the times of a cron expression (Nomad's own syntax, see `nomad_api.cron`)."""

    def __init__(
        self, expression: str, *, time_zone: str = "UTC", ids: Ids | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        """
        Raises:
            ValueError: the expression or the time zone is not understood; the message says what of it.
        """
        self.name = f"cron {expression}"
        self._expression = Expression.parse(expression)
        try:
            self._zone = ZoneInfo(time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f'Cron: there is no time zone "{time_zone}"; write one such as Europe/Berlin') from error
        self._ids = ids
        self._now = now or (lambda: datetime.now(UTC))

    async def run(self, emit: Emit) -> None:
        last = self._now()
        while (due := self._expression.next(last.astimezone(self._zone))) is not None:
            await self._until(due)
            await emit_round(emit, self._ids, self.name, 0.0)
            last = due

    async def _until(self, due: datetime) -> None:
        """Wait in steps: a clock that is set meanwhile must not make a launch come early or late."""
        while (rest := (due - self._now()).total_seconds()) > 0:  # noqa: ASYNC110 (the calendar has no event)
            await asyncio.sleep(min(rest, 60.0))


async def emit_round(emit: Emit, ids: Ids | None, reason: str, spread: float) -> None:
    """Emit each id once, evenly spread over so many seconds."""
    told = sorted(emit.known() if ids is None else await ids_of(ids))
    for number, id in enumerate(told):
        await emit(id, reason=reason, priority=LOW, after=spread * number / len(told))
