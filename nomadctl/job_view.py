"""A job in words: its head, its summary, its evaluations, what went wrong with them."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.lookup import job_status
from nomadctl.output import ago, heading, instant, limit, nanoseconds, pairs, quoted, table
from nomadctl.periodic import next_launch
from nomadctl.placement_view import reasons

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import AllocationStub, Evaluation, Job, JobSummary

_MOST_GROUPS: Final = 5
"""How many groups that could not be placed are told in full."""


def basics(job: "Job") -> str:
    """The head of `job status`."""
    periodic, parameterized = job.periodic is not None, is_parameterized(job)
    rows: list[tuple[str, object]] = [
        ("ID", job.id),
        ("Name", job.name),
        ("Submit Date", instant(job.submit_time)),
        ("Type", job.type),
        ("Priority", job.priority),
        ("Datacenters", ",".join(job.datacenters or ())),
        ("Namespace", job.namespace),
        ("Node Pool", job.node_pool),
        ("Status", job_status(job.status, job.stop)),
        ("Periodic", periodic),
        ("Parameterized", parameterized),
    ]
    if job.dispatch_idempotency_token:
        rows.append(("Idempotency Token", job.dispatch_idempotency_token))
    if job.periodic is not None and not parameterized:
        launch = "none (job stopped)" if job.stop else next_launch(job.periodic.to_wire())
        rows.append(("Next Periodic Launch", launch))
    return pairs(rows)


def is_parameterized(job: "Job") -> bool:
    """Whether a job waits to be dispatched; its instances have the block too."""
    return job.parameterized_job is not None and not job.dispatched


def parameters(job: "Job") -> str:
    """What a dispatch of the job needs."""
    assert job.parameterized_job is not None  # only called for such jobs
    return pairs(
        [
            ("Payload", job.parameterized_job.payload),
            ("Required Metadata", ", ".join(job.parameterized_job.meta_required or ())),
            ("Optional Metadata", ", ".join(job.parameterized_job.meta_optional or ())),
        ]
    )


def summary_text(job: "Job", summary: "JobSummary") -> str:
    """How many allocations, or children, are in each state."""
    parts = []
    launches = job.periodic is not None or is_parameterized(job)
    if not launches:
        rows = [
            (name, group.queued, group.starting, group.running, group.failed, group.complete, group.lost, group.unknown)
            for name, group in sorted(summary.summary.items())
        ]
        titles = ("Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown")
        parts.append(f"{heading('Summary')}\n{table([titles, *rows])}")
    children = summary.children
    if children is not None and (launches or children.pending + children.running + children.dead):
        title = "Parameterized Job Summary" if is_parameterized(job) else "Children Job Summary"
        rows = [("Pending", "Running", "Dead"), (children.pending, children.running, children.dead)]  # type: ignore[list-item]
        parts.append(f"{heading(title)}\n{table(rows)}")
    return "\n".join(parts)


def evaluation_table(evaluations: "Sequence[Evaluation]", length: int) -> str:
    """The evaluations of a job."""
    rows = [(limit(e.id, length), e.priority, e.triggered_by, e.status, failures(e)) for e in evaluations]
    return table([("ID", "Priority", "Triggered By", "Status", "Placement Failures"), *rows])


def failures(evaluation: "Evaluation") -> str:
    """Whether an evaluation failed to place something."""
    if evaluation.status == "blocked":
        return "N/A - In Progress"
    return "true" if evaluation.failed_tg_allocs else "false"


def placement_failure(evaluations: "Sequence[Evaluation]") -> str:
    """Why the latest evaluation could not place everything, while another waits for room; empty otherwise."""
    failed = [evaluation for evaluation in evaluations if evaluation.failed_tg_allocs]
    if not failed or not any(evaluation.status == "blocked" for evaluation in evaluations):
        return ""
    latest = max(failed, key=lambda evaluation: evaluation.create_index)
    groups = sorted((latest.failed_tg_allocs or {}).items())
    text = "\n\n".join(f"Task Group {quoted(name)}:\n{reasons(metric, '  ')}" for name, metric in groups[:_MOST_GROUPS])
    if len(groups) > _MOST_GROUPS:
        text += f"\n\nPlacement failures truncated. To see remainder run:\nnomad eval-status {latest.id}"
    return text


async def later_attempts(nomad: "Nomad", job: "Job", allocations: "Sequence[AllocationStub]", verbose: bool) -> str:
    """When groups whose latest allocation failed will be tried again; empty if there are none."""
    from nomad_api.errors import NomadError

    latest: dict[str, AllocationStub] = {}
    for allocation in allocations:
        other = latest.get(allocation.task_group)
        if other is None or allocation.modify_time > other.modify_time:
            latest[allocation.task_group] = allocation
    rows = []
    for group, allocation in sorted(latest.items()):
        if not allocation.followup_eval_id:
            continue
        try:
            evaluation = await nomad.evaluations.get(allocation.followup_eval_id)
        except NomadError:
            continue  # the time is a nicety
        when = nanoseconds(evaluation.wait_until)
        if when > time.time_ns():
            rows.append((group, limit(evaluation.id, 36 if verbose else 8), ago(when)))
    return table([("Task Group", "Eval ID", "Eval Time"), *rows]) if rows else ""
