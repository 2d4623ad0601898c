"""Scheduling of service and batch jobs: reconcile, then find a node for everything that is to be placed."""

import random
import uuid
from dataclasses import dataclass, field
from typing import Any

from nomad_api.models import Allocation, AllocationMetric, Deployment, DeploymentState, Evaluation, Job, Node
from nomad_api.models.allocation import AllocationDeploymentStatus
from nomad_api.models.evaluation import PlanAnnotations
from nomad_api.models.job import TaskGroup
from orchestrator.jobs import rescheduling
from orchestrator.scheduler.descriptions import AUTO_PROMOTION, NEEDS_PROMOTION, RUNNING
from orchestrator.scheduler.feasibility import in_datacenter, in_pool
from orchestrator.scheduler.in_place import needs_replacement
from orchestrator.scheduler.metrics import with_exhausted_resources
from orchestrator.scheduler.placement import Candidates, Eligibility, Option, Selector
from orchestrator.scheduler.plan import Plan
from orchestrator.scheduler.reconcile import reconcile
from orchestrator.scheduler.situation import Change, Placement, Reconciliation, Situation
from orchestrator.state.schema import State

UPDATING_IN_PLACE = "alloc updating in-place"
BLOCKED = "created to place remaining allocations"


@dataclass
class Outcome:
    """What came of an evaluation: changes to apply, the evaluation as it ends, and evaluations to come."""

    plan: Plan
    evaluation: Evaluation
    created: list[Evaluation] = field(default_factory=list)


