"""What went wrong with a job, in Nomad's own words: the first error of its tasks, the last one, and why it was not placed.

A task that fails is restarted, fails, and is restarted. Each time Nomad adds events and keeps the last ten, so after a few
rounds the error that began it all is gone, and what is left says "Restarting". Hence failures are told from what follows them,
and the first one of a job's version is kept in the resource's status while the trouble lasts.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nomad_api.duration import SECOND
from nomad_api.models import AllocationMetric, AllocationStub, Evaluation, TaskEvent, TaskState
from operator_kit.status_parts import FirstFailure

SETTLED: Final = 600.0
"""Seconds without a failure after which a healthy job's trouble is over; a crash before that belongs to the same loop."""

_CAUSES: Final = frozenset(
    (
        "Setup Failure",
        "Driver Failure",
        "Failed Validation",
        "Failed Artifact Download",
        "Task hook failed",
        "Disk Resources Exceeded",
    )
)
"""Types of task events that are failures by themselves. All others tell of progress, or of what follows from a failure."""

_ON_PURPOSE: Final = ("Killing", "Restart Signaled")
"""What comes before the end of a task that somebody wanted."""

_CONSEQUENCES: Final = ("Restarting", "Not Restarting")
"""What comes after the end of a task that nobody wanted, were its exit code 0 or not."""


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task failed: what Nomad said of it. `time` is in nanoseconds since the epoch, `exit_code` None if it never ran."""

    allocation: str
    task: str
    time: int
    message: str
    exit_code: int | None = None

    def __str__(self) -> str:
        return f"task {self.task}: {self.message}"


def task_failures(allocations: Iterable[AllocationStub]) -> list[TaskFailure]:
    """The failures that Nomad still knows of, the earliest first."""
    oldest_first = sorted(allocations, key=lambda allocation: (allocation.create_index, allocation.id))
    found = [
        TaskFailure(
            allocation.id,
            task,
            event.time,
            event.display_message or event.message or event.type,
            event.exit_code if event.type == "Terminated" else None,
        )
        for allocation in oldest_first
        for task, state in (allocation.task_states or {}).items()
        for event in _failing(state)
    ]
    return sorted(found, key=lambda failure: failure.time)


def _failing(state: TaskState) -> Iterator[TaskEvent]:
    events = state.events or []
    for position, event in enumerate(events):
        before = events[position - 1].type if position else ""
        after = events[position + 1].type if position + 1 < len(events) else ""
        if event.type == "Terminated":
            unwanted = event.exit_code or event.signal or state.failed or after in _CONSEQUENCES
            if unwanted and before not in _ON_PURPOSE:
                yield event
        elif event.type in _CAUSES or (event.type == "Killing" and event.fails_task):
            yield event


def first_failure(known: FirstFailure | None, version: int, failures: Sequence[TaskFailure]) -> FirstFailure | None:
    """The first failure of a job's version: the one that is known of it already, else the earliest in the list."""
    if known is not None and known.version == version:
        return known
    if not failures:
        return None
    first = failures[0]
    return FirstFailure(version=version, task=first.task, time=first.time, message=first.message)


def is_over(failures: Sequence[TaskFailure], now: datetime) -> bool:
    """Whether a job that is healthy now has been so for long enough to forget what was before."""
    return not failures or now.timestamp() - failures[-1].time / SECOND >= SETTLED


def told(first: FirstFailure | None, last: TaskFailure | None) -> str:
    """The last failure, and beside it the first, if that was another one."""
    if last is None:
        return f"task {first.task} failed first with: {first.message}" if first else ""
    if first is None or (first.task, first.message) == (last.task, last.message):
        return str(last)
    whose = "" if first.task == last.task else f"task {first.task}: "
    return f"{last}; the first error was: {whose}{first.message}"


def placement_failure(evaluations: Sequence[Evaluation]) -> str:
    """Why Nomad cannot place what a job wants, by its newest verdict; empty if it could."""
    blocked = [evaluation for evaluation in evaluations if evaluation.status == "blocked" and evaluation.failed_tg_allocs]
    decided = blocked or [evaluation for evaluation in evaluations if evaluation.status in ("complete", "failed")]
    newest = max(decided, key=lambda evaluation: (evaluation.create_index, evaluation.modify_index), default=None)
    if newest is None:
        return ""
    groups = sorted((newest.failed_tg_allocs or {}).items())
    return "; ".join(f"group {group} cannot be placed: {_obstacles(metric)}" for group, metric in groups)


def _obstacles(metric: AllocationMetric) -> str:
    found = [f"quota {quota} is exhausted" for quota in metric.quota_exhausted or ()]
    for what, filtered in (("constraint", metric.constraint_filtered), ("node class", metric.class_filtered)):
        found += [f'{what} "{name}" excludes {_nodes(count)}' for name, count in sorted((filtered or {}).items())]
    found += [f"{name} exhausted on {_nodes(count)}" for name, count in sorted((metric.dimension_exhausted or {}).items())]
    if found:
        return ", ".join(found)
    if not metric.nodes_evaluated:
        pool = f" of node pool {metric.node_pool}" if metric.node_pool else ""
        return f"no node{pool} is ready for it"
    return f"none of {_nodes(metric.nodes_evaluated)} fits"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"
