"""Finding a node for one allocation: every node that qualifies and has room is scored, the best one is taken."""

import random
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from nomad_api.models import Allocation, AllocationMetric, Job, Node
from nomad_api.models.allocation import AllocatedResources
from nomad_api.models.job import TaskGroup
from orchestrator.scheduler import rank
from orchestrator.scheduler.feasibility import crowded, escapes_class, in_datacenter, in_pool, ready, unavailable, unfit
from orchestrator.scheduler.metrics import Metrics
from orchestrator.scheduler.networks import PortIndex, PortsExhausted, network_of
from orchestrator.scheduler.plan import Plan
from orchestrator.scheduler.resources import allocated, capacity, needed_by
from orchestrator.state.schema import State


@dataclass(frozen=True)
class Candidates:
    """The nodes that a job may use: ready, in its datacenters and its pool."""

    nodes: tuple[Node, ...]
    by_datacenter: dict[str, int]

    @classmethod
    def of(cls, state: State, job: Job) -> "Candidates":
        nodes = tuple(
            node
            for node in state.nodes
            if ready(node) and in_datacenter(node, job.datacenters or ()) and in_pool(node, job.node_pool)
        )
        counts: dict[str, int] = {}
        for node in nodes:
            counts[node.datacenter] = counts.get(node.datacenter, 0) + 1
        return cls(nodes, counts)


@dataclass
class Eligibility:
    """Which classes of nodes a job fits on: whether a blocked evaluation should be tried when a node of a class changes."""

    classes: dict[str, bool] = field(default_factory=dict)
    escaped: bool = False
    """Classes do not tell: constraints are about single nodes."""

    def note(self, node: Node, *, fits: bool) -> None:
        """A node was looked at. A class fits if any group fits on it."""
        if node.computed_class:
            self.classes[node.computed_class] = fits or self.classes.get(node.computed_class, False)


@dataclass(frozen=True)
class Option:
    """A node and what the allocation gets of it."""

    node: Node
    resources: AllocatedResources


@dataclass(frozen=True)
class Selection:
    """The outcome: no option where no node qualified. The metric tells why in both cases."""

    option: Option | None
    metric: AllocationMetric
    filtered: bool
    """Whether a node did not qualify at all, as opposed to having no room."""


class Selector:
    """Selects nodes for the allocations of one plan."""

    def __init__(self, state: State, plan: Plan, *, random_source: random.Random) -> None:
        self._state = state
        self._plan = plan
        self._random = random_source
        self.eligibility = Eligibility()

    def select(
        self,
        job: Job,
        group: TaskGroup,
        candidates: Candidates,
        *,
        nodes: Collection[Node] | None = None,
        penalized: Collection[str] = (),
        preferred: Node | None = None,
        scored: bool = True,
    ) -> Selection:
        """The best node for another allocation of the group, as things stand with the plan so far.

        Args:
            nodes: where to look; by default all candidates.
            penalized: nodes (by identifier) that shall be avoided.
            preferred: a node that is taken if it qualifies, whatever its score.
            scored: False gives only the score for packing: for a system job there is nothing to choose.
        """
        started = time.perf_counter_ns()
        self.eligibility.escaped = self.eligibility.escaped or escapes_class(job, group)
        metrics = Metrics()
        best: tuple[float, Option] | None = None
        for pool in ([preferred], candidates.nodes if nodes is None else nodes) if preferred else (nodes or candidates.nodes,):
            for node in pool:
                found = self._try(job, group, node, metrics, penalized, scored)
                if found and (best is None or found[0] > best[0]):
                    best = found
            if best:
                break
        metric = metrics.result(
            pool=job.node_pool or "",
            in_pool=len(candidates.nodes),
            available=candidates.by_datacenter,
            duration=time.perf_counter_ns() - started,
        )
        return Selection(best[1] if best else None, metric, metrics.filtered)

    def _try(
        self, job: Job, group: TaskGroup, node: Node, metrics: Metrics, penalized: Collection[str], scored: bool
    ) -> tuple[float, Option] | None:
        metrics.evaluate()
        view = self._plan.node(self._state, node.id)
        reason = unfit(job, group, node)
        self.eligibility.note(node, fits=reason is None)
        reason = reason or unavailable(job, group, node, view.allocations) or crowded(job, group, node, self._elsewhere(job))
        if reason:
            metrics.filter(node, reason)
            return None
        networks = ports = None
        if group.networks:
            network = group.networks[0]
            try:
                ports = PortIndex(node, view.allocations, random_source=self._random).assign(network) or None
            except PortsExhausted as error:
                metrics.exhaust(node, f"network: {error}")
                return None
            networks = [network_of(network, ports or [], node)]
        resources = allocated(group, networks, ports)
        room, used = capacity(node), view.used + needed_by(resources)
        exceeded = room.exceeded_by(used)
        if exceeded:
            metrics.exhaust(node, exceeded)
            return None
        if scored:
            scores, total = rank.score(
                job,
                group,
                node,
                capacity=room,
                used=used,
                same_group=view.of_group(job.id or "", group.name),
                penalized=penalized,
            )
        else:
            total = rank.binpack(room, used)
            scores = {"binpack": total}
        metrics.score(node, scores, total)
        return total, Option(node, resources)

    def _elsewhere(self, job: Job) -> Iterator[tuple[Allocation, Node]]:
        """The job's allocations on all nodes, as they will be, each with its node."""
        for node in self._state.nodes:
            for alloc in self._plan.node(self._state, node.id).allocations:
                if alloc.namespace == job.namespace and alloc.job_id == job.id:
                    yield alloc, node
