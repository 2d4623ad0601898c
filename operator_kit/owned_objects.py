"""Objects that resources own, other than jobs, followed so that their changes bring their owners back.

What is told here also lets an unchanged object be known as such without a read (`OwnedIndex`). An owned resource counts as
changed with its status too: whoever owns one mostly waits for it to be ready.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nomad_api.models import Job
from operator_kit.apply.kinds import kind_of
from operator_kit.apply.object_kind import ObjectKind
from operator_kit.apply.owned_index import ObjectKey, OwnedIndex
from operator_kit.crd_store import paths
from operator_kit.informers.objects import Change
from operator_kit.informers.shared import Informers
from operator_kit.ownership import Owner
from operator_kit.resource import Resource


def follow_owned(
    classes: Sequence[type[Any]], informers: Informers, index: OwnedIndex, changed: Callable[[Owner, str], None]
) -> None:
    """Follow the objects of these classes, and call `changed` with each owner, and a reason, when one of them changes."""
    for model in classes:
        if model is Job:
            continue  # the informer of owned jobs knows their owners itself
        if issubclass(model, Resource):
            _follow_resources(model, informers, index, changed)
        else:
            _follow_objects(kind_of(model), informers, index, changed)


def _follow_resources(
    model: type[Resource], informers: Informers, index: OwnedIndex, changed: Callable[[Owner, str], None]
) -> None:
    kind = kind_of(model)
    namespace = informers.nomad.namespace or "default"
    resources = informers.variables(paths.resources(model.group, model.kind))
    statuses = informers.variables(paths.statuses(model.group, model.kind))

    index.follow(kind.name, namespace)

    def see(name: str) -> None:
        record = resources.get(name)
        for owner in _concerned(index, ObjectKey(kind.name, namespace, name), record.modify_index if record else None):
            changed(owner, f"owned {model.kind} {name} changed")

    def see_status(name: str) -> None:
        for owner in index.owners(ObjectKey(kind.name, namespace, name)):
            changed(owner, f"owned {model.kind} {name} changed")

    resources.listen(see)
    statuses.listen(see_status)


def _follow_objects(
    kind: ObjectKind[Any], informers: Informers, index: OwnedIndex, changed: Callable[[Owner, str], None]
) -> None:
    informer = informers.objects(kind.name)
    index.follow(kind.name, (informers.nomad.namespace or "default") if kind.namespaced else "")

    def see(change: Change) -> None:
        row = change.new or change.old or {}
        key = ObjectKey(kind.name, change.namespace if kind.namespaced else "", _id_of(kind, change.id, row))
        for owner in _concerned(index, key, change.index if change.new is not None else None):
            changed(owner, f"owned {kind.noun} {key.id} changed")

    informer.listen(see)


def _concerned(index: OwnedIndex, key: ObjectKey, modify_index: int | None) -> list[Owner]:
    """Tell the index that an object has that ModifyIndex, None if it is gone; whom to call. Several kinds may tell the same."""
    if modify_index is None:
        index.lost(key)
        return index.owners(key)
    index.seen(key, modify_index)
    return index.concerned(key, modify_index)


def _id_of(kind: ObjectKind[Any], id: str, row: dict[str, Any]) -> str:
    """What an object is called where it is applied: host volumes get their ID from Nomad, and their name from people."""
    return str(row.get("Name") or id) if kind.name == "HostVolume" else id
