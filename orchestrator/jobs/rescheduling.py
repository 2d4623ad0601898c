"""When a failed allocation is replaced: the arithmetic of the `reschedule` block.

A group may be rescheduled so many times in an interval, or without limit; the delay between attempts is constant, doubles, or
follows Fibonacci's numbers up to a maximum. How often was tried stands in the allocation's reschedule tracker.
"""

from dataclasses import dataclass

from nomad_api.models import Allocation, TaskState
from nomad_api.models.allocation import RescheduleEvent, RescheduleTracker
from nomad_api.models.job import ReschedulePolicy
from orchestrator.timestamps import parse_time

REMEMBERED_EVENTS = 5
"""How many past attempts an allocation remembers where attempts are not limited."""


@dataclass(frozen=True)
class Reschedule:
    """When to replace an allocation; `time` is 0 where its end is unknown."""

    time: int
    eligible: bool


def policy_of(alloc: Allocation) -> ReschedulePolicy | None:
    """The policy of the allocation's group, as it was when the allocation was placed."""
    group = alloc.job.group(alloc.task_group) if alloc.job else None
    return group.reschedule_policy if group else None


def enabled(policy: ReschedulePolicy | None) -> bool:
    """Whether the policy ever replaces anything."""
    return policy is not None and bool(policy.unlimited or (policy.attempts or 0) > 0)


def eligible(alloc: Allocation, policy: ReschedulePolicy | None, failed_at: int) -> bool:
    """Whether the policy allows another attempt for an allocation that failed then."""
    if policy is None or not enabled(policy):
        return False
    return bool(policy.unlimited) or _attempts(alloc, policy, failed_at) < (policy.attempts or 0)


def next_reschedule(alloc: Allocation) -> Reschedule:
    """When a failed or lost allocation is due for replacement."""
    failed_at = last_event_time(alloc)
    policy = policy_of(alloc)
    wanted = bool(alloc.job and alloc.job.type == "batch" and alloc.desired_transition.reschedule)
    stopped = alloc.desired_status == "stop" and not reschedule_failed(alloc)
    ended = wanted or alloc.client_status in ("failed", "lost")
    if policy is None or not enabled(policy) or stopped or not ended or failed_at == 0:
        return Reschedule(0, False)
    delay = next_delay(alloc)
    in_interval = not _events(alloc) or delay < (policy.interval or 0)
    return Reschedule(failed_at + delay, bool(policy.unlimited) or (in_interval and eligible(alloc, policy, failed_at)))


def next_delay(alloc: Allocation) -> int:
    """Nanoseconds from the end of the allocation to its replacement."""
    policy = policy_of(alloc)
    if policy is None:
        return 0
    delay = policy.delay or 0
    past = _events(alloc)
    if not past or policy.delay_function not in ("exponential", "fibonacci"):
        return delay
    if policy.delay_function == "exponential":
        delay = past[-1].delay * 2
    elif len(past) >= 2:
        newest, before = past[-1].delay, past[-2].delay
        # After a reset the series begins anew with the plain delay twice.
        delay = newest if before == policy.max_delay and newest == policy.delay else newest + before
    if policy.max_delay and delay > policy.max_delay:
        # Long after the last attempt the allocation has proven itself, and the delays start anew.
        proven = last_event_time(alloc) - past[-1].reschedule_time > policy.max_delay
        return (policy.delay or 0) if proven else policy.max_delay
    return delay


def last_event_time(alloc: Allocation) -> int:
    """When the last of the allocation's tasks ended; the last change of the allocation where no task says."""
    finished = [parse_time(state.finished_at) for state in _states(alloc) if state.finished_at]
    return max(finished, default=0) or alloc.modify_time


def tracked(new: Allocation, previous: Allocation, now: int) -> Allocation:
    """The replacement with the history of its predecessor and this attempt."""
    policy = policy_of(previous)
    past = _events(previous)
    if policy and (policy.attempts or 0) > 0:
        interval = policy.interval or 0
        past = [event for event in past if interval > 0 and now - event.reschedule_time <= interval]
    else:
        past = past[-REMEMBERED_EVENTS:]
    event = RescheduleEvent(
        reschedule_time=now, prev_alloc_id=previous.id, prev_node_id=previous.node_id, delay=next_delay(previous)
    )
    return new.evolve(reschedule_tracker=RescheduleTracker(events=[*past, event], last_reschedule="ok"))


def annotated(alloc: Allocation, note: str) -> Allocation:
    """The allocation with the outcome of its last rescheduling (`ok`, `no placement`) in its tracker."""
    tracker = alloc.reschedule_tracker or RescheduleTracker()
    return alloc.evolve(reschedule_tracker=tracker.evolve(last_reschedule=note))


def reschedule_failed(alloc: Allocation) -> bool:
    """Whether the scheduler tried to replace the allocation and found no place."""
    return alloc.reschedule_tracker is not None and alloc.reschedule_tracker.last_reschedule not in ("", "ok")


def _attempts(alloc: Allocation, policy: ReschedulePolicy, failed_at: int) -> int:
    return sum(failed_at - event.reschedule_time < (policy.interval or 0) for event in _events(alloc))


def _events(alloc: Allocation) -> list[RescheduleEvent]:
    return list((alloc.reschedule_tracker.events if alloc.reschedule_tracker else None) or ())


def _states(alloc: Allocation) -> list[TaskState]:
    return list((alloc.task_states or {}).values())
