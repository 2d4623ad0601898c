"""`ObjectInformer`: the objects of any of Nomad's topics, as they are now, and every change with what was there before.

A list tells of an object less than an event does (a stub), so a change's `old` and `new` hold at least what the list of the
topic shows. They are kept as packed JSON and decoded only for whoever asks: most changes of most objects concern nobody.

Where a filter is given the server evaluates it (`filter` of the list, Nomad's expressions), and events only say that the list
should be read again: an event comes unfiltered.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final, NamedTuple

from nomad_api.client import Nomad
from nomad_api.models.event import Event
from operator_kit.informers.packing import packed, unpacked
from operator_kit.informers.source import Source


class Listing(NamedTuple):
    """How the objects of a topic are listed: the path, its parameters, the field that is the ID, and an event's payload key."""

    path: str
    id: str = "ID"
    payload: str = ""
    params: Mapping[str, str | bool] = {}


LISTINGS: Final[dict[str, Listing]] = {
    "Job": Listing("jobs", params={"meta": True}),
    "Allocation": Listing("allocations", params={"task_states": True}),
    "Evaluation": Listing("evaluations"),
    "Deployment": Listing("deployments"),
    "Node": Listing("nodes"),
    "NodePool": Listing("node/pools", id="Name"),
    "Namespace": Listing("namespaces", id="Name"),
    "Variable": Listing("vars", id="Path", payload="Metadata"),
    "HostVolume": Listing("volumes", payload="Volume", params={"type": "host"}),
    "CSIVolume": Listing("volumes", payload="Volume", params={"type": "csi"}),
    "CSIPlugin": Listing("plugins", payload="Plugin", params={"type": "csi"}),
    "ACLPolicy": Listing("acl/policies", id="Name"),
    "ACLToken": Listing("acl/tokens", id="AccessorID"),
    "ACLRole": Listing("acl/roles"),
}
"""The topics that can be followed. `Namespace` has no events, so blocking queries alone tell of it."""

EVENTLESS: Final = ("Namespace",)


class Change:
    """What happened to an object.

    Attributes:
        topic: such as `Node`.
        id: of the object: its ID, name or path.
        namespace: of the object, empty for what has none.
        index: at which this is known to be so; 0 if nothing is known of that.
    """

    __slots__ = ("_new", "_old", "id", "index", "namespace", "topic")

    def __init__(self, topic: str, namespace: str, id: str, old: bytes | None, new: bytes | None, index: int = 0) -> None:
        self.topic = topic
        self.namespace = namespace
        self.id = id
        self.index = index
        self._old = old
        self._new = new

    @property
    def old(self) -> dict[str, Any] | None:
        """The object as it was last seen, None if it was not there."""
        return None if self._old is None else unpacked(self._old)

    @property
    def new(self) -> dict[str, Any] | None:
        """The object as it is now, None if it is gone."""
        return None if self._new is None else unpacked(self._new)

    def after(self, earlier: "Change | None") -> "Change":
        """This change and an earlier one as a single one."""
        return self if earlier is None else Change(self.topic, self.namespace, self.id, earlier._old, self._new, self.index)

    def __repr__(self) -> str:
        what = "came" if self._old is None else "is gone" if self._new is None else "changed"
        return f"<{self.topic} {self.id} {what}>"


Key = tuple[str, str]
"""Namespace and ID."""


class ObjectInformer(Source):
    """Follows the objects of a topic, in the client's namespace (`*` is all)."""

    def __init__(self, topic: str, nomad: Nomad, random: Random, *, prefix: str = "", filter: str = "") -> None:
        """
        Args:
            prefix: of IDs (of paths for variables); the server sees to it.
            filter: an expression over what the list shows, such as `NodeClass == "gpu"`.

        Raises:
            ValueError: there is no such topic, or it cannot be listed.
        """
        if topic not in LISTINGS:
            raise ValueError(f'there is no topic "{topic}" to follow; there are {", ".join(LISTINGS)}')
        listing = LISTINGS[topic]
        params = {**listing.params, **({"prefix": prefix} if prefix else {}), **({"filter": filter} if filter else {})}
        name = " ".join(filled for filled in (topic, nomad.namespace, prefix, filter) if filled)
        super().__init__(name, nomad, listing.path, params, random)
        self.topic = topic
        self._listing = listing
        self._prefix = prefix
        self._filtered = bool(filter)
        self._objects: dict[Key, tuple[int, bytes]] = {}
        self._listeners: list[Callable[[Change], None]] = []

    def listen(self, changed: Callable[[Change], None]) -> None:
        """Call `changed` with every change, the first list included; it must not raise."""
        self._listeners.append(changed)

    def __len__(self) -> int:
        return len(self._objects)

    def cached_bytes(self) -> int:
        return sum(len(data) for _, data in self._objects.values())

    def objects(self) -> list[dict[str, Any]]:
        """All objects, as they were last seen, by namespace and ID."""
        return [unpacked(self._objects[key][1]) for key in sorted(self._objects)]

    def as_changes(self) -> list[Change]:
        """All objects, as if they came now."""
        return [Change(self.topic, *key, None, data, index) for key, (index, data) in sorted(self._objects.items())]

    def get(self, id: str, namespace: str = "") -> dict[str, Any] | None:
        """An object as it was last seen; None if there is none."""
        found = self._objects.get((namespace, id))
        return None if found is None else unpacked(found[1])

    def index(self, id: str, namespace: str = "") -> int | None:
        """The ModifyIndex of an object, None if there is none."""
        found = self._objects.get((namespace, id))
        return None if found is None else found[0]

    def _replace(self, rows: list[dict[str, Any]], index: int) -> None:
        listed = {(row.get("Namespace") or "", row[self._listing.id]): row for row in rows}
        for key, (modify_index, _) in list(self._objects.items()):
            if key not in listed and modify_index <= index:
                self._put(key, index, None)
        for key, row in listed.items():
            known = self._objects.get(key)
            modify_index = version_of(row)
            if known is None or known[0] < modify_index:
                self._put(key, modify_index, row)

    def see(self, event: Event) -> bool:
        payload = event.payload or {}
        row = payload.get(self._listing.payload or self.topic) or {}
        id = row.get(self._listing.id) or ""
        if not id.startswith(self._prefix) or not id:
            return False
        if self._filtered:
            self._look.set()
            return True
        key = (row.get("Namespace") or "", id)
        known = self._objects.get(key)
        if payload.get("Deleted") or event.type.endswith(("Deleted", "NodeDeregistration")):
            if known is not None and known[0] <= event.index:
                self._put(key, event.index, None)
        elif event.index > self.listed and (known is None or known[0] < version_of(row)):
            self._put(key, version_of(row), row)
        return True

    def _restart(self) -> None:
        self._objects = {key: (0, data) for key, (_, data) in self._objects.items()}

    def _put(self, key: Key, modify_index: int, row: dict[str, Any] | None) -> None:
        known = self._objects.pop(key, None)
        new = None if row is None else packed(row)
        if new is not None:
            self._objects[key] = (modify_index, new)
        change = Change(self.topic, *key, known[1] if known else None, new, modify_index)
        for changed in self._listeners:
            changed(change)


def version_of(row: Mapping[str, Any]) -> int:
    """The index of an object's last change; for a job's stub that of its summary too, which moves with its allocations."""
    summary = (row.get("JobSummary") or {}).get("ModifyIndex") or 0
    return max(int(row.get("ModifyIndex") or 0), int(summary))
