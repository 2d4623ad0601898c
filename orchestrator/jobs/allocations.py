"""Allocations in the state: placed by the scheduler, reported on by the node, stopped by a user.

Every change of an allocation moves its job's summary and status and its deployment's counters in the same transaction.
"""

from collections.abc import Iterable
from typing import Protocol

from nomad_api.models import Allocation, Deployment, Evaluation, Job, TaskState
from nomad_api.models.allocation import AllocationDeploymentStatus, DesiredTransition, NetworkStatus
from orchestrator.errors import APIError
from orchestrator.jobs import rescheduling
from orchestrator.jobs.evaluations import new_evaluation, put_evaluation
from orchestrator.jobs.status import count_allocation, update_status
from orchestrator.state.store import Transaction
from orchestrator.timestamps import format_time, parse_time


class ClientUpdate(Protocol):
    """What a node reports of one allocation."""

    @property
    def id(self) -> str: ...
    @property
    def client_status(self) -> str: ...
    @property
    def client_description(self) -> str: ...
    @property
    def task_states(self) -> dict[str, TaskState]: ...
    @property
    def deployment_status(self) -> AllocationDeploymentStatus | None: ...
    @property
    def network_status(self) -> NetworkStatus | None: ...


def put_planned(tx: Transaction, alloc: Allocation) -> Allocation | None:
    """Store an allocation as a plan wants it: new, updated in place, or stopped.

    Of a known allocation the fields that belong to its node are kept. A new one is dropped (None) if its job was stopped or
    purged since it was planned.
    """
    old = tx.state.allocations.get(alloc.id)
    if old is None:
        job = tx.state.jobs.get(alloc.namespace, alloc.job_id)
        if job is None or job.stop:
            return None
        if alloc.deployment_status:
            alloc = alloc.evolve(deployment_status=alloc.deployment_status.evolve(modify_index=tx.index))
    else:
        alloc = alloc.evolve(task_states=old.task_states, next_allocation=old.next_allocation or alloc.next_allocation)
        if alloc.client_status not in ("lost", "unknown"):
            alloc = alloc.evolve(client_status=old.client_status, client_description=old.client_description)
    alloc = alloc.evolve(alloc_modify_index=tx.index, modify_time=tx.now)
    alloc = _count(tx, alloc, old)
    previous = tx.state.allocations.get(alloc.previous_allocation) if alloc.previous_allocation else None
    if previous and previous.next_allocation != alloc.id:
        tx.put(previous.evolve(next_allocation=alloc.id))
    return alloc


def apply_client_updates(tx: Transaction, updates: Iterable[ClientUpdate]) -> None:
    """Take in what a node reports. Allocations that are gone are ignored.

    A failed allocation that may be rescheduled gets its job one evaluation per batch of updates.
    """
    evaluations: dict[tuple[str, str], Evaluation] = {}
    touched: dict[tuple[str, str], None] = {}
    for update in updates:
        old = tx.state.allocations.get(update.id)
        if old is None:
            continue
        alloc = old.evolve(
            client_status=update.client_status,
            client_description=update.client_description,
            task_states=update.task_states or None,
            network_status=update.network_status or old.network_status,
            deployment_status=_health(tx, old.deployment_status, update.deployment_status),
            modify_time=tx.now,
        )
        key = (alloc.namespace, alloc.job_id)
        touched[key] = None
        job = tx.state.jobs.get(*key)
        if key not in evaluations and job and _wants_replacement(job, old, alloc, tx.now):
            evaluations[key] = new_evaluation(tx, job, "alloc-failure")
        _count(tx, alloc, old)
        if alloc.client_terminal:
            for service in tx.state.services.by("allocation", alloc.id):
                tx.delete("services", service.namespace, service.service_name, service.id)
    for evaluation in evaluations.values():
        put_evaluation(tx, evaluation)
    for namespace, job_id in touched:
        update_status(tx, namespace, job_id)