class GenericScheduler:
    """Processes one evaluation of a service or batch job; also stops jobs of any kind."""

    def __init__(self, state: State, evaluation: Evaluation, *, now: int, random_source: random.Random) -> None:
        self._state = state
        self._evaluation = evaluation
        self._now = now
        self._job = state.jobs.get(evaluation.namespace, evaluation.job_id)
        self._plan = Plan(evaluation, self._job)
        self._selector = Selector(state, self._plan, random_source=random_source)
        self._failed: dict[str, AllocationMetric] = {}
        self._queued: dict[str, int] = {}
        self._candidates: dict[str, Candidates] = {}

    def process(self) -> Outcome:
        """Decide what to do. Changes nothing."""
        evaluation, job = self._evaluation, self._job
        deployment = latest_deployment(self._state, evaluation) if evaluation.type != "batch" else None
        allocations = self._state.allocations.by("job", (evaluation.namespace, evaluation.job_id))
        result = reconcile(
            Situation(
                job=job,
                allocations=allocations,
                deployment=deployment,
                tainted=tainted_nodes(self._state, allocations),
                now=self._now,
                evaluation_id=evaluation.id,
                batch=evaluation.type == "batch",
                change=self._change,
                new_evaluation=self._followup,
                new_deployment=lambda states: new_deployment(job, evaluation.priority, states, self._now),
            )
        )
        self._plan.annotations = PlanAnnotations(desired_tg_updates=result.desired)
        self._plan.deployment = result.deployment
        self._plan.deployment_updates = result.deployment_updates
        current = result.deployment or deployment
        self._carry_over(result, current)
        if job and not self._places(result):
            self._queued = {group.name: 0 for group in job.task_groups or ()}
        elif job and not job.stop:
            self._place_all(job, result, current)
        return self._outcome(result, current)

    def _carry_over(self, result: Reconciliation, deployment: Deployment | None) -> None:
        """Put into the plan what needs no placement."""
        for stop in result.stop:
            self._plan.stop(stop.alloc, stop.description, client_status=stop.client_status)
        for alloc in result.in_place:
            if deployment and alloc.deployment_id != deployment.id:
                alloc = alloc.evolve(deployment_id=deployment.id, deployment_status=None)
            self._plan.put(alloc)
        for alloc in result.attributes:
            self._plan.put(alloc)

    @staticmethod
    def _places(result: Reconciliation) -> bool:
        return bool(result.place or result.destructive)

    def _place_all(self, job: Job, result: Reconciliation, deployment: Deployment | None) -> None:
        for placement in (*result.destructive, *result.place):
            self._queued[placement.group.name] = self._queued.get(placement.group.name, 0) + 1
        active = deployment.id if deployment and deployment.active else ""
        # Replacements first, as they free what their predecessors use.
        for placement in (*result.destructive, *result.place):
            self._place(job, placement, result, active)

    def _place(self, job: Job, placement: Placement, result: Reconciliation, deployment_id: str) -> None:
        group = placement.group
        if group.name in self._failed:
            metric = self._failed[group.name]
            metric = metric.evolve(coalesced_failures=metric.coalesced_failures + 1)
            self._failed[group.name] = with_exhausted_resources(metric, group)
            return
        if placement.old_version and (older := self._older_version(placement)):
            job, group, deployment_id = older
        previous = placement.previous
        if placement.stop_previous and previous:
            self._plan.stop(previous, placement.stop_previous)
        selection = self._selector.select(
            job,
            group,
            self._candidates_of(job),
            penalized=_penalized(previous),
            preferred=self._preferred(job, group, previous),
        )
        if selection.option:
            self._queued[placement.group.name] -= 1
            name = result.names[placement.group.name].without_duplicate(placement.name)
            alloc = self._allocation(job, group, name, selection.option, selection.metric, deployment_id)
            if placement.canary and deployment_id:
                alloc = alloc.evolve(deployment_status=AllocationDeploymentStatus(canary=True))
            if previous:
                alloc = self._succeed(alloc, previous, placement)
            self._plan.put(alloc)
            return
        self._failed[placement.group.name] = with_exhausted_resources(selection.metric, group)
        if placement.stop_previous and previous:
            self._plan.unstop(previous)
        if previous and placement.rescheduling:
            # Not stopped, so that the attempts so far are not forgotten when there is room again.
            self._plan.unstop(previous)
            self._plan.put(rescheduling.annotated(self._plan.puts.get(previous.id, previous), "no placement"))

    def _succeed(self, alloc: Allocation, previous: Allocation, placement: Placement) -> Allocation:
        """The new allocation as the successor of another."""
        alloc = alloc.evolve(previous_allocation=previous.id)
        if not placement.rescheduling:
            return alloc
        # As in Nomad, a stopped predecessor that has its successor tells no reason: its client status is the reason.
        self._plan.stops[previous.id] = previous.evolve(desired_status="stop", desired_description="")
        return rescheduling.tracked(alloc, previous, self._now)

    def _allocation(
        self, job: Job, group: TaskGroup, name: str, option: Option, metric: AllocationMetric, deployment_id: str
    ) -> Allocation:
        return new_allocation(self._state, self._evaluation, job, group, name, option, metric, deployment_id)

    def _candidates_of(self, job: Job) -> Candidates:
        key = repr((job.datacenters, job.node_pool))
        if key not in self._candidates:
            self._candidates[key] = Candidates.of(self._state, job)
        return self._candidates[key]

    def _preferred(self, job: Job, group: TaskGroup, previous: Allocation | None) -> Node | None:
        """The node of the predecessor, where the group's disk shall follow."""
        disk = group.ephemeral_disk
        if previous is None or previous.job is None or disk is None or not (disk.sticky or disk.migrate):
            return None
        if previous.job.node_pool != job.node_pool or previous.job.datacenters != job.datacenters:
            return None
        node = self._state.nodes.get(previous.node_id)
        return node if node in self._candidates_of(job).nodes else None

    def _older_version(self, placement: Placement) -> tuple[Job, TaskGroup, str] | None:
        """The newest version that was rolled out for all of the group, for what is placed while canaries are tried."""
        evaluation, name = self._evaluation, placement.group.name
        key = (evaluation.namespace, evaluation.job_id)
        deployments = sorted(self._state.deployments.by("job", key), key=lambda each: each.job_version, reverse=True)
        for deployment in deployments:
            state = (deployment.task_groups or {}).get(name)
            if state and (state.promoted or state.desired_canaries == 0):
                job = self._state.job_versions.get(*key, deployment.job_version)
                group = job.group(name) if job else None
                if job and group and (job.version or 0) >= placement.min_version:
                    return job, group, deployment.id
                return None
        job = self._state.job_versions.get(*key, placement.min_version)
        group = job.group(name) if job else None
        no_updates = job is not None and job.update is not None and not job.update.max_parallel
        return (job, group, "") if job and group and no_updates else None

    def _change(self, alloc: Allocation, group: TaskGroup) -> Change:
        """What becomes of an allocation of another version."""
        job = self._job
        if job is None or alloc.job is None or alloc.job.job_modify_index == job.job_modify_index:
            return "ignore"
        if needs_replacement(alloc.job, job, group.name):
            return "destructive"
        if alloc.terminal:
            return "ignore"
        node = self._state.nodes.get(alloc.node_id)
        if node is None or not in_datacenter(node, job.datacenters or ()) or not in_pool(node, job.node_pool):
            return "destructive"
        option = fits_in_place(self._selector, self._plan, job, group, alloc, node, self._candidates_of(job))
        if option is None:
            return "destructive"
        return updated_in_place(alloc, job, self._evaluation, option)

    def _followup(self, **fields: Any) -> Evaluation:
        job = self._job
        return Evaluation(
            id=str(uuid.uuid4()),
            namespace=self._evaluation.namespace,
            priority=self._evaluation.priority,
            type=job.type if job and job.type else "",
            job_id=self._evaluation.job_id,
            job_modify_index=(job.modify_index if job else 0) or 0,
            status="pending",
            previous_eval=self._evaluation.id,
            create_time=self._now,
            modify_time=self._now,
            **fields,
        )

    def _outcome(self, result: Reconciliation, deployment: Deployment | None) -> Outcome:
        evaluation = self._evaluation
        created: list[Evaluation] = []
        blocked = None
        delayed = evaluation.wait_until is not None
        if self._failed and evaluation.status != "blocked" and (not result.followups or delayed):
            blocked = blocked_evaluation(evaluation, self._failed, self._selector.eligibility, self._now)
            created.append(blocked)
        if result.followups and not delayed:
            created += result.followups
            evaluation = evaluation.evolve(next_eval=result.followups[-1].id)
        if evaluation.status == "blocked" and self._failed:
            # Still blocked, with what is known now.
            return Outcome(self._plan, evaluation, created)
        evaluation = evaluation.evolve(
            status="complete",
            status_description="",
            deployment_id=deployment.id if deployment else "",
            failed_tg_allocs=self._failed or None,
            blocked_eval=blocked.id if blocked else evaluation.blocked_eval,
            queued_allocations=self._queued or None,
            plan_annotations=self._plan.annotations,
            modify_time=self._now,
        )
        return Outcome(self._plan, evaluation, created)


