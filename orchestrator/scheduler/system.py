"""Scheduling of system and sysbatch jobs: one allocation of each group on every node that qualifies.

There is no choice of node and no moving elsewhere, so the difference is taken node by node. A system job rolls out by
deployments like a service; its number of allocations is that of the nodes it fits on.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from nomad_api.models import Allocation, AllocationMetric, Deployment, DeploymentState, Evaluation, Node
from nomad_api.models.evaluation import DesiredUpdates, PlanAnnotations
from nomad_api.models.job import TaskGroup
from orchestrator.scheduler.descriptions import LOST, NEWER_JOB, NOT_NEEDED, RUNNING, SUCCESSFUL, UPDATING
from orchestrator.scheduler.generic import (
    Outcome,
    blocked_evaluation,
    fits_in_place,
    latest_deployment,
    new_allocation,
    new_deployment,
    tainted_nodes,
    updated_in_place,
)
from orchestrator.scheduler.in_place import needs_replacement
from orchestrator.scheduler.metrics import with_exhausted_resources
from orchestrator.scheduler.names import allocation_name
from orchestrator.scheduler.placement import Candidates, Selector
from orchestrator.scheduler.plan import DeploymentUpdate, Plan
from orchestrator.scheduler.reconcile_group import rolls_out
from orchestrator.state.schema import State

NODE_TAINTED = "alloc not needed as node is tainted"


@dataclass(frozen=True)
class _Place:
    """A group to be placed on a node, perhaps as the successor of an allocation there."""

    group: TaskGroup
    name: str
    node: Node
    previous: Allocation | None = None


class SystemScheduler:
    """Processes one evaluation of a system or sysbatch job that is not stopped."""

    def __init__(self, state: State, evaluation: Evaluation, *, now: int, random_source: random.Random) -> None:
        job = state.jobs.get(evaluation.namespace, evaluation.job_id)
        assert job is not None
        self._state = state
        self._evaluation = evaluation
        self._now = now
        self._job = job
        self._plan = Plan(evaluation, job)
        self._selector = Selector(state, self._plan, random_source=random_source)
        self._candidates = Candidates.of(state, job)
        self._ready = {node.id: node for node in self._candidates.nodes}
        self._counts = {group.name: dict.fromkeys(DesiredUpdates.model_fields, 0) for group in job.task_groups or ()}
        self._fitting = dict.fromkeys(self._counts, 0)
        self._queued = dict.fromkeys(self._counts, 0)
        self._present: set[str] = set()
        self._failed: dict[str, AllocationMetric] = {}
        self._updates: list[_Place] = []
        self._same_version: set[str] = set()
        self._created: list[Evaluation] = []

    def process(self) -> Outcome:
        """Decide what to do. Changes nothing."""
        evaluation, job = self._evaluation, self._job
        allocations = self._state.allocations.by("job", (evaluation.namespace, evaluation.job_id))
        live = [alloc for alloc in allocations if not alloc.terminal]
        ended = {(alloc.node_id, alloc.name): alloc for alloc in allocations if alloc.terminal}
        missing = self._missing(live, ended)
        self._current = self._current_deployment()
        self._reconcile(live, tainted_nodes(self._state, live))
        replaced = self._replacements(live)
        states = self._new_states([*ended.values(), *live])
        for place in (*missing, *replaced):
            self._queued[place.group.name] += 1
        if states and self._current is None:
            self._current = new_deployment(job, job.priority or 0, states, self._now)
        for place in (*missing, *replaced):
            self._place(place)
        if self._job.type == "system":
            for name, counts in self._counts.items():
                counts["place"] = self._fitting[name]
        self._roll_out(states)
        desired = {name: DesiredUpdates(**counts) for name, counts in self._counts.items()}
        self._plan.annotations = PlanAnnotations(desired_tg_updates=desired)
        latest = self._current or latest_deployment(self._state, evaluation)
        return Outcome(
            self._plan,
            evaluation.evolve(
                status="complete",
                status_description="",
                deployment_id=latest.id if latest else "",
                failed_tg_allocs=self._failed or None,
                queued_allocations=self._queued or None,
                plan_annotations=self._plan.annotations,
                modify_time=self._now,
            ),
            self._created,
        )

    def _required(self) -> Iterable[tuple[str, TaskGroup]]:
        """Every allocation that a node should have: name and group."""
        for group in self._job.task_groups or ():
            for index in range(group.count or 0):
                yield allocation_name(self._job.name or "", group.name, index), group

    def _missing(self, live: list[Allocation], ended: dict[tuple[str, str], Allocation]) -> list[_Place]:
        """What nodes lack. An allocation of a sysbatch job that has ended on a node is not run there again."""
        have = {(alloc.node_id, alloc.name) for alloc in live}
        missing = []
        for node in self._candidates.nodes:
            for name, group in self._required():
                if (node.id, name) in have:
                    continue
                previous = ended.get((node.id, name))
                if previous and self._job.type == "sysbatch":
                    if previous.job and previous.job.job_modify_index == self._job.job_modify_index:
                        self._ignore(group)
                    else:
                        self._updates.append(_Place(group, name, node, previous))
                    continue
                self._counts[group.name]["place"] += 1
                self._fitting[group.name] += 1
                missing.append(_Place(group, name, node, previous))
        return missing

    def _reconcile(self, live: list[Allocation], tainted: dict[str, Node | None]) -> None:
        """Decide about the allocations that there are."""
        required = dict(self._required())
        for alloc in sorted(live, key=lambda alloc: (alloc.node_id, alloc.name)):
            group = required.get(alloc.name)
            if group is None:
                self._stop(alloc, NOT_NEEDED)
                continue
            node = self._state.nodes.get(alloc.node_id)
            changed = alloc.job is None or alloc.job.job_modify_index != self._job.job_modify_index
            if alloc.desired_transition.migrate:
                self._counts[group.name]["migrate"] += 1
                self._plan.stop(alloc, NODE_TAINTED)
            elif alloc.node_id in tainted and (node is None or node.status == "down"):
                self._counts[group.name]["stop"] += 1
                self._plan.stop(alloc, LOST, client_status="lost")
            elif alloc.node_id in tainted or (node and alloc.node_id not in self._ready and not changed):
                self._ignore(group)
            elif node is None or alloc.node_id not in self._ready:
                self._stop(alloc, NOT_NEEDED)
            elif changed:
                self._update(alloc, group, node)
            else:
                self._ignore(group)

    def _ignore(self, group: TaskGroup) -> None:
        self._counts[group.name]["ignore"] += 1
        self._fitting[group.name] += 1
        self._present.add(group.name)

    def _stop(self, alloc: Allocation, description: str) -> None:
        self._plan.stop(alloc, description)
        self._counts.setdefault(alloc.task_group, dict.fromkeys(DesiredUpdates.model_fields, 0))["stop"] += 1
        self._fitting.setdefault(alloc.task_group, 0)

    def _update(self, alloc: Allocation, group: TaskGroup, node: Node) -> None:
        """Take in the new version in place if that can be done, else replace."""
        self._fitting[group.name] += 1
        if alloc.job and not needs_replacement(alloc.job, self._job, group.name):
            option = fits_in_place(self._selector, self._plan, self._job, group, alloc, node, self._candidates)
            if option:
                updated = updated_in_place(alloc, self._job, self._evaluation, option)
                deployment = self._current.id if self._current else ""
                self._plan.put(updated.evolve(deployment_id=deployment, deployment_status=None))
                self._counts[group.name]["in_place_update"] += 1
                self._present.add(group.name)
                return
        self._counts[group.name]["destructive_update"] += 1
        self._updates.append(_Place(group, alloc.name, node, alloc))

    def _replacements(self, live: list[Allocation]) -> list[_Place]:
        """Stop as many outdated allocations as may be replaced at a time."""
        room: dict[str, int] = {}
        for group in self._job.task_groups or ():
            parallel = (group.update.max_parallel if group.update else 0) or 0
            room[group.name] = parallel or len(self._updates)
        if self._current:
            for alloc in live:
                if alloc.deployment_id == self._current.id and alloc.healthy is None and alloc.task_group in room:
                    room[alloc.task_group] -= 1
            if self._current.status in ("paused", "failed"):
                room = dict.fromkeys(room, 0)
        chosen = []
        for place in self._updates:
            if room[place.group.name] > 0:
                room[place.group.name] -= 1
                if place.previous and not place.previous.terminal:
                    self._plan.stop(place.previous, UPDATING)
                chosen.append(place)
        return chosen

    def _current_deployment(self) -> Deployment | None:
        deployment = latest_deployment(self._state, self._evaluation)
        if deployment is None or deployment.status == "successful":
            return None
        if deployment.job_create_index != self._job.create_index or deployment.job_version != self._job.version:
            if deployment.active:
                self._plan.deployment_updates.append(DeploymentUpdate(deployment.id, "cancelled", NEWER_JOB))
            return None
        return deployment

    def _new_states(self, allocations: list[Allocation]) -> dict[str, DeploymentState]:
        """The groups that begin to roll out."""
        if self._current:
            return {}
        updating = bool(self._updates) or any(counts["in_place_update"] for counts in self._counts.values())
        known = latest_deployment(self._state, self._evaluation)
        if known and known.job_version == self._job.version and known.job_create_index == self._job.create_index:
            return {}
        had = any(
            alloc.job and alloc.job.version == self._job.version and alloc.job.create_index == self._job.create_index
            for alloc in allocations
        )
        if (had and not updating) or not self._ready:
            return {}
        states = {}
        for group in self._job.task_groups or ():
            update = group.update
            if update and rolls_out(update):
                states[group.name] = DeploymentState(
                    auto_revert=bool(update.auto_revert),
                    auto_promote=bool(update.auto_promote),
                    progress_deadline=update.progress_deadline or 0,
                )
        return states

    def _place(self, place: _Place) -> None:
        name = place.group.name
        selection = self._selector.select(self._job, place.group, self._candidates, nodes=[place.node], scored=False)
        if selection.option:
            self._queued[name] -= 1
            deployment = self._current.id if self._current and self._current.active else ""
            alloc = new_allocation(
                self._state,
                self._evaluation,
                self._job,
                place.group,
                place.name,
                selection.option,
                selection.metric.evolve(node_pool=""),
                deployment,
            )
            self._plan.put(alloc.evolve(previous_allocation=place.previous.id if place.previous else ""))
            return
        self._fitting[name] -= 1
        metric = selection.metric
        if selection.filtered:
            # A node that does not qualify is no failure, unless the group then runs nowhere at all.
            self._queued[name] -= 1
            if self._queued[name] <= 0 and name not in self._present:
                self._failed[name] = metric.evolve(nodes_available=None, nodes_in_pool=0, node_pool="")
        elif name in self._failed:
            known = self._failed[name]
            known = known.evolve(coalesced_failures=known.coalesced_failures + 1)
            self._failed[name] = with_exhausted_resources(known, place.group)
        else:
            self._failed[name] = with_exhausted_resources(metric, place.group)
            blocked = blocked_evaluation(self._evaluation, self._failed, self._selector.eligibility, self._now)
            self._created.append(blocked.evolve(node_id=place.node.id))

    def _roll_out(self, states: dict[str, DeploymentState]) -> None:
        """Bring the deployment up to date with what fits; tell whether it is complete."""
        if self._current is None:
            return
        groups = dict(self._current.task_groups or {})
        complete = True
        for name, state in groups.items():
            total = self._fitting.get(name, 0)
            if total:
                groups[name] = state.evolve(desired_total=total)
                complete = complete and state.healthy_allocs >= total
        deployment = self._current.evolve(task_groups=groups)
        if states:
            self._plan.deployment_updates.append(DeploymentUpdate(deployment.id, "running", RUNNING))
        if states or groups != self._current.task_groups:
            self._plan.deployment = deployment
        self._current = deployment
        if complete:
            self._plan.deployment_updates.append(DeploymentUpdate(deployment.id, "successful", SUCCESSFUL))
