"""Who an object belongs to: marks on the object itself.

The marks are the path of the owning resource and its uid, so that a resource made anew under the same name is not taken for
the owner. An object that lies outside of its owner's namespace, or in none, names that namespace too: a copy of the operator in
another namespace would else look for the owner among its own resources, not find it, and collect the object as an orphan.

There is deliberately no hash of the object among the marks: the Meta of a job is part of every task's environment, so a changed
mark would replace every allocation even where Nomad could update it in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from operator_kit.engine.result import TemporaryError

OWNER: Final = "operator.owner"
OWNER_UID: Final = "operator.owner_uid"
OWNER_NAMESPACE: Final = "operator.owner_namespace"

MARKS: Final = (OWNER, OWNER_UID, OWNER_NAMESPACE)


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource an object belongs to: its path and uid, and its namespace if that is not the object's own."""

    path: str
    uid: int
    namespace: str = ""

    @classmethod
    def of(cls, meta: Mapping[str, Any] | None) -> "Owner | None":
        """The owner marked in a job's Meta, or wherever else the marks are; None for what belongs to no resource."""
        path = (meta or {}).get(OWNER)
        if not meta or not path:
            return None
        uid = meta.get(OWNER_UID) or ""
        return cls(path, int(uid) if uid.isdecimal() else 0, meta.get(OWNER_NAMESPACE) or "")

    def marks(self) -> dict[str, str]:
        """What an object of this owner bears."""
        marks = {OWNER: self.path, OWNER_UID: str(self.uid)}
        return {**marks, OWNER_NAMESPACE: self.namespace} if self.namespace else marks

    def __str__(self) -> str:
        return f"{self.path} in namespace {self.namespace}" if self.namespace else self.path


class AlreadyOwned(TemporaryError):
    """The object belongs to another resource, and an object has one owner. It may be free one day, so it is tried again.

    Attributes:
        what: the object, in words.
        owner: the resource that it belongs to.
    """

    def __init__(self, what: str, owner: Owner) -> None:
        cure = "choose another name for it, remove that resource, or apply with force=True to take the object over"
        super().__init__(f"{what} belongs to {owner}; {cure}", reason="AlreadyOwned")
        self.what = what
        self.owner = owner


class FieldConflict(TemporaryError):
    """Fields of a shared object have other values by somebody else's will.

    Attributes:
        what: the object, in words.
        fields: the paths of the fields, with their owners as far as they are known.
    """

    def __init__(self, what: str, fields: Mapping[str, str]) -> None:
        named = ", ".join(f"{field} (set by {owner})" for field, owner in fields.items())
        cure = "leave these fields out, agree on their values, or apply with force=True to take them over"
        super().__init__(f"{what} has other values in {named}; {cure}", reason="FieldConflict")
        self.what = what
        self.fields = dict(fields)
