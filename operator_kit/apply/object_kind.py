"""What applying needs to know of a kind of object: `ObjectKind`.

Applying always goes the same way: read the object, plan (what would it be, and which fields of it differ), write only where
something does. A kind says how each step is done; `operator_kit.apply.kinds` is the table of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nomad_api.client import Nomad
from operator_kit.ownership import Owner

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Live(Generic[T]):
    """An object as it is on the server: its index, and the owner that it bears the marks of."""

    object: T
    index: int
    owner: Owner | None


@dataclass(frozen=True, slots=True)
class Plan(Generic[T]):
    """What applying would do.

    Attributes:
        wanted: the whole object as it is to be written, with the marks and with what others own.
        live: what it would replace; whatever is written is written only in its place, as far as Nomad can check that.
        changes: paths of the fields that differ; empty where there is nothing to write.
        fields: paths of the fields that are the applier's own.
        conflicts: of these, the ones that have another value by somebody else's will.
    """

    wanted: T
    live: Live[T] | None
    changes: Sequence[str]
    fields: Sequence[str] = ()
    conflicts: Sequence[str] = ()


class ObjectKind(ABC, Generic[T]):
    """A kind of objects.

    Attributes:
        name: as it stands in a status: `Job`, `Variable`, `resources/<group>/<kind>` …
        noun: as people say it.
        namespaced: whether its objects live in a namespace.
        shareable: whether several resources can each own some fields of one object.
        mark_fields: paths of the marks; empty for objects that cannot bear any: of those only the status tells whose they are.
    """

    name: str
    noun: str
    namespaced: bool = True
    shareable: bool = True
    mark_fields: frozenset[str]

    @property
    def word(self) -> str:
        """The kind as a part of an event's reason, `VariableCreated`."""
        return "Resource" if "/" in self.name else self.name

    @abstractmethod
    def id_of(self, wish: Any) -> str:
        """What the object is called; empty for a wish that does not say it."""

    @abstractmethod
    def namespace_of(self, wish: Any) -> str:
        """The namespace that a wish names; empty for that of its maker."""

    def placed(self, wish: Any, namespace: str) -> Any:
        """The wish, for an object of that namespace."""
        return wish

    @abstractmethod
    def content(self, wish: Any) -> bytes:
        """All that is asked for, as bytes that are the same for the same wish."""

    async def ids(self, nomad: Nomad) -> list[str]:
        """What there is of the kind in the client's namespace, as far as marks can be found there at a bearable price."""
        return []

    @abstractmethod
    async def read(self, nomad: Nomad, id: str) -> Live[T] | None:
        """The object as it is, None if there is none."""

    @abstractmethod
    async def plan(
        self, nomad: Nomad, wish: Any, live: Live[T] | None, owner: Owner | None, owned: Collection[str], *, new: bool
    ) -> Plan[T]:
        """What applying the wish would do.

        Args:
            owner: whose marks the object is to bear; None leaves them as they are.
            owned: paths of the fields that were the applier's own last time.
            new: the wish is another than last time, so what cannot be compared counts as different.
        """

    @abstractmethod
    async def write(self, nomad: Nomad, id: str, plan: Plan[T]) -> int:
        """Carry a plan out; the index that the object has then.

        Raises:
            NomadError: it is refused, or the object is no longer the one that was planned for.
        """

    @abstractmethod
    async def delete(self, nomad: Nomad, live: Live[T], owned: Collection[str]) -> None:
        """Remove the object at once. `owned` are the paths of the fields that were asked for."""

    @abstractmethod
    async def retire(self, nomad: Nomad, id: str, live: Live[T] | None, owned: Collection[str]) -> bool:
        """Let the object go in order, and tell whether it is gone with all that ran in its name. To be called until it is."""

    @abstractmethod
    async def strip(self, nomad: Nomad, id: str, live: Live[T], fields: Collection[str]) -> None:
        """Take these fields out of the object, which stays otherwise as it is."""
