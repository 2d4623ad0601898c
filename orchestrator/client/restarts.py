"""Whether a task that ended is started again, and when: the `restart` block of a group."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from nomad_api.duration import format_duration
from nomad_api.models import Lifecycle
from nomad_api.models.job import RestartPolicy
from orchestrator.client.clock import Clock
from orchestrator.client.task_events import WITHIN_POLICY

JITTER = 0.25
"""By how much of itself a delay is lengthened at most, so that what failed together is not started together."""


class Next(Enum):
    RESTART = auto()
    FAIL = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows; `delay` in nanoseconds."""

    next: Next
    reason: str = ""
    delay: int = 0


class RestartTracker:
    """Counts the attempts of one task. `chance` gives numbers from 0 up to 1 for the jitter."""

    def __init__(
        self, policy: RestartPolicy, *, on_success: bool, clock: Clock, chance: Callable[[], float] = random.random
    ) -> None:
        self.policy = policy
        self._on_success = on_success
        self._clock = clock
        self._chance = chance
        self._count = 0
        self._interval_start = clock.now()

    def exited(self, *, successful: bool) -> Decision:
        """The task ran and ended by itself."""
        if successful and not self._on_success:
            return Decision(Next.DONE)
        return self._again(recoverable=True)

    def not_started(self, *, recoverable: bool) -> Decision:
        """The task could not be started."""
        return self._again(recoverable=recoverable)

    def _again(self, *, recoverable: bool) -> Decision:
        attempts = self.policy.attempts or 0
        interval = self.policy.interval or 0
        if not attempts:
            return Decision(Next.FAIL, "Policy allows no restarts")
        now = self._clock.now()
        if now > self._interval_start + interval:
            self._count, self._interval_start = 0, now
        self._count += 1
        if not recoverable:
            return Decision(Next.FAIL, "Error was unrecoverable")
        if self._count <= attempts:
            delay = max(self.policy.delay or 0, 1)
            return Decision(Next.RESTART, WITHIN_POLICY, delay + int(delay * JITTER * self._chance()))
        if self.policy.mode == "delay":
            rest = self._interval_start + interval - now
            return Decision(Next.RESTART, "Exceeded allowed attempts, applying a delay", rest)
        text = f'Exceeded allowed attempts {attempts} in interval {format_duration(interval)} and mode is "fail"'
        return Decision(Next.FAIL, text)


def restarts_on_success(job_type: str, lifecycle: Lifecycle | None) -> bool:
    """Whether a task of this kind goes on for ever: main tasks of services do, and all sidecars."""
    if lifecycle and lifecycle.hook:
        return lifecycle.sidecar and lifecycle.hook != "poststop"
    return job_type not in ("batch", "sysbatch")
