"""The order of lists: the newest object first, as people look for it."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Created(Protocol):
    """What knows when it was created."""

    @property
    def create_index(self) -> int: ...


Thing = TypeVar("Thing", bound=Created)


def newest_first(things: Iterable[Thing]) -> list[Thing]:
    """By the index of their creation, from the latest on."""
    return sorted(things, key=lambda thing: thing.create_index, reverse=True)
