"""One table of the state: objects by key, secondary indexes, keys in order.

Objects are immutable, so a reader may keep what it got. Keys are kept sorted because Nomad's lists are in key order and prefix
scans must not look at every row.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from nomad_api.models.base import Wire

T = TypeVar("T", bound=Wire)
Key = tuple[Any, ...]


@dataclass(frozen=True)
class TableSpec(Generic[T]):
    """The declaration of a table: the model of its objects, their key, and what they are also found by."""

    name: str
    model: type[T]
    key: Callable[[T], Key]
    indexes: Mapping[str, Callable[[T], Hashable]] = field(default_factory=dict)


class Table(Generic[T]):
    """The objects of one kind. `index` is that of the last change to any of them, deletions included."""

    def __init__(self, spec: TableSpec[T]) -> None:
        self.spec = spec
        self.index = 0
        self._rows: dict[Key, T] = {}
        self._keys: list[Key] = []
        self._by: dict[str, dict[Hashable, dict[Key, None]]] = {name: {} for name in spec.indexes}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: Key) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[T]:
        """All objects, in the order of their keys."""
        return (self._rows[key] for key in self._keys)

    def get(self, *key: Any) -> T | None:
        """The object with that key, or None."""
        return self._rows.get(key)

    def by(self, index: str, value: Hashable) -> list[T]:
        """The objects that a secondary index holds for a value, in the order they came to it."""
        return [self._rows[key] for key in self._by[index].get(value, ())]

    def prefixed(self, *prefix: Any) -> Iterator[T]:
        """The objects whose key begins so: all parts but the last are equal, the last is a prefix of a text."""
        start = bisect_left(self._keys, prefix)
        head, last = prefix[:-1], prefix[-1]
        size = len(head)
        for position in range(start, len(self._keys)):
            key = self._keys[position]
            if key[:size] != head or not key[size].startswith(last):
                return
            yield self._rows[key]

    def _set(self, key: Key, row: T | None) -> T | None:
        """Put or remove (None) a row; returns what was there. Only the store calls this."""
        old = self._rows.get(key)
        if old is not None:
            self._unlink(key, old)
        if row is None:
            if old is not None:
                del self._rows[key]
                del self._keys[bisect_left(self._keys, key)]
        else:
            if old is None:
                insort(self._keys, key)
            self._rows[key] = row
            for name, value_of in self.spec.indexes.items():
                self._by[name].setdefault(value_of(row), {})[key] = None
        return old

    def _unlink(self, key: Key, row: T) -> None:
        for name, value_of in self.spec.indexes.items():
            value = value_of(row)
            holders = self._by[name][value]
            del holders[key]
            if not holders:
                del self._by[name][value]
