"""Bring a job about: plan first, register only what differs, and leave alone what others own.

A job that is as it should be costs nothing but the comparison of a fingerprint and an index: the fingerprint of what was asked
for last time and the JobModifyIndex it got stand in the resource's status. Any difference, be it a new wish or somebody's
change of the job, leads to a plan, and Nomad's own diff decides.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import Job, TaskGroup
from operator_kit.apply.ownership import Owner
from operator_kit.reconciler import TemporaryError


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a job came to; `index` is the JobModifyIndex it has now, `job` what was asked for in the end."""

    outcome: Literal["unchanged", "created", "updated", "adopted"]
    job: Job
    index: int


def fingerprint(job: Job) -> str:
    """A short hash of everything that is asked for."""
    return hashlib.sha256(job.to_json()).hexdigest()[:16]


async def apply_job(nomad: Nomad, wanted: Job, owner: Owner) -> Applied:
    """Register the job if it is missing, stopped or different.

    A job of that ID without an owner is adopted. The count of a group with a `scaling` block, and of a group whose count is
    left out, is its scaler's: it stays as it is.

    Raises:
        TemporaryError: the job belongs to another resource.
        NomadError: Nomad refused the job, cannot be reached, or another changed the job at this moment.
    """
    assert wanted.id is not None
    try:
        live: Job | None = await nomad.jobs.get(wanted.id)
    except NotFound:
        live = None
    present = Owner.of(live.meta) if live else None
    if present is not None and present.path != owner.path:
        raise TemporaryError(
            f"job {wanted.id} belongs to {present.path}; choose another job ID, or remove that resource", reason="AlreadyOwned"
        )
    wanted = wanted if live is None else with_scaled_counts(wanted, live)
    plan = await nomad.jobs.plan(wanted)
    if live is not None and not live.stop and (plan.diff or {}).get("Type") == "None":
        return Applied("unchanged", wanted, live.job_modify_index or 0)
    # The check makes sure that what is replaced is what was planned against.
    registration = await nomad.jobs.register(wanted, check_index=plan.job_modify_index)
    outcome: Literal["created", "updated", "adopted"] = (
        "created" if live is None else "adopted" if present is None else "updated"
    )
    return Applied(outcome, wanted, registration.job_modify_index)


def with_scaled_counts(wanted: Job, live: Job) -> Job:
    """The wanted job with the live counts of those groups whose count is a scaler's."""
    return wanted.evolve(task_groups=[_with_count_of(group, live.group(group.name)) for group in wanted.task_groups or ()])


def _with_count_of(wanted: TaskGroup, live: TaskGroup | None) -> TaskGroup:
    if live is None or live.count is None or not (wanted.count is None or wanted.scaling):
        return wanted
    low = wanted.scaling.min if wanted.scaling and wanted.scaling.min is not None else 0
    high = wanted.scaling.max if wanted.scaling and wanted.scaling.max is not None else live.count
    return wanted.evolve(count=max(low, min(live.count, max(low, high))))
