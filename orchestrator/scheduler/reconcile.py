"""The difference between what a service or batch job should be and what it is.

`reconcile` is pure: it looks at the job, its allocations, its deployment and the nodes that are gone, and tells what to place,
stop, update in place and replace. The terms are Nomad's. Where in the cluster something is placed is no question here.
"""

from collections.abc import Iterable

from nomad_api.models import Allocation, DeploymentState, Job
from nomad_api.models.evaluation import DesiredUpdates
from orchestrator.scheduler.classification import stop_all
from orchestrator.scheduler.descriptions import NEWER_JOB, STOPPED_JOB, SUCCESSFUL
from orchestrator.scheduler.plan import DeploymentUpdate
from orchestrator.scheduler.reconcile_group import GroupReconciliation
from orchestrator.scheduler.situation import Allocations, Reconciliation, Situation


def reconcile(situation: Situation) -> Reconciliation:
    """What to do so that the job becomes what it should be, as far as that can be done now."""
    job, deployment = situation.job, situation.deployment
    result = Reconciliation()
    old, current = deployment, None
    if job is None or job.stop:
        if deployment and deployment.active:
            result.deployment_updates.append(DeploymentUpdate(deployment.id, "cancelled", STOPPED_JOB))
        for name, allocations in _by_group(job, situation.allocations).items():
            stopped = stop_all({key: alloc for key, alloc in allocations.items() if not alloc.terminal}, situation)
            result.stop += stopped
            result.desired[name] = DesiredUpdates(stop=len(stopped))
        return result
    if deployment:
        if deployment.job_create_index != job.create_index or deployment.job_version != job.version:
            if deployment.active:
                result.deployment_updates.append(DeploymentUpdate(deployment.id, "cancelled", NEWER_JOB))
        elif deployment.status != "successful":
            old, current = None, deployment
    complete = True
    states: dict[str, DeploymentState] = {}
    for name, allocations in _by_group(job, situation.allocations).items():
        group = GroupReconciliation(situation, job, name, allocations, current, old, result, states)
        complete = group.compute() and complete
    if current is None and states:
        result.deployment = situation.new_deployment(states)
    if current and complete:
        result.deployment_updates.append(DeploymentUpdate(current.id, "successful", SUCCESSFUL))
    return result


def _by_group(job: Job | None, allocations: Iterable[Allocation]) -> dict[str, Allocations]:
    """Allocations by group, in the order of their names; groups of the job come first, and also if they have none."""
    groups: dict[str, Allocations] = {group.name: {} for group in (job.task_groups if job else None) or ()}
    for alloc in sorted(allocations, key=lambda alloc: (alloc.name, alloc.create_index)):
        groups.setdefault(alloc.task_group, {})[alloc.id] = alloc
    return groups
