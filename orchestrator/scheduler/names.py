"""Names of allocations: `job.group[index]`. Indexes are reused, so that a group of three always has the indexes 0, 1 and 2."""

from collections import Counter
from collections.abc import Iterable

from nomad_api.models import Allocation


def allocation_name(job_id: str, group: str, index: int) -> str:
    return f"{job_id}.{group}[{index}]"


def index_of(name: str) -> int:
    """The index in an allocation's name; 0 if there is none."""
    text = name.rpartition("[")[2].removesuffix("]")
    return int(text) if text.isdigit() else 0


class NameIndex:
    """Which indexes of a group are in use."""

    def __init__(self, job_id: str, group: str, count: int, allocations: Iterable[Allocation]) -> None:
        self._job_id = job_id
        self._group = group
        self._count = count
        self._used = Counter(index_of(alloc.name) for alloc in allocations)

    def free(self, name: str) -> None:
        """A name is given up by one allocation."""
        index = index_of(name)
        self._used[index] -= 1
        if self._used[index] <= 0:
            del self._used[index]

    def highest(self, number: int) -> set[str]:
        """So many names from the top; they are free then."""
        found = sorted(self._used, reverse=True)[:number]
        for index in found:
            del self._used[index]
        return {self._name(index) for index in found}

    def next(self, number: int) -> list[str]:
        """So many free names, lowest first. Where all are in use they begin at 0 again."""
        found = [index for index in range(self._count) if index not in self._used][:number]
        found += range(number - len(found))
        self._used.update(found)
        return [self._name(index) for index in found]

    def next_canaries(self, number: int, canaries: Iterable[Allocation], replaced: Iterable[Allocation]) -> list[str]:
        """So many names for canaries: first those of allocations that they will replace, then free ones, then new ones."""
        taken = {alloc.name for alloc in canaries}
        old = sorted({index for alloc in replaced if (index := index_of(alloc.name)) < self._count})
        free = [index for index in range(self._count) if index not in self._used]
        found = [index for index in (*old, *free) if self._name(index) not in taken][:number]
        self._used.update(index for index in found if index not in self._used)
        found += range(self._count, self._count + number - len(found))
        return [self._name(index) for index in found]

    def without_duplicate(self, name: str) -> str:
        """The name itself, or the next free one if more than one allocation has it."""
        if self._used[index_of(name)] <= 1:
            return name
        self.free(name)
        return self.next(1)[0]

    def _name(self, index: int) -> str:
        return allocation_name(self._job_id, self._group, index)
