"""Garbage: objects that bear the marks of a resource that is no more.

Deletion is carried out from the status of the resource, so garbage should not come about. It does where somebody purged the
status by hand, where an operator that had lost the lead registered a job a moment too late, or where a deleted job was written
back by another. Kubernetes has a controller for that; on Nomad each operator collects what its own kinds have left.

Flow: what bears marks of this kind is compared with the resources that are known here. For what seems to have no owner, the
owner is looked for **on the server**. The object is then read anew, and deleted if it still bears the same marks.
Guarantees: an object is deleted only when the server itself said that there is no resource of that path and uid, and no status
of it whose finalization is still to come. A refused or failed read proves nothing, so the object stays. Objects of owners in
another namespace are none of this operator's business.
Assumptions: nobody but the kit sets the marks.
Caveats: plain variables and volumes are not collected: the list of variables does not show items, and volumes bear no marks.
They are remembered before they are made, so their deletion does not need it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from nomad_api.client import Nomad
from nomad_api.errors import NomadError, NotFound
from operator_kit.apply.job import JOB
from operator_kit.apply.kinds import kind_named, kind_of
from operator_kit.apply.object_kind import Live, ObjectKind
from operator_kit.apply.owned_index import ObjectKey, OwnedIndex
from operator_kit.crd_store import paths
from operator_kit.informers.jobs import JobInformer
from operator_kit.ownership import Owner
from operator_kit.resource import Resource

EVERY: Final = 600.0
"""Seconds between two collections, in the leading process: as rarely as resources are looked at though nothing happened."""

_log = structlog.get_logger("operator_kit.apply.garbage")


class GarbageCollector:
    """For the resources of one kind."""

    def __init__(
        self,
        nomad: Nomad,
        kind: type[Resource],
        jobs: JobInformer | None,
        *,
        owns: Sequence[type[Any]] = (),
        index: OwnedIndex | None = None,
        exists: Callable[[Owner], bool] = lambda owner: False,
    ) -> None:
        """
        Args:
            jobs: shows the jobs that bear marks; None where the kind makes no jobs.
            owns: the classes of the other objects that the kind makes.
            index: what it knows an owner of is not looked at.
            exists: whether a resource is known to be there without asking the server; it spares reads and decides nothing.
        """
        self._nomad = nomad
        self._namespace = nomad.namespace or "default"
        self._prefix = paths.resources(kind.group, kind.kind)
        self._jobs = jobs
        self._kinds = [made for model in owns if (made := kind_of(model)) is not JOB]
        self._index = OwnedIndex() if index is None else index
        self._exists = exists

    async def collect(self) -> list[ObjectKey]:
        """Look for garbage once, and delete it; what was deleted. Failures are logged and end nothing but the single case."""
        collected: list[ObjectKey] = []
        for key, owner in await self._suspects():
            try:
                if await self._is_gone(owner) and await self._delete(key, owner):
                    _log.warning("collected an orphan", object=f"{key.kind} {key.id}", owner=owner.path, uid=owner.uid)
                    collected.append(key)
            except NomadError as error:
                _log.warning("cannot tell whether it is an orphan", object=f"{key.kind} {key.id}", error=str(error))
        return collected

    async def _suspects(self) -> list[tuple[ObjectKey, Owner]]:
        """The objects whose owner is of this kind, and not known here."""
        found = [(ObjectKey(JOB.name, self._namespace, id), owner) for id, owner in self._jobs.owners()] if self._jobs else []
        for kind in self._kinds:
            try:
                found += [(key, live.owner) for key, live in await self._marked(kind) if live.owner]
            except NomadError as error:
                _log.warning("cannot look for orphans", kind=kind.name, error=str(error))
        return [(key, owner) for key, owner in found if self._is_ours(key, owner) and not self._exists(owner)]

    async def _marked(self, kind: ObjectKind[Any]) -> list[tuple[ObjectKey, Live[Any]]]:
        """The objects of a kind of which no owner is known here."""
        keys = [ObjectKey(kind.name, self._namespace if kind.namespaced else "", id) for id in await kind.ids(self._nomad)]
        unknown = [(key, await kind.read(self._nomad, key.id)) for key in keys if not self._index.owners(key)]
        return [(key, live) for key, live in unknown if live is not None]

    def _is_ours(self, key: ObjectKey, owner: Owner) -> bool:
        """Whether the owner is a resource of this kind and of this namespace."""
        return owner.path.startswith(self._prefix) and (owner.namespace or key.namespace) == self._namespace

    async def _is_gone(self, owner: Owner) -> bool:
        """Whether the server says that there is no such resource, and nothing left to be finalized of it.

        Raises:
            NomadError: nobody knows.
        """
        variables = self._nomad.variables
        try:
            if (await variables.get(owner.path)).create_index == owner.uid:
                return False
        except NotFound:
            pass
        try:
            status = await variables.get(paths.STATUS + owner.path.removeprefix(paths.RESOURCES))
        except NotFound:
            return True
        uid = (status.items or {}).get("uid", "")
        return uid.isdecimal() and int(uid) not in (0, owner.uid)

    async def _delete(self, key: ObjectKey, owner: Owner) -> bool:
        """Delete the object, if it still belongs to that owner; bound to its index where Nomad can check that."""
        kind = kind_named(key.kind)
        live = await kind.read(self._nomad, key.id)
        if live is None or live.owner != owner:
            return False
        await kind.delete(self._nomad, live, ())
        return True
