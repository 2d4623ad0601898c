"""Who an object belongs to: marks on the object itself, and an index of what was made for whom.

The marks are the path of the owning resource and its uid, so that a resource made anew under the same name is not taken for
the owner. There is deliberately no hash of the object among them: the Meta of a job is part of every task's environment, so a
changed mark would replace every allocation even where Nomad could update it in place.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from nomad_api.models import Job

OWNER: Final = "operator.owner"
OWNER_UID: Final = "operator.owner_uid"


@dataclass(frozen=True, slots=True)
class Owner:
    """The resource an object belongs to: its path and uid."""

    path: str
    uid: int

    @classmethod
    def of(cls, meta: dict[str, str] | None) -> "Owner | None":
        """The owner marked in a job's Meta, None for a job that belongs to no resource."""
        path = (meta or {}).get(OWNER)
        uid = (meta or {}).get(OWNER_UID, "")
        return cls(path, int(uid) if uid.isdecimal() else 0) if path else None

    def mark(self, job: Job) -> Job:
        """The job with this owner's marks."""
        return job.evolve(meta={**(job.meta or {}), OWNER: self.path, OWNER_UID: str(self.uid)})


class ObjectKey(NamedTuple):
    """What an object is called: its kind (`Variable`, `Namespace`, `resources/<group>/<kind>` …), namespace and ID."""

    kind: str
    namespace: str
    id: str


class OwnedIndex:
    """Who the objects other than jobs belong to, as far as this process knows, and at which index they were seen last.

    Applying fills it, and so does every look at a resource, from the owned objects in its status. Whoever follows the objects
    of a kind tells it what was seen (`follow`, then `seen`); then an unchanged object needs no read before it is found so.
    """

    def __init__(self) -> None:
        self._owners: dict[ObjectKey, set[Owner]] = {}
        self._indexes: dict[ObjectKey, int] = {}
        self._followed: set[str] = set()

    def owners(self, kind: str, namespace: str, id: str) -> list[Owner]:
        """The owners of an object, those to call when it changes; sorted by path."""
        return sorted(self._owners.get(ObjectKey(kind, namespace, id), ()), key=lambda owner: (owner.path, owner.uid))

    def add(self, key: ObjectKey, owner: Owner) -> None:
        """Take over that the object belongs to that owner, too."""
        self._owners.setdefault(key, set()).add(owner)

    def remove(self, key: ObjectKey, owner: Owner) -> None:
        """Take over that the object does not belong to that owner any more."""
        if (owners := self._owners.get(key)) is not None:
            owners.discard(owner)
            if not owners:
                del self._owners[key]
                self._indexes.pop(key, None)

    def follow(self, kind: str) -> None:
        """Somebody tells of all changes of objects of that kind from now on."""
        self._followed.add(kind)

    def seen(self, key: ObjectKey, modify_index: int) -> None:
        """The object has that ModifyIndex now; 0 if it is gone. What no owner is known of is not kept."""
        if key in self._owners:
            self._indexes[key] = modify_index

    def index(self, key: ObjectKey) -> int | None:
        """The ModifyIndex an object has for sure; None where it must be read to know."""
        return self._indexes.get(key) if key.kind in self._followed else None
