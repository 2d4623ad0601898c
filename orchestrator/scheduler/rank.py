"""How well a node suits an allocation: Nomad's scores, averaged.

`binpack` fills nodes one by one; `job-anti-affinity` keeps allocations of a group apart; `node-reschedule-penalty` keeps a
replacement off the node where its predecessor failed; `node-affinity` is what the job asks for. A score of 0 by the last three
says nothing and does not count in the average.
"""

from collections.abc import Collection

from nomad_api.models import Job, Node
from nomad_api.models.job import Affinity, TaskGroup
from orchestrator.scheduler.constraints import satisfies
from orchestrator.scheduler.resources import Amount

_MAX_FIT = 18.0


def score(
    job: Job,
    group: TaskGroup,
    node: Node,
    *,
    capacity: Amount,
    used: Amount,
    same_group: int,
    penalized: Collection[str],
) -> tuple[dict[str, float], float]:
    """The single scores and their average.

    `used` includes the allocation to be placed; `same_group`, the number of the group's allocations on the node, does not.
    """
    scores = {
        "binpack": binpack(capacity, used),
        "job-anti-affinity": -(same_group + 1) / (group.count or 1) if same_group else 0.0,
        "node-reschedule-penalty": -1.0 if node.id in penalized else 0.0,
        "node-affinity": 0.0,
    }
    affinities = affinities_of(job, group)
    counted = [value for name, value in scores.items() if name == "binpack" or value]
    if affinities:
        scores["node-affinity"] = affinity = _affinity(affinities, node)
        counted.append(affinity)
    return scores, sum(counted) / len(counted)


def binpack(capacity: Amount, used: Amount) -> float:
    """From 0 for an idle node to 1 for a full one (BestFit v3 of Google's paper on work packing)."""
    if not capacity.cpu or not capacity.memory:
        return 0.0
    free_cpu = 1 - used.cpu / capacity.cpu
    free_memory = 1 - used.memory / capacity.memory
    return min(max(20.0 - (10**free_cpu + 10**free_memory), 0.0), _MAX_FIT) / _MAX_FIT


def affinities_of(job: Job, group: TaskGroup) -> list[Affinity]:
    """The affinities of the job, the group and its tasks."""
    found = [*(job.affinities or ()), *(group.affinities or ())]
    for task in group.tasks or ():
        found += task.affinities or ()
    return found


def _affinity(affinities: list[Affinity], node: Node) -> float:
    total = sum(abs(each.weight or 0) for each in affinities)
    return sum((each.weight or 0) for each in affinities if satisfies(each, node)) / total if total else 0.0
