"""A node as it will be once a plan is applied: its allocations, what they use, and how many of each group there are.

Kept up to date while the plan grows, so that placing many allocations on one node does not count them all again and again.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from nomad_api.models import Allocation
from orchestrator.scheduler.resources import Amount, needed_by


class NodeView:
    """The allocations of one node that are not terminal."""

    def __init__(self, allocations: Iterable[Allocation]) -> None:
        self._allocations: dict[str, Allocation] = {}
        self._groups: Counter[tuple[str, str]] = Counter()
        self.used = Amount()
        """What the allocations use together."""
        for alloc in allocations:
            self.add(alloc)

    @property
    def allocations(self) -> Collection[Allocation]:
        return self._allocations.values()

    def of_group(self, job_id: str, group: str) -> int:
        """How many allocations of the group there are."""
        return self._groups[job_id, group]

    def add(self, alloc: Allocation) -> None:
        """Add an allocation, or replace it. One that is terminal is taken away."""
        self.remove(alloc.id)
        if alloc.terminal:
            return
        self._allocations[alloc.id] = alloc
        self._groups[alloc.job_id, alloc.task_group] += 1
        self.used += _need(alloc)

    def remove(self, allocation_id: str) -> None:
        """Take an allocation away, if it is there."""
        alloc = self._allocations.pop(allocation_id, None)
        if alloc:
            self._groups[alloc.job_id, alloc.task_group] -= 1
            self.used -= _need(alloc)


def _need(alloc: Allocation) -> Amount:
    return needed_by(alloc.allocated_resources) if alloc.allocated_resources else Amount()
