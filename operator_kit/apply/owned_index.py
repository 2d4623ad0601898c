"""`OwnedIndex`: who the objects other than jobs belong to, as far as this process knows, and at which index they stand.

(Jobs show their owners in their list, and `JobInformer` keeps them.) Every look at a resource tells the index what the status
says it owns, and applying tells it before anything is written, so there is no moment in which a change of an owned object would
find no owner to wake. Whoever follows the objects of a kind says so (`follow`) and tells of every change (`seen`, `lost`); then
an object that is as it was needs no read to be found so.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from operator_kit.ownership import Owner


class ObjectKey(NamedTuple):
    """What an object is called: its kind (`Variable`, `Namespace`, `resources/<group>/<kind>` …), namespace and ID.

    The namespace is empty for objects that live in none.
    """

    kind: str
    namespace: str
    id: str


class OwnedIndex:
    """Owners by object, objects by owner, and indexes of followed objects. Shared by the controllers of a process."""

    def __init__(self) -> None:
        self._owners: dict[ObjectKey, dict[Owner, tuple[str, ...]]] = {}
        self._claims: dict[Owner, dict[ObjectKey, tuple[str, ...]]] = {}
        self._indexes: dict[ObjectKey, int] = {}
        self._known: dict[ObjectKey, tuple[int, Owner]] = {}
        self._followed: set[tuple[str, str]] = set()

    def __contains__(self, owner: object) -> bool:
        """Whether anything is known to belong to that owner."""
        return owner in self._claims

    def owners(self, key: ObjectKey) -> list[Owner]:
        """The owners of an object, those to call when it changes; sorted by path."""
        return sorted(self._owners.get(key, ()), key=lambda owner: (owner.path, owner.uid))

    def owner_of_field(self, key: ObjectKey, field: str, *, but: Owner) -> Owner | None:
        """Another owner that has set this field of the object, None if none is known."""
        return next((owner for owner in self.owners(key) if owner != but and field in self._owners[key][owner]), None)

    def learn(self, owner: Owner, claims: Mapping[ObjectKey, Iterable[str]]) -> None:
        """Take over all that a resource owns, each with the paths of its own fields; what it owned before is forgotten."""
        new = {key: tuple(fields) for key, fields in claims.items()}
        old = self._claims.get(owner, {})
        if new == old:
            return
        for key in old.keys() - new.keys():
            self._forget(key, owner)
        for key, fields in new.items():
            self._owners.setdefault(key, {})[owner] = fields
        if new:
            self._claims[owner] = new
        else:
            del self._claims[owner]

    def add(self, key: ObjectKey, owner: Owner, fields: Iterable[str] = ()) -> None:
        """Take over that the object belongs to that owner, too."""
        self.learn(owner, {**self._claims.get(owner, {}), key: fields})

    def remove(self, key: ObjectKey, owner: Owner) -> None:
        """Take over that the object does not belong to that owner any more."""
        self.learn(owner, {known: fields for known, fields in self._claims.get(owner, {}).items() if known != key})

    def follow(self, kind: str, namespace: str) -> None:
        """Somebody tells of all changes of objects of that kind and namespace from now on."""
        self._followed.add((kind, namespace))

    def seen(self, key: ObjectKey, modify_index: int) -> None:
        """Whoever follows has seen the object with that ModifyIndex. What no owner is known of is not kept."""
        if key in self._owners:
            self._indexes[key] = modify_index

    def wrote(self, key: ObjectKey, modify_index: int, owner: Owner) -> None:
        """It had that ModifyIndex when the owner wrote or read it; whoever follows may know a later one already."""
        self.seen(key, max(modify_index, self._indexes.get(key, 0)))
        self._known[key] = (modify_index, owner)

    def concerned(self, key: ObjectKey, modify_index: int) -> list[Owner]:
        """The owners to call when it is seen with that ModifyIndex: all but the one that has just written it so itself."""
        return [owner for owner in self.owners(key) if self._known.get(key) != (modify_index, owner)]

    def lost(self, key: ObjectKey) -> None:
        """Whoever follows has seen the object go. That may be long ago by now, so it has to be read."""
        self._indexes.pop(key, None)

    def index(self, key: ObjectKey) -> int | None:
        """The ModifyIndex an object has for sure; None where it must be read to know."""
        return self._indexes.get(key) if (key.kind, key.namespace) in self._followed else None

    def _forget(self, key: ObjectKey, owner: Owner) -> None:
        owners = self._owners[key]
        del owners[owner]
        if not owners:
            del self._owners[key]
            self._indexes.pop(key, None)
            self._known.pop(key, None)
