"""Allocations as a table."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.output import FULL_ID, SHORT_ID, ago, instant, limit, table

if TYPE_CHECKING:
    from nomad_api.models import Allocation, AllocationStub, Job

NO_DEADLINE: Final = 0


def allocation_table(
    stubs: "Sequence[AllocationStub]", *, verbose: bool = False, length: int = SHORT_ID, job: "Job | None" = None
) -> str:
    """Allocations of lists; with their job, whose groups may limit the time they run, also the end of that time."""
    if not stubs:
        return "No allocations placed"
    ends = [run_deadline(job, stub.task_group, stub.create_time) for stub in stubs]
    heading = ["ID", "Node ID", "Task Group", "Version", "Desired", "Status", "Created", "Modified"]
    if verbose:
        heading[1:2] = ["Eval ID", "Node ID", "Node Name"]
    rows = []
    for stub in stubs:
        where = [limit(stub.eval_id, length), limit(stub.node_id, length), stub.node_name]
        rows.append(
            [
                limit(stub.id, length),
                *(where if verbose else where[1:2]),
                *(stub.task_group, stub.job_version, stub.desired_status, stub.client_status),
                *(_time(moment, verbose) for moment in (stub.create_time, stub.modify_time)),
            ]
        )
    return _with_deadlines(heading, rows, ends, verbose)


def node_allocation_table(allocations: "Sequence[Allocation]", *, verbose: bool) -> str:
    """The allocations of a node."""
    if not allocations:
        return "No allocations placed"
    length = FULL_ID if verbose else SHORT_ID
    ends = [run_deadline(allocation.job, allocation.task_group, allocation.create_time) for allocation in allocations]
    heading = [
        "ID",
        *(["Eval ID"] if verbose else []),
        "Node ID",
        "Task Group",
        "Version",
        "Desired",
        "Status",
        "Created",
        "Modified",
    ]
    rows: list[list[object]] = [
        [
            limit(allocation.id, length),
            *([limit(allocation.eval_id, length)] if verbose else []),
            limit(allocation.node_id, length),
            allocation.task_group,
            allocation.job.version if allocation.job else 0,
            allocation.desired_status,
            allocation.client_status,
            *(_time(moment, verbose) for moment in (allocation.create_time, allocation.modify_time)),
        ]
        for allocation in allocations
    ]
    return _with_deadlines(heading, rows, ends, verbose)


def run_deadline(job: "Job | None", group_name: str, created: int) -> int:
    """When an allocation has run as long as its group allows (nanoseconds since the epoch), 0 for never."""
    group = job.group(group_name) if job is not None and job.type in ("batch", "sysbatch") else None
    limit_of_group = (group.max_run_duration or 0) if group is not None else 0
    return created + limit_of_group if created and limit_of_group > 0 else NO_DEADLINE


def _with_deadlines(heading: list[str], rows: list[list[object]], ends: list[int], verbose: bool) -> str:
    if any(ends):
        heading.append("Max Run Deadline")
        for row, end in zip(rows, ends, strict=True):
            row.append(_time(end, verbose))
    return table([heading, *rows])


def _time(moment: int, verbose: bool) -> str:
    return instant(moment) if verbose else ago(moment, time.time_ns())
