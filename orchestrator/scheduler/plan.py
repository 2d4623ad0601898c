"""A plan: what the scheduler wants changed for one evaluation, and how that becomes the state.

A plan is made against the state and applied to it in the same turn of the event loop, so unlike in a cluster of schedulers it
cannot be outdated.
"""

from dataclasses import dataclass, field
from typing import Any

from nomad_api.models import Allocation, Deployment, Evaluation, Job
from nomad_api.models.evaluation import PlanAnnotations
from orchestrator.jobs.allocations import put_planned
from orchestrator.jobs.register import set_stable
from orchestrator.jobs.status import update_status
from orchestrator.scheduler.node_view import NodeView
from orchestrator.scheduler.resources import flattened
from orchestrator.state.schema import State
from orchestrator.state.store import Transaction
from orchestrator.timestamps import format_time


@dataclass(frozen=True)
class DeploymentUpdate:
    """A change of a deployment's status."""

    id: str
    status: str
    description: str


@dataclass
class Plan:
    """What shall be changed. Allocations by identifier, in the order they were added."""

    evaluation: Evaluation
    job: Job | None
    stops: dict[str, Allocation] = field(default_factory=dict)
    puts: dict[str, Allocation] = field(default_factory=dict)
    deployment: Deployment | None = None
    deployment_updates: list[DeploymentUpdate] = field(default_factory=list)
    annotations: PlanAnnotations = field(default_factory=PlanAnnotations)
    _views: dict[str, NodeView] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether applying it would change nothing."""
        return not (self.stops or self.puts or self.deployment or self.deployment_updates)

    def stop(self, alloc: Allocation, description: str, *, client_status: str = "", followup_eval_id: str = "") -> None:
        """Stop an allocation; `client_status` is given for one whose node cannot report any more."""
        changes: dict[str, Any] = {"desired_status": "stop", "desired_description": description}
        if client_status:
            changes["client_status"] = client_status
        if followup_eval_id:
            changes["followup_eval_id"] = followup_eval_id
        self.stops[alloc.id] = alloc.evolve(**changes)
        if alloc.node_id in self._views:
            self._views[alloc.node_id].remove(alloc.id)

    def unstop(self, alloc: Allocation) -> None:
        """Take back a stop."""
        if self.stops.pop(alloc.id, None) and alloc.node_id in self._views:
            self._views[alloc.node_id].add(self.puts.get(alloc.id, alloc))

    def put(self, alloc: Allocation) -> None:
        """Place an allocation, or update a known one in place."""
        self.puts[alloc.id] = alloc
        if alloc.node_id in self._views and alloc.id not in self.stops:
            self._views[alloc.node_id].add(alloc)

    def node(self, state: State, node_id: str) -> NodeView:
        """The node as it will be once the plan is applied to the state."""
        view = self._views.get(node_id)
        if view is None:
            view = self._views[node_id] = NodeView(
                self.puts.get(alloc.id, alloc) for alloc in state.allocations.by("node", node_id) if alloc.id not in self.stops
            )
            for alloc in self.puts.values():
                if alloc.node_id == node_id and alloc.id not in self.stops:
                    view.add(alloc)
        return view


def apply(tx: Transaction, plan: Plan) -> None:
    """Make the plan the state: deployment, allocations, and what follows from them."""
    if plan.deployment:
        tx.put(_with_counts_kept(tx, plan.deployment))
    for update in plan.deployment_updates:
        set_deployment_status(tx, update)
    evaluation = tx.state.evaluations.get(plan.evaluation.id)
    if evaluation:
        tx.put(evaluation)
    for alloc in plan.puts.values():
        if alloc.allocated_resources:
            alloc = alloc.evolve(**flattened(alloc.allocated_resources))
        put_planned(tx, alloc if alloc.create_time else alloc.evolve(create_time=tx.now))
    for alloc in plan.stops.values():
        put_planned(tx, alloc)
    update_status(tx, plan.evaluation.namespace, plan.evaluation.job_id)


def set_deployment_status(tx: Transaction, update: DeploymentUpdate) -> Deployment | None:
    """Set a deployment's status; a successful one makes its version of the job stable."""
    deployment = tx.state.deployments.get(update.id)
    if deployment is None:
        return None
    groups = deployment.task_groups
    if update.status in ("running", "paused"):
        # Time that passed while it was paused does not count.
        groups = {
            name: state.evolve(require_progress_by=format_time(tx.now + state.progress_deadline))
            if state.progress_deadline
            else state
            for name, state in (groups or {}).items()
        }
    deployment = tx.put(
        deployment.evolve(status=update.status, status_description=update.description, task_groups=groups, modify_time=tx.now)
    )
    version = (deployment.namespace, deployment.job_id, deployment.job_version)
    if update.status == "successful" and tx.state.job_versions.get(*version):
        set_stable(tx, *version, True)
    return deployment


def _with_counts_kept(tx: Transaction, deployment: Deployment) -> Deployment:
    """The counts of placed and healthy allocations belong to the stored deployment, not to the plan."""
    known = tx.state.deployments.get(deployment.id)
    if known is None:
        return deployment
    groups = dict(deployment.task_groups or {})
    for name, state in (known.task_groups or {}).items():
        if name in groups:
            groups[name] = groups[name].evolve(
                placed_allocs=state.placed_allocs,
                healthy_allocs=state.healthy_allocs,
                unhealthy_allocs=state.unhealthy_allocs,
                placed_canaries=state.placed_canaries,
                require_progress_by=state.require_progress_by,
            )
        else:
            groups[name] = state
    return deployment.evolve(task_groups=groups)
