"""Why nodes were taken or passed over: collected while one allocation is placed, kept with it."""

from nomad_api.models import AllocationMetric, Node, Resources
from nomad_api.models.allocation import NodeScore
from nomad_api.models.job import TaskGroup

NO_RESOURCES = Resources(cpu=0, cores=0, memory_mb=0, memory_max_mb=0, disk_mb=0, iops=0, secrets_mb=0)
KEPT_SCORES = 5


class Metrics:
    """Counts what happens to each node during one selection."""

    def __init__(self) -> None:
        self._evaluated = 0
        self._filtered: dict[str, int] = {}
        self._filtered_nodes = 0
        self._filtered_classes: dict[str, int] = {}
        self._exhausted: dict[str, int] = {}
        self._exhausted_nodes = 0
        self._exhausted_classes: dict[str, int] = {}
        self._scores: list[NodeScore] = []

    @property
    def filtered(self) -> bool:
        """Whether any node did not qualify at all."""
        return self._filtered_nodes > 0

    def evaluate(self) -> None:
        """A node is looked at."""
        self._evaluated += 1

    def filter(self, node: Node, reason: str) -> None:
        """A node does not qualify."""
        self._filtered_nodes += 1
        _count(self._filtered, reason)
        if node.node_class:
            _count(self._filtered_classes, node.node_class)

    def exhaust(self, node: Node, dimension: str) -> None:
        """A node qualifies but has not enough left of something."""
        self._exhausted_nodes += 1
        _count(self._exhausted, dimension)
        if node.node_class:
            _count(self._exhausted_classes, node.node_class)

    def score(self, node: Node, scores: dict[str, float], total: float) -> None:
        """A node qualifies, this well."""
        self._scores.append(NodeScore(node_id=node.id, scores=scores, norm_score=total))

    def result(self, *, pool: str, in_pool: int, available: dict[str, int], duration: int) -> AllocationMetric:
        """What was counted, for the record."""
        best = sorted(self._scores, key=lambda score: score.norm_score, reverse=True)[:KEPT_SCORES]
        return AllocationMetric(
            nodes_evaluated=self._evaluated,
            nodes_filtered=self._filtered_nodes,
            nodes_in_pool=in_pool,
            node_pool=pool,
            nodes_available=available,
            class_filtered=self._filtered_classes or None,
            constraint_filtered=self._filtered or None,
            nodes_exhausted=self._exhausted_nodes,
            class_exhausted=self._exhausted_classes or None,
            dimension_exhausted=self._exhausted or None,
            score_meta_data=best or None,
            allocation_time=duration,
        )


def with_exhausted_resources(metric: AllocationMetric, group: TaskGroup) -> AllocationMetric:
    """The metric with what the group's tasks asked for of that which ran out, added to what was asked for before."""
    dimensions = metric.dimension_exhausted
    if not dimensions:
        return metric
    missing = dict(metric.resources_exhausted or {})
    for task in group.tasks or ():
        if task.resources is None:
            continue
        known = missing.get(task.name, NO_RESOURCES)
        if "memory" in dimensions:
            known = known.evolve(memory_mb=(known.memory_mb or 0) + (task.resources.memory_mb or 0))
        if "cpu" in dimensions:
            known = known.evolve(cpu=(known.cpu or 0) + (task.resources.cpu or 0))
        missing[task.name] = known
    return metric.evolve(resources_exhausted=missing)


def _count(counter: dict[str, int], key: str) -> None:
    counter[key] = counter.get(key, 0) + 1
