"""Checks of the blocks that say how a group is run: restart, reschedule, update, migrate, disconnect, scaling."""

from collections.abc import Iterator
from typing import Final

from nomad_api.duration import SECOND, format_duration
from nomad_api.models.job import Disconnect, Migrate, ReschedulePolicy, RestartPolicy, Scaling, Update
from orchestrator.jobs.rescheduling import enabled
from orchestrator.jobs.validation.problems import quoted

_MIN_INTERVAL: Final = 5 * SECOND
_MIN_RESCHEDULE_INTERVAL: Final = 15 * SECOND
_DELAY_FUNCTIONS: Final = ("constant", "exponential", "fibonacci")


def restart(policy: RestartPolicy) -> Iterator[str]:
    attempts, interval, delay = policy.attempts or 0, policy.interval or 0, policy.delay or 0
    if policy.mode not in ("delay", "fail"):
        yield f"Unsupported restart mode: {quoted(policy.mode)}"
    if attempts == 0 and policy.mode != "fail":
        yield f"Restart policy {quoted(policy.mode)} with {attempts} attempts is ambiguous"
    if interval < _MIN_INTERVAL:
        yield f"Interval can not be less than 5s (got {format_duration(interval)})"
    if attempts * delay > interval:
        yield (
            f"Nomad can't restart the TaskGroup {attempts} times in an interval of {format_duration(interval)} "
            f"with a delay of {format_duration(delay)}"
        )


def reschedule(policy: ReschedulePolicy) -> Iterator[str]:
    if not enabled(policy):
        return
    attempts, interval = policy.attempts or 0, policy.interval or 0
    delay, max_delay = policy.delay or 0, policy.max_delay or 0
    if attempts > 0:
        if interval <= 0:
            yield "Interval must be a non zero value if Attempts > 0"
        if policy.unlimited:
            yield (
                f"Reschedule Policy with Attempts = {attempts}, Interval = {format_duration(interval)}, "
                "and Unlimited = true is ambiguous"
            )
            yield "If Attempts >0, Unlimited cannot also be set to true"
    delays = list(_delays(policy, delay, max_delay))
    yield from delays
    if policy.unlimited:
        return
    if interval < _MIN_RESCHEDULE_INTERVAL:
        yield f"Interval cannot be less than 15s (got {format_duration(interval)})"
    if not delays:
        yield from _room_for_attempts(policy, attempts, interval, delay, max_delay)


def _delays(policy: ReschedulePolicy, delay: int, max_delay: int) -> Iterator[str]:
    if delay < _MIN_INTERVAL:
        yield f"Delay cannot be less than 5s (got {format_duration(delay)})"
    if policy.delay_function not in _DELAY_FUNCTIONS:
        known = " ".join(quoted(name) for name in _DELAY_FUNCTIONS)
        yield f"Invalid delay function {quoted(policy.delay_function)}, must be one of [{known}]"
    if policy.delay_function != "constant":
        if max_delay < _MIN_INTERVAL:
            yield f"Max Delay cannot be less than 5s (got {format_duration(delay)})"
        if max_delay < delay:
            yield f"Max Delay cannot be less than Delay {format_duration(delay)} (got {format_duration(max_delay)})"


