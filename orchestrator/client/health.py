"""Whether an allocation is healthy: the verdict that deployments and drains wait for, given once.

Healthy is who has all tasks running, and all checks passing where these count, for `min_healthy_time` without a break, before
`healthy_deadline`. Unhealthy is whose task has ended, or who has not got there in time.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from nomad_api.duration import MINUTE, SECOND, format_duration
from nomad_api.models import Allocation, Task, TaskGroup, TaskState
from orchestrator.client.clock import Clock
from orchestrator.client.lifecycle import hook
from orchestrator.client.waiting import first_of

Standing = Literal["failed", "waiting", "well"]


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """What makes an allocation healthy. Durations are nanoseconds."""

    use_checks: bool
    min_healthy_time: int
    deadline: int

    @classmethod
    def of(cls, allocation: Allocation, group: TaskGroup, job_type: str) -> "HealthTerms | None":
        """The terms of a deployment, else those of a migration; None if nobody asks or a person decides."""
        if job_type not in ("service", "system"):
            return None
        strategy = group.update if allocation.deployment_id else group.migrate
        if allocation.deployment_id and (strategy is None or not group.update or not group.update.max_parallel):
            return None
        method = (strategy.health_check if strategy else None) or "checks"
        if method == "manual":
            return None
        healthy = strategy.min_healthy_time if strategy else None
        deadline = strategy.healthy_deadline if strategy else None
        return cls(
            method == "checks", 10 * SECOND if healthy is None else healthy, 5 * MINUTE if deadline is None else deadline
        )


class HealthTracker:
    """Watches one allocation until the verdict. `states` and `passing` are asked whenever `changed` was called."""

    def __init__(
        self,
        terms: HealthTerms,
        tasks: Mapping[str, Task],
        states: Callable[[], Mapping[str, TaskState]],
        passing: Callable[[], bool],
        verdict: Callable[[bool, str], None],
        clock: Clock,
    ) -> None:
        self._terms = terms
        self._tasks = tasks
        self._states = states
        self._passing = passing
        self._verdict = verdict
        self._clock = clock
        self._change = asyncio.Event()

    def changed(self) -> None:
        """Something may be other than it was."""
        self._change.set()

    async def run(self) -> None:
        """Give the verdict, with a reason where it is bad and nothing else tells why."""
        least = self._terms.min_healthy_time / SECOND
        deadline = self._clock.monotonic() + self._terms.deadline / SECOND
        since, generation = None, None
        while True:
            self._change.clear()
            states = self._states()
            now = self._clock.monotonic()
            standing = self._standing(states)
            if standing == "failed":
                self._verdict(False, "")
                return
            started = max((state.started_at or "" for state in states.values()), default="")
            if standing != "well":
                since = None
            elif since is None or started != generation:
                since, generation = now, started
            if since is not None and now - since >= least:
                self._verdict(True, "")
                return
            if now >= deadline:
                self._verdict(False, self._too_late(states))
                return
            wake = deadline if since is None else min(deadline, since + least)
            await first_of(self._change.wait(), self._clock.sleep(wake - now))

    def _standing(self, states: Mapping[str, TaskState]) -> Standing:
        waiting = False
        for name, task in self._tasks.items():
            kind, state = hook(task), states[name]
            if kind == "poststop" or (kind == "poststart" and state.successful):
                continue
            if state.failed or (state.state == "dead" and kind != "prestart"):
                return "failed"
            waiting = waiting or state.state == "pending"
        if self._terms.use_checks and not self._passing():
            waiting = True
        return "waiting" if waiting else "well"

    def _too_late(self, states: Mapping[str, TaskState]) -> str:
        deadline = format_duration(self._terms.deadline)
        if all(state.state != "pending" for state in states.values()):
            if self._terms.use_checks and not self._passing():
                return f"Service checks not passing by healthy_deadline of {deadline}"
            least = format_duration(self._terms.min_healthy_time)
            return f"Task not running for min_healthy_time of {least} by healthy_deadline of {deadline}"
        return f"Task not running by healthy_deadline of {deadline}"
