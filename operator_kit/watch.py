"""`Watch`: a trigger that follows objects of Nomad, or resources of another kind, and says whom a change concerns.

    watches = [
        Watch("Node", map=lambda change, names: names),                 every website, when a node changes
        Watch(Database, map=websites_of_database),                      those that use the database
        Watch("Job", namespace="*", filter='"backup" in Meta'),     without a map: the ID of the object itself
    ]

A map is asked with the old and the new object, so that a relation that ends is noticed too. It only says whom to look at; what
to do about it shows in the look.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from operator_kit.crd_store import paths
from operator_kit.engine.stream import Emit, Stream
from operator_kit.informers.objects import Change, ObjectInformer
from operator_kit.informers.shared import Informers
from operator_kit.resource import Resource

Map = Callable[[Change, Collection[str]], Iterable[str]]
"""Whom a change concerns, given all ids that the controller knows."""

_log: Final = structlog.get_logger("operator_kit.watch")


@dataclass(frozen=True)
class Watch:
    """See the module's text.

    Attributes:
        what: one of Nomad's topics (`Job`, `Allocation`, `Deployment`, `Evaluation`, `Node`, `NodePool`, `Namespace`,
            `Variable`, `HostVolume`, `CSIVolume`, `CSIPlugin`, `ACLPolicy`, `ACLToken`, `ACLRole`), or a kind of resources, of
            which both specs and statuses are followed.
        map: whom a change concerns; without it the object's own ID (the name, of a resource). The `old` and `new` of a resource
            are its items.
        namespace: where; by default the operator's own, `*` is all. Resources are followed in the operator's only.
        prefix: of the IDs, or paths; the server sees to it.
        filter: an expression over what the list of the topic shows; the server sees to it.
    """

    what: "str | type[Resource]"
    map: Map | None = None
    namespace: str | None = None
    prefix: str = ""
    filter: str = ""

    def stream(self, informers: Informers) -> Stream:
        """The trigger at work in a process.

        Raises:
            ValueError: there is no such topic.
        """
        if not isinstance(self.what, str):
            return _ResourceStream(self.what, self.map, informers)
        informer = informers.objects(self.what, namespace=self.namespace, prefix=self.prefix, filter=self.filter)
        return _ObjectStream(informer, self.map)


class _WatchStream(Stream):
    """Changes wait here, one for each object, until they are mapped and emitted: informers do not wait, streams may have to.

    While the stream does not run nothing is kept; what there is when it begins counts as come.
    """

    def __init__(self, name: str, map: Map | None) -> None:
        self.name = name
        self._map = map
        self._pending: dict[tuple[str, str], Change] = {}
        self._wake = asyncio.Event()
        self._running = False

    @abstractmethod
    def present(self) -> Iterable[Change]:
        """What there is, as if it came now."""

    async def filled(self, change: Change) -> Change:
        """The change with the objects that its map may look at."""
        return change

    async def run(self, emit: Emit) -> None:
        self._running = True
        self._pending = {(change.namespace, change.id): change for change in self.present()}
        try:
            while True:
                while self._pending:
                    # Out of it first: what comes while the object is read is another change.
                    change = await self.filled(self._pending.pop(next(iter(self._pending))))
                    for id in self._concerned(change, emit.known()):
                        await emit(id, reason=f"{change.topic} {change.id}")
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._running = False
            self._pending.clear()

    def changed(self, change: Change) -> None:
        """Take a change in. Of several in a row the first `old` and the last `new` count."""
        if self._running:
            key = (change.namespace, change.id)
            self._pending[key] = change.after(self._pending.pop(key, None))
            self._wake.set()

    def _concerned(self, change: Change, known: Collection[str]) -> list[str]:
        if self._map is None:
            return [change.id]
        try:
            return list(self._map(change, known))
        except Exception:
            # A map that fails must neither lose the change nor stop the others, so everything is looked at.
            _log.exception("a map failed; all are looked at", watch=self.name, change=repr(change))
            return list(known)


class _ObjectStream(_WatchStream):
    """Of the objects of a topic."""

    def __init__(self, informer: ObjectInformer, map: Map | None) -> None:
        super().__init__(informer.topic, map)
        self._informer = informer
        informer.listen(self.changed)

    def present(self) -> Iterable[Change]:
        return self._informer.as_changes()


class _ResourceStream(_WatchStream):
    """Of the resources of a kind; their items are read before a map is asked, and remembered as the next change's `old`."""

    def __init__(self, kind: type[Resource], map: Map | None, informers: Informers) -> None:
        super().__init__(kind.kind, map)
        self._resources = informers.variables(paths.resources(kind.group, kind.kind))
        self._statuses = informers.variables(paths.statuses(kind.group, kind.kind))
        self._seen: dict[str, bytes] = {}
        for informer in (self._resources, self._statuses):
            informer.listen(lambda name: self.changed(Change(self.name, "", name, None, None)))

    def present(self) -> Iterable[Change]:
        names = {*self._resources.keys(), *self._seen}  # one that was seen and is gone now has gone meanwhile
        return [Change(self.name, "", name, None, None) for name in sorted(names)]

    async def filled(self, change: Change) -> Change:
        if self._map is None:
            return change
        record = await self._resources.read(change.id)
        old = self._seen.pop(change.id, None)
        if record is not None and record.data is not None:
            self._seen[change.id] = record.data
        return Change(self.name, "", change.id, old, record.data if record else None)


Trigger = Stream | Watch
"""What brings ids back: a stream, or the declaration of one."""


def streams_of(triggers: Iterable[Trigger], informers: Informers) -> list[Stream]:
    """The triggers at work in a process.

    Raises:
        ValueError: a `Watch` names no topic.
    """
    return [trigger.stream(informers) if isinstance(trigger, Watch) else trigger for trigger in triggers]
