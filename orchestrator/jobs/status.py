"""The status of a job and the summary of its allocations: both follow from other rows and change with them.

Whatever changes a job's allocations, evaluations or deployments calls these functions in the same transaction, so that a reader
never sees a running allocation of a pending job.
"""

from nomad_api.models import Allocation, Job, JobSummary
from nomad_api.models.job import ChildrenSummary, TaskGroupSummary
from orchestrator.state.schema import State
from orchestrator.state.store import Transaction

_COUNTERS = {
    "pending": "starting",
    "running": "running",
    "complete": "complete",
    "failed": "failed",
    "lost": "lost",
    "unknown": "unknown",
}
"""The counter of a group's summary that an allocation with this client status is counted in."""

_FINAL = ("complete", "failed")
"""Counted forever: an allocation that leaves such a status (a restart of the node) is not taken back."""


def status_of(state: State, job: Job) -> str:
    """`pending`, `running` or `dead`, as the job's deployments, allocations and evaluations have it."""
    if job.type == "system" or job.periodic or job.parameterized_job:
        return "dead" if job.stop else "running"
    key = (job.namespace, job.id)
    if any(deployment.active for deployment in state.deployments.by("job", key)):
        return "running"
    if any(not alloc.terminal for alloc in state.allocations.by("job", key)):
        return "running"
    evaluations = state.evaluations.by("job", key)
    if any(not evaluation.terminal for evaluation in evaluations):
        return "pending"
    return "dead" if evaluations or job.stop else "pending"


def update_status(tx: Transaction, namespace: str, job_id: str, *, running: bool = False) -> None:
    """Bring the job's status up to date, also in its version. `running` says so beforehand: it has a live allocation."""
    job = tx.state.jobs.get(namespace, job_id)
    if job is None:
        return
    status = "running" if running else status_of(tx.state, job)
    if job.status != status:
        changed = tx.put(job.evolve(status=status))
        tx.put_exactly(changed, table="job_versions")


def add_groups_to_summary(tx: Transaction, job: Job) -> None:
    """Make the job's summary, or add to it the groups that it lacks. Groups that are gone keep their counts."""
    summary = tx.state.job_summaries.get(job.namespace, job.id)
    known = summary.summary if summary else {}
    missing = {group.name: TaskGroupSummary() for group in job.task_groups or () if group.name not in known}
    if summary is None:
        summary = JobSummary(job_id=job.id or "", namespace=job.namespace or "", children=ChildrenSummary())
    elif not missing:
        return
    tx.put(summary.evolve(summary=known | missing))


def count_allocation(tx: Transaction, new: Allocation, old: Allocation | None) -> None:
    """Move an allocation from one counter of the summary to another."""
    summary = tx.state.job_summaries.get(new.namespace, new.job_id)
    if summary is None or new.job is None or summary.create_index != new.job.create_index:
        return
    group = summary.summary.get(new.task_group)
    if group is None or (old is not None and old.client_status == new.client_status):
        return
    changes: dict[str, int] = {}
    if old is None:
        if new.client_status != "pending":
            return
        changes["queued"] = max(0, group.queued - 1)
    elif old.client_status not in _FINAL:
        left = _COUNTERS[old.client_status]
        changes[left] = max(0, getattr(group, left) - 1)
    entered = _COUNTERS[new.client_status]
    changes[entered] = getattr(group, entered) + 1
    tx.put(summary.evolve(summary=summary.summary | {new.task_group: group.evolve(**changes)}))


def count_queued(tx: Transaction, namespace: str, job_id: str, queued: dict[str, int]) -> None:
    """Set how many allocations of each group wait to be placed."""
    summary = tx.state.job_summaries.get(namespace, job_id)
    if summary is None:
        return
    changed = {
        name: group.evolve(queued=queued[name])
        for name, group in summary.summary.items()
        if name in queued and queued[name] != group.queued
    }
    if changed:
        tx.put(summary.evolve(summary=summary.summary | changed))