def stop_allocation(tx: Transaction, allocation_id: str, *, no_shutdown_delay: bool = False, reschedule: bool = False) -> str:
    """Have the scheduler stop an allocation and place another in its stead; returns the evaluation's identifier.

    Raises:
        APIError: 404, there is no such allocation.
    """
    alloc = tx.state.allocations.get(allocation_id)
    if alloc is None or alloc.job is None:
        raise APIError(404, "allocation not found")
    transition = {"migrate": True, "reschedule": reschedule, "no_shutdown_delay": no_shutdown_delay}
    evaluation = new_evaluation(tx, alloc.job, "alloc-stop", job_modify_index=alloc.job.modify_index)
    tx.put(alloc.evolve(desired_transition=alloc.desired_transition.evolve(**transition), modify_time=tx.now))
    return put_evaluation(tx, evaluation).id


def set_transition(tx: Transaction, alloc: Allocation, transition: DesiredTransition) -> Allocation:
    """Store what shall happen with an allocation; unset parts of the transition leave what was asked for before."""
    given = {name: value for name in DesiredTransition.model_fields if (value := getattr(transition, name)) is not None}
    return tx.put(alloc.evolve(desired_transition=alloc.desired_transition.evolve(**given), modify_time=tx.now))


def set_health(tx: Transaction, alloc: Allocation, healthy: bool) -> Allocation:
    """Store a verdict on an allocation's health and count it in its deployment."""
    status = alloc.deployment_status or AllocationDeploymentStatus()
    status = status.evolve(healthy=healthy, timestamp=format_time(tx.now), modify_index=tx.index)
    return _count(tx, alloc.evolve(deployment_status=status), alloc)


def _count(tx: Transaction, alloc: Allocation, old: Allocation | None) -> Allocation:
    alloc = tx.put(alloc)
    _count_in_deployment(tx, alloc, old)
    count_allocation(tx, alloc, old)
    return alloc


def _count_in_deployment(tx: Transaction, alloc: Allocation, old: Allocation | None) -> None:
    deployment = tx.state.deployments.get(alloc.deployment_id) if alloc.deployment_id else None
    state = (deployment.task_groups or {}).get(alloc.task_group) if deployment else None
    if deployment is None or state is None:
        return
    placed = healthy = unhealthy = 0
    was, now = old.healthy if old else None, alloc.healthy
    if old is None or old.deployment_id != alloc.deployment_id:
        placed = 1
    elif was is None and now is not None:
        healthy, unhealthy = (1, 0) if now else (0, 1)
    elif was and now is False:
        healthy, unhealthy = -1, 1
    if not (placed or healthy or unhealthy):
        return
    canaries = list(state.placed_canaries or ())
    status = alloc.deployment_status
    if status and status.canary and alloc.id not in canaries:
        canaries.append(alloc.id)
    require_by = parse_time(state.require_progress_by)
    if state.progress_deadline:
        if placed and not require_by:
            require_by = alloc.modify_time + state.progress_deadline
        elif healthy and status:
            require_by = max(require_by, parse_time(status.timestamp) + state.progress_deadline)
    state = state.evolve(
        placed_allocs=state.placed_allocs + placed,
        healthy_allocs=state.healthy_allocs + healthy,
        unhealthy_allocs=state.unhealthy_allocs + unhealthy,
        placed_canaries=canaries or None,
        require_progress_by=format_time(require_by) if require_by else None,
    )
    _put_group(tx, deployment, alloc, state)


def _put_group(tx: Transaction, deployment: Deployment, alloc: Allocation, state: object) -> None:
    groups = (deployment.task_groups or {}) | {alloc.task_group: state}
    tx.put(deployment.evolve(task_groups=groups, modify_time=alloc.modify_time))


def _health(
    tx: Transaction, known: AllocationDeploymentStatus | None, reported: AllocationDeploymentStatus | None
) -> AllocationDeploymentStatus | None:
    """The node decides about health and its time; all else of the status is the server's."""
    if reported is None or reported.healthy is None:
        return known
    if known is None:
        return reported.evolve(modify_index=tx.index)
    if known.healthy == reported.healthy:
        return known
    return known.evolve(healthy=reported.healthy, timestamp=reported.timestamp, modify_index=tx.index)


def _wants_replacement(job: Job, old: Allocation, alloc: Allocation, now: int) -> bool:
    group = job.group(alloc.task_group)
    return (
        alloc.client_status == "failed"
        and not old.followup_eval_id
        and group is not None
        and rescheduling.eligible(alloc, group.reschedule_policy, now)
    )
