"""`ResourceStore`: the resources of one kind and their statuses, read through informers, written by check-and-set."""

from typing import Any, Generic, TypeVar

from nomad_api.client import Nomad
from nomad_api.errors import Conflict, NotFound
from operator_kit.crd_store import declarations
from operator_kit.crd_store.declarations import Declaration
from operator_kit.crd_store.status_items import as_json, from_json, is_short, pack, to_json, unpack
from operator_kit.informers.variables import Record, VariableInformer
from operator_kit.masking import Mask
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus

R = TypeVar("R", bound=Resource)


class ResourceStore(Generic[R]):
    """Everything there is of a kind, in the client's namespace."""

    def __init__(self, kind: type[R], nomad: Nomad, resources: VariableInformer, statuses: VariableInformer) -> None:
        """The informers are those of the kind's two trees."""
        self.kind = kind
        self.resources = resources
        self.statuses = statuses
        self._nomad = nomad
        self._namespace = nomad.namespace or "default"

    def names(self) -> set[str]:
        """The names of all resources, and of all statuses: one without its resource is a pending deletion."""
        return {*self.resources.keys(), *self.statuses.keys()}

    async def read(self, name: str) -> tuple[Record | None, Record | None]:
        """The variables of the resource and of its status.

        Raises:
            NomadError: one had to be read, and could not be.
        """
        known = self.resources.get(name)
        declared, observed = await self.resources.read(name), await self.statuses.read(name)
        if declared is not None and observed is None and known is not None and known.data is not None:
            # What was known for a while has no status: perhaps both are gone, and only the one was heard of. Whoever took it
            # for a new resource would bring back what a new leader has just finalized, so the server is asked.
            declared = await self.resources.read_anew(name)
        return declared, observed

    async def confirm_absence(self, name: str) -> bool:
        """Whether the resource is gone in truth. A list leaves out silently what the token may not see.

        Raises:
            Forbidden: the token may not see it, so nobody knows.
            NomadError: it could not be read.
        """
        try:
            variable = await self._nomad.variables.get(self.resources.prefix + name)
        except NotFound:
            return True
        self.resources.wrote(name, variable)
        return False

    async def confirm_identity(self, name: str, uid: int) -> bool:
        """Whether the resource of that name has this uid in truth. What is known of it can be of the one before.

        Raises:
            NomadError: it could not be read.
        """
        record = await self.resources.read_anew(name)
        return record is not None and record.create_index == uid

    def resource(self, name: str, declared: Declaration, status: ResourceStatus) -> R:
        """The resource that is declared.

        Raises:
            InvalidItems: the items do not make its spec, or the kind's own code refuses it.
        """
        return declarations.read(self.kind, name, self._namespace, declared, status)

    def draft(self, name: str, record: Record | None, status: ResourceStatus | None = None) -> "StatusDraft":
        """The status in a variable, on its way to the next one; where there is none a fresh one, or the one that is given."""
        return StatusDraft(self, name, record, status)

    async def write_status(self, name: str, items: dict[str, str], before: Record | None) -> Record:
        """Write the items of a status; the variable as it then is.

        Raises:
            Conflict: another has written it since `before` was read; it will be read anew.
        """
        path = self.statuses.prefix + name
        with self.statuses.writing(name):
            try:
                variable = await self._nomad.variables.put(path, items, cas=before.modify_index if before else 0)
            except Conflict as conflict:
                self._missed(name, conflict)
                raise
            return self.statuses.wrote(name, variable)

    async def delete_status(self, name: str, before: Record) -> None:
        """Remove the status.

        Raises:
            Conflict: another has written it since `before` was read.
        """
        with self.statuses.writing(name):
            try:
                await self._nomad.variables.delete(self.statuses.prefix + name, cas=before.modify_index)
            except Conflict as conflict:
                self._missed(name, conflict)
                raise
            self.statuses.removed(name)

    def _missed(self, name: str, conflict: Conflict) -> None:
        if conflict.current is not None and conflict.current.modify_index:
            self.statuses.expect(name, conflict.current)
        else:
            self.statuses.removed(name)


class StatusDraft:
    """The status of one look: read once, changed by whoever works at it, written whenever it must be remembered.

    Attributes:
        status: to be changed at will.
        mask: the values that are never written with it: the secrets that were resolved in this look.
    """

    def __init__(
        self, store: ResourceStore[Any], name: str, before: Record | None, status: ResourceStatus | None = None
    ) -> None:
        kind = store.kind.Status
        self._store = store
        self._name = name
        self._before = before
        self._items: dict[str, str] | None = None
        self._text: str | None = None
        self.mask = Mask()
        if before is None:
            self.status: ResourceStatus = status or kind()
            return
        self._items = items = before.items()
        self._text = as_json(kind, items)
        self.status = (from_json(kind, self._text) if self._text else None) or unpack(kind, items)

    @property
    def written(self) -> bool:
        """Whether there is a status on the server, as far as known."""
        return self._before is not None

    async def save(self) -> None:
        """Write the status, if anything of it has changed.

        Raises:
            Conflict: another has written it meanwhile; the look should end, and begin anew.
            StatusTooLarge: it does not fit into a variable.
            NomadError: it cannot be written.
        """
        if not self.mask and self._text is not None and to_json(self.status) == self._text:
            return  # most looks end here
        items = pack(self.status, self.mask)
        if items != self._items:
            self._before = await self._store.write_status(self._name, items, self._before)
            self._items, self._text = items, None

    def check(self) -> None:
        """Whether it could be written at all.

        Raises:
            StatusTooLarge: it does not fit into a variable.
        """
        if not is_short(to_json(self.status)):
            pack(self.status, self.mask)

    async def delete(self) -> None:
        """Remove the status, with which the resource is forgotten.

        Raises:
            Conflict: another has written it meanwhile.
            NomadError: it cannot be removed.
        """
        if self._before is not None:
            await self._store.delete_status(self._name, self._before)
