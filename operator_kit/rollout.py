"""Is the job as it should be? The question of almost every operator, answered from what Nomad knows at this moment.

A job is healthy when every allocation that should run, runs, is healthy by its deployment's verdict, and has the job's current
version: an old healthy version is not the answer to a new spec. One that is not healthy says why: the first error of its tasks
and the last, and what keeps Nomad from placing it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nomad_api.client import Nomad
from nomad_api.models import AllocationStub, Deployment, Job
from operator_kit.failures import TaskFailure, first_failure, placement_failure, task_failures, told
from operator_kit.status_parts import FirstFailure


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a job's current version is. `reason` and `message` are made for a condition.

    Attributes:
        desired: how many allocations there should be.
        running: how many of them are as they should be.
        version: the job's current version.
        allocations: those that should run, of any version.
        failures: of the tasks of the current version that Nomad still knows of, the earliest first.
        first_failure: the first one of the current version, also if Nomad has forgotten it.
    """

    reason: Literal["Healthy", "Progressing", "Failed"]
    message: str
    desired: int = 0
    running: int = 0
    version: int = 0
    allocations: tuple[AllocationStub, ...] = ()
    failures: tuple[TaskFailure, ...] = ()
    first_failure: FirstFailure | None = None

    @property
    def healthy(self) -> bool:
        return self.reason == "Healthy"

    @property
    def failed(self) -> bool:
        return self.reason == "Failed"


async def observe(nomad: Nomad, job_id: str, known: FirstFailure | None = None) -> Rollout:
    """The state of a job's roll-out as it is now; `known` is the first failure that an earlier look has seen.

    Raises:
        NotFound: there is no such job.
        NomadError: it cannot be read.
    """
    job = await nomad.jobs.get(job_id)
    deployment = await nomad.jobs.latest_deployment(job_id)
    allocations = await nomad.jobs.allocations(job_id)
    rollout = judge(job, deployment, allocations, known=known)
    if rollout.healthy or job.stop or len(_current(job, rollout.allocations)) >= rollout.desired:
        return rollout
    placement = placement_failure(await nomad.jobs.evaluations(job_id))
    return judge(job, deployment, allocations, known=known, placement=placement) if placement else rollout


def judge(
    job: Job,
    deployment: Deployment | None,
    allocations: Sequence[AllocationStub],
    *,
    known: FirstFailure | None = None,
    placement: str = "",
) -> Rollout:
    """The state of a job's roll-out.

    Args:
        deployment: the job's latest, None if it never had one (batch jobs, system jobs of older servers).
        allocations: all of the job.
        known: the first failure that an earlier look has seen.
        placement: why not all could be placed.
    """
    version = job.version or 0
    wanted = tuple(allocation for allocation in allocations if allocation.desired_status == "run")
    failures = tuple(task_failures(allocation for allocation in allocations if allocation.job_version == version))
    first = first_failure(known, version, failures)
    trouble = told(first, failures[-1] if failures else None) or _last_event(_current(job, wanted))
    rollout = _judge(job, deployment, allocations, wanted, "; ".join(filter(None, (placement, trouble))))
    return replace(rollout, version=version, allocations=wanted, failures=failures, first_failure=first)


def _judge(
    job: Job,
    deployment: Deployment | None,
    allocations: Sequence[AllocationStub],
    wanted: Sequence[AllocationStub],
    trouble: str,
) -> Rollout:
    if deployment is not None and deployment.job_version != job.version:
        deployment = None
    current = _current(job, wanted)
    old = sum(allocation.client_status in ("pending", "running") for allocation in allocations) - sum(
        allocation.client_status in ("pending", "running") for allocation in current
    )
    good = sum(_is_good(job, deployment, allocation) for allocation in current)
    desired = _desired(job, deployment, wanted)
    counts = f"{good} of {desired} allocations healthy"
    if deployment is not None and deployment.status == "failed":
        return Rollout("Failed", _and(deployment.status_description or "the deployment failed", trouble), desired, good)
    if job.stop:
        return Rollout("Failed", "the job is stopped", desired, good)
    if good < desired:
        return Rollout("Progressing", _and(counts, trouble), desired, good)
    if old:
        return Rollout("Progressing", f"{counts}, {old} of an older version still there", desired, good)
    if deployment is not None and deployment.active:
        return Rollout("Progressing", f"{counts}, the deployment is {deployment.status}", desired, good)
    return Rollout("Healthy", counts if desired else "no allocations are wanted", desired, good)


def _current(job: Job, wanted: Sequence[AllocationStub]) -> list[AllocationStub]:
    """Those of the job's current version."""
    return [allocation for allocation in wanted if allocation.job_version == job.version]


def _is_good(job: Job, deployment: Deployment | None, allocation: AllocationStub) -> bool:
    if job.type in ("batch", "sysbatch"):
        return allocation.client_status in ("running", "complete")
    if allocation.client_status != "running" or allocation.healthy is False:
        return False
    # While a deployment goes on only its verdict counts; later allocations (rescheduled ones) get none.
    return allocation.healthy is True or deployment is None or not deployment.active


def _desired(job: Job, deployment: Deployment | None, wanted: Sequence[AllocationStub]) -> int:
    if job.type in ("system", "sysbatch"):
        placed = sum(state.desired_total for state in (deployment.task_groups or {}).values()) if deployment else 0
        return max(placed, len(wanted), 1)
    return sum(1 if group.count is None else group.count for group in job.task_groups or ())


def _last_event(allocations: Sequence[AllocationStub]) -> str:
    """The last that is known of the newest troubled allocation, where nothing in it counts as a failure."""
    for allocation in sorted(allocations, key=lambda allocation: -allocation.modify_index):
        for name, state in (allocation.task_states or {}).items():
            if (state.failed or state.restarts) and state.events:
                return f"task {name}: {state.events[-1].display_message or state.events[-1].type}"
    return ""


def _and(text: str, more: str) -> str:
    return f"{text} ({more})" if more else text