def latest_deployment(state: State, evaluation: Evaluation) -> Deployment | None:
    """The newest deployment of the evaluation's job."""
    deployments = state.deployments.by("job", (evaluation.namespace, evaluation.job_id))
    return max(deployments, key=lambda deployment: deployment.create_index, default=None)


def tainted_nodes(state: State, allocations: list[Allocation]) -> dict[str, Node | None]:
    """The nodes of allocations that are down or draining; None where a node is gone."""
    tainted: dict[str, Node | None] = {}
    for node_id in {alloc.node_id for alloc in allocations}:
        node = state.nodes.get(node_id)
        if node is None or node.status == "down" or node.drain:
            tainted[node_id] = node
    return tainted


def new_deployment(job: Job | None, priority: int, states: dict[str, DeploymentState], now: int) -> Deployment:
    """A deployment that begins to roll out a version."""
    assert job is not None
    unpromoted = [state for state in states.values() if state.desired_canaries and not state.promoted]
    description = RUNNING
    if unpromoted:
        description = AUTO_PROMOTION if all(state.auto_promote for state in unpromoted) else NEEDS_PROMOTION
    return Deployment(
        id=str(uuid.uuid4()),
        namespace=job.namespace or "",
        job_id=job.id or "",
        job_version=job.version or 0,
        job_modify_index=job.modify_index or 0,
        job_spec_modify_index=job.job_modify_index or 0,
        job_create_index=job.create_index or 0,
        task_groups=states,
        status="running",
        status_description=description,
        eval_priority=priority,
        create_time=now,
    )


def new_allocation(
    state: State,
    evaluation: Evaluation,
    job: Job,
    group: TaskGroup,
    name: str,
    option: Option,
    metric: AllocationMetric,
    deployment_id: str,
) -> Allocation:
    """An allocation as the scheduler places it."""
    key = next((key.id for key in state.root_keys if key.state == "active"), "")
    return Allocation(
        id=str(uuid.uuid4()),
        namespace=evaluation.namespace,
        eval_id=evaluation.id,
        name=name,
        node_id=option.node.id,
        node_name=option.node.name,
        job_id=job.id or "",
        job=job,
        task_group=group.name,
        allocated_resources=option.resources,
        metrics=metric,
        desired_status="run",
        client_status="pending",
        deployment_id=deployment_id,
        signing_key_id=key,
    )


def fits_in_place(
    selector: Selector, plan: Plan, job: Job, group: TaskGroup, alloc: Allocation, node: Node, candidates: Candidates
) -> Option | None:
    """Whether the node can run the new version of one of its allocations in the old one's place."""
    plan.stop(alloc, UPDATING_IN_PLACE)
    try:
        return selector.select(job, group, candidates, nodes=[node]).option
    finally:
        plan.unstop(alloc)


def updated_in_place(alloc: Allocation, job: Job, evaluation: Evaluation, option: Option) -> Allocation:
    """The allocation with the new version of its job; its ports and networks stay."""
    resources = option.resources
    if alloc.allocated_resources:
        shared = alloc.allocated_resources.shared
        resources = resources.evolve(shared=resources.shared.evolve(networks=shared.networks, ports=shared.ports))
    return alloc.evolve(job=job, eval_id=evaluation.id, allocated_resources=resources)


def blocked_evaluation(
    evaluation: Evaluation, failed: dict[str, AllocationMetric], eligibility: Eligibility, now: int
) -> Evaluation:
    """An evaluation that waits for room for what could not be placed."""
    return Evaluation(
        id=str(uuid.uuid4()),
        namespace=evaluation.namespace,
        priority=evaluation.priority,
        type=evaluation.type,
        triggered_by="queued-allocs",
        job_id=evaluation.job_id,
        job_modify_index=evaluation.job_modify_index,
        status="blocked",
        status_description=BLOCKED,
        previous_eval=evaluation.id,
        class_eligibility=None if eligibility.escaped else eligibility.classes or None,
        escaped_computed_class=eligibility.escaped,
        failed_tg_allocs=failed,
        create_time=now,
        modify_time=now,
    )


def _penalized(previous: Allocation | None) -> set[str]:
    """Nodes where predecessors failed."""
    if previous is None:
        return set()
    events = (previous.reschedule_tracker.events if previous.reschedule_tracker else None) or ()
    nodes = {event.prev_node_id for event in events}
    return nodes | {previous.node_id} if previous.client_status == "failed" else nodes
