"""`Holdings`: what a resource owns, as its status remembers it, and what is known of these objects without asking Nomad.

The records stand in the order in which the objects were made, so that they can be taken away the other way round. Whatever is
kept here is told at once to those who wake owners: the informer of jobs, and for all other kinds the `OwnedIndex`.
"""

from dataclasses import replace
from typing import Any, TypeVar

from nomad_api.client import Nomad
from operator_kit.apply.job import JOB
from operator_kit.apply.kinds import kind_named, kind_of
from operator_kit.apply.object_kind import Live, ObjectKind
from operator_kit.apply.owned_index import ObjectKey, OwnedIndex
from operator_kit.engine.result import PermanentError
from operator_kit.informers.jobs import JobInformer
from operator_kit.ownership import OWNER, Owner
from operator_kit.status import OwnedObject, ResourceStatus

T = TypeVar("T")


class Holdings:
    """Of one resource, during one look at it.

    Attributes:
        owner: the resource, as objects in its own namespace name it.
        index: who the objects of all resources belong to.
    """

    def __init__(
        self, owner: Owner, namespace: str, status: ResourceStatus, nomad: Nomad, jobs: JobInformer | None, index: OwnedIndex
    ) -> None:
        self.owner = owner
        self.index = index
        self._namespace = namespace
        self._status = status
        self._nomad = nomad
        self._jobs = jobs
        index.learn(owner, {_key(entry): entry.fields for entry in status.owned if entry.kind != JOB.name})

    def key_of(self, wish: Any) -> ObjectKey:
        """What the object of a wish is called.

        Raises:
            PermanentError: such objects cannot be applied, or the wish says no ID.
        """
        kind = kind_of(type(wish))
        if not (id := kind.id_of(wish)):
            raise PermanentError(f"a {kind.noun} needs a name before it can be applied", reason="NameMissing")
        return ObjectKey(kind.name, (kind.namespace_of(wish) or self._namespace) if kind.namespaced else "", id)

    def keys(self) -> list[ObjectKey]:
        """All that belongs to the resource, the oldest first.

        After what the status knows come the jobs that bear the resource's marks: children of its jobs, and those that were
        registered by a process that was killed at that moment.
        """
        keys = [_key(entry) for entry in self._status.owned]
        found = self._jobs.owned_by(self.owner) if self._jobs else ()
        return keys + [key for job_id in found if (key := ObjectKey(JOB.name, self._namespace, job_id)) not in keys]

    async def find_jobs(self) -> None:
        """Ask the server which jobs bear the resource's marks: an informer that has lost contact knows some of them not.

        Raises:
            NomadError: nobody knows.
        """
        if self._jobs is None:
            return
        marked = f'Meta["{OWNER}"] == "{self.owner.path}"'
        for row in (await self._nomad.read("jobs", {"meta": True, "filter": marked})).value or ():
            if Owner.of(row.get("Meta")) == self.owner:
                self._jobs.registered(row["ID"], self.owner, row["JobModifyIndex"])

    async def read_all(self, kind: ObjectKind[T]) -> list[T]:
        """The objects of a kind that belong to the resource, as they are on the server. What is gone is forgotten.

        Raises:
            NomadError: one could not be read.
        """
        held: list[T] = []
        for key in [key for key in self.keys() if key.kind == kind.name]:
            live = await kind.read(self.nomad_for(key), key.id)
            if live is None:
                self.forget(key)  # it was deleted by a process that died before it could write so, or by somebody else
            elif self.is_own(key, live):
                held.append(live.object)
        return held

    def record(self, key: ObjectKey) -> OwnedObject | None:
        """What the status knows of an object."""
        return next((entry for entry in self._status.owned if _key(entry) == key), None)

    def fields(self, key: ObjectKey) -> list[str]:
        """Paths of the fields of an object that are the resource's own."""
        record = self.record(key)
        return record.fields if record else []

    def keep(self, made: OwnedObject) -> None:
        """Remember an object, in the place that it has already, or as the newest."""
        key = _key(made)
        if self.record(key) is None:
            self._status.owned = [*self._status.owned, made]
        else:
            self._status.owned = [made if _key(entry) == key else entry for entry in self._status.owned]
        if key.kind != JOB.name:
            # A change between a read and the moment from which changes of the object are told of would go unnoticed.
            listening = bool(self.index.owners(key))
            self.index.add(key, self.owner, made.fields)
            if listening:
                self.index.wrote(key, made.index, self.owner)
        elif key.namespace == self._namespace and made.index and not made.drifted:
            self._informer.registered(key.id, self.owner, made.index)

    def forget(self, key: ObjectKey) -> None:
        """The object is gone, or somebody else's."""
        self._status.owned = [entry for entry in self._status.owned if _key(entry) != key]
        self.index.remove(key, self.owner)

    def purged(self, key: ObjectKey) -> None:
        """The object has just been deleted: its informer need not tell."""
        self.forget(key)
        if key.kind == JOB.name and key.namespace == self._namespace and self._jobs is not None:
            self._jobs.purged(key.id)

    def is_unchanged(self, key: ObjectKey) -> bool:
        """Whether the object is known, without asking, to be as it was when it was remembered."""
        record = self.record(key)
        if record is None:
            return False
        if key.kind == JOB.name:
            live = self._informer.get(key.id) if key.namespace == self._namespace else None
            return live is not None and not live.stopped and (live.owner, live.job_modify_index) == (self.owner, record.index)
        return self.index.index(key) == record.index

    def is_own(self, key: ObjectKey, live: Live[Any]) -> bool:
        """Whether the whole object belongs to the resource: by its marks, or where it can bear none, by the status alone."""
        if kind_named(key.kind).mark_fields:
            return live.owner == self.seen_from(key)
        record = self.record(key)
        return record is not None and not record.shared

    def other_owner(self, kind: ObjectKind[Any], key: ObjectKey, live: Live[Any]) -> Owner | None:
        """Another resource that the object belongs to.

        An earlier resource of the same path is none: there can be only one, and its uid is not the present one, so it is gone.
        """
        if kind.mark_fields:
            others = [live.owner] if live.owner else []
        else:
            others = [] if self.is_own(key, live) else self.index.owners(key)
        own = replace(self.seen_from(key), uid=0)
        return next((other for other in others if replace(other, uid=0) != own), None)

    def seen_from(self, key: ObjectKey) -> Owner:
        """The owner as an object of that name has to name it: with its namespace, where that is not the object's own."""
        return self.owner if key.namespace == self._namespace else replace(self.owner, namespace=self._namespace)

    def nomad_for(self, key: ObjectKey) -> Nomad:
        """The client for the object's namespace."""
        return self._nomad.scoped(namespace=key.namespace) if key.namespace not in ("", self._namespace) else self._nomad

    @property
    def _informer(self) -> JobInformer:
        if self._jobs is None:
            raise TypeError("a reconciler that makes jobs must say so: owns = [Job]")
        return self._jobs


def _key(entry: OwnedObject) -> ObjectKey:
    return ObjectKey(entry.kind, entry.namespace, entry.id)