def _room_for_attempts(policy: ReschedulePolicy, attempts: int, interval: int, delay: int, max_delay: int) -> Iterator[str]:
    """Whether all attempts with their delays fit into the interval."""
    possible, needed = _possible_attempts(str(policy.delay_function), attempts, interval, delay, max_delay)
    if possible is None:
        return
    start = (
        f"Nomad can only make {possible} attempts in {format_duration(interval)} with initial delay {format_duration(delay)}"
    )
    if policy.delay_function == "constant":
        yield f"{start} and delay function {quoted(policy.delay_function)}"
    else:
        yield f"{start}, delay function {quoted(policy.delay_function)}, and delay ceiling {format_duration(max_delay)}"
    rounded = (needed + SECOND // 2) // SECOND * SECOND
    yield f"Set the interval to at least {format_duration(rounded)} to accommodate {attempts} attempts"


def _possible_attempts(function: str, attempts: int, interval: int, delay: int, max_delay: int) -> tuple[int | None, int]:
    """How many attempts fit (None: all of them), and how long all of them take."""
    if function == "constant":
        needed = attempts * delay
        return (interval // delay if interval < needed else None), needed
    if function == "exponential":
        needed = possible = 0
        for number in range(attempts):
            wait = 2**number * delay
            needed = needed + max_delay if wait > max_delay else wait
            possible += needed < interval
        return (possible if possible < attempts else None), needed
    slots = [delay, delay]
    capped = False
    for _ in range(2, attempts):
        wait = slots[-1] + (max_delay if capped else slots[-2])
        if not capped and wait > max_delay:
            wait, capped = max_delay, True
        slots.append(wait)
    if interval >= slots[-1]:
        return None, slots[-1]
    return next((number for number, slot in enumerate(slots) if slot > interval), 0), slots[-1]


def update(block: Update) -> Iterator[str]:
    parallel, canary = block.max_parallel or 0, block.canary or 0
    healthy, deadline = block.min_healthy_time or 0, block.healthy_deadline or 0
    progress, stagger = block.progress_deadline or 0, block.stagger or 0
    if block.health_check not in ("checks", "task_states", "manual"):
        yield f"Invalid health check given: {quoted(block.health_check)}"
    if parallel < 0:
        yield f"Max parallel can not be less than zero: {parallel} < 0"
    if canary < 0:
        yield f"Canary count can not be less than zero: {canary} < 0"
    if canary == 0 and block.auto_promote:
        yield "Auto Promote requires a Canary count greater than zero"
    if healthy < 0:
        yield f"Minimum healthy time may not be less than zero: {format_duration(healthy)}"
    if deadline <= 0:
        yield f"Healthy deadline must be greater than zero: {format_duration(deadline)}"
    if progress < 0:
        yield f"Progress deadline must be zero or greater: {format_duration(progress)}"
    if healthy >= deadline:
        yield (
            f"Minimum healthy time must be less than healthy deadline: {format_duration(healthy)} > {format_duration(deadline)}"
        )
    if progress != 0 and deadline >= progress:
        yield (
            f"Healthy deadline must be less than progress deadline: {format_duration(deadline)} > {format_duration(progress)}"
        )
    if stagger <= 0:
        yield f"Stagger must be greater than zero: {format_duration(stagger)}"


def migrate(block: Migrate) -> Iterator[str]:
    parallel = block.max_parallel or 0
    healthy, deadline = block.min_healthy_time or 0, block.healthy_deadline or 0
    if parallel < 0:
        yield f"MaxParallel must be >= 0 but found {parallel}"
    if not block.health_check:
        if parallel > 0:
            yield "Missing HealthCheck"
    elif block.health_check not in ("checks", "task_states"):
        yield f"Invalid HealthCheck: {quoted(block.health_check)}"
    if healthy < 0:
        yield f"MinHealthyTime is {format_duration(healthy)} and must be >= 0"
    if deadline < 0:
        yield f"HealthyDeadline is {format_duration(deadline)} and must be >= 0"
    if healthy > deadline:
        yield "MinHealthyTime must be less than HealthyDeadline"


def disconnect(block: Disconnect, job_type: str | None) -> Iterator[str]:
    lost, stop = block.lost_after or 0, block.stop_on_client_after
    if stop is not None:
        if stop < 0:
            yield "stop_after cannot be a negative duration"
        if job_type not in ("service", "batch"):
            yield "stop_after can only be used with service or batch job types"
    if lost < 0:
        yield "lost_after cannot be a negative duration"
    if stop is not None and lost != 0:
        yield "Disconnect cannot be configured with both lost_after and stop_after"
    if block.reconcile not in (None, "", "best_score", "longest_running", "keep_original", "keep_replacement"):
        yield f"reconcile option is invalid: {block.reconcile}"


def scaling(policy: Scaling, count: int) -> Iterator[str]:
    low, high = policy.min or 0, policy.max if policy.max is not None else -1
    if policy.type not in ("horizontal", "vertical_cpu", "vertical_mem", "cluster"):
        yield f"Scaling policy invalid: scaling policy type {quoted(policy.type)} is not valid"
    if high < 0:
        yield "Scaling policy invalid: maximum count must be specified and non-negative"
    elif high < low:
        yield "Scaling policy invalid: maximum count must not be less than minimum count"
    if low < 0:
        yield "Scaling policy invalid: minimum count must be specified and non-negative"
    if high < count:
        yield "Scaling policy invalid: task group count must not be greater than maximum count in scaling policy"
    if count < low:
        yield "Scaling policy invalid: task group count must not be less than minimum count in scaling policy"
