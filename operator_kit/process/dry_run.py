"""Dry run of a whole operator: what would it write, if it looked at every resource once?

    for write in await dry_run(nomad, [WebsiteReconciler()]):
        print(write)

The reconcilers run as they are, against what there is, with a client whose writes are noted down instead of sent (see
`operator_kit.process.recording`). No lock is taken, so it can be done beside the operator that is deployed.

Guarantees: nothing is written to Nomad. Jobs are planned by Nomad itself, and the plan's difference is part of the answer.
Assumptions: a reconciler reaches Nomad through its context, and does nothing elsewhere.
Caveats: what it does outside of Nomad is done. What would follow only from a write (an allocation, another operator's status)
does not happen, so a reconcile that waits for it shows its first steps only. Reconcilers without a kind are left out: they have
no list of what to look at.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from operator_kit.apply.fields import differences
from operator_kit.apply.job import changed_fields
from operator_kit.apply.wire_fields import INDEXES
from operator_kit.conditions import ACCEPTED, RECONCILED
from operator_kit.controllers import KindController
from operator_kit.crd_store import paths
from operator_kit.crd_store.status_items import unpack
from operator_kit.informers.shared import Informers
from operator_kit.process.overlay import Row
from operator_kit.process.recording import RecordingTransport, Write
from operator_kit.reconciler import Reconciler
from operator_kit.world import World

MOST_LOOKS: Final = 5
"""How often a resource is looked at that wants to be looked at again at once: a deletion before a new beginning takes two."""

_KINDS: Final = {
    "var": "Variable",
    "job": "Job",
    "namespace": "Namespace",
    "node/pool": "NodePool",
    "acl/policy": "ACLPolicy",
    "volume/host": "HostVolume",
    "volume/csi": "CSIVolume",
}


@dataclass(frozen=True, slots=True)
class PlannedWrite:
    """What would be written.

    Attributes:
        resource: path of the resource for which it would be done.
        action: `call` is anything but writing an object: scaling a job, a command in a task.
        kind: of the object, such as `Job` or `Variable`; of a call the method.
        id: of the object; of a call the path.
        namespace: of the object; of what lives in none, that of the client.
        fields: paths of the fields that would change, without their values.
        diff: for a job, the difference as Nomad plans it.
        body: what would be sent. Mind that it may hold secrets.
    """

    resource: str
    action: Literal["create", "update", "delete", "call"]
    kind: str
    id: str
    namespace: str
    fields: tuple[str, ...] = ()
    diff: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        fields = f": {', '.join(self.fields)}" if self.fields and self.action == "update" else ""
        return f"{self.action} {self.kind} {self.id}{fields}"


async def dry_run(
    nomad: Nomad,
    reconcilers: Sequence[Reconciler[Any]],
    *,
    statuses: bool = False,
    failed: Callable[[str, str], None] = lambda resource, message: None,
) -> list[PlannedWrite]:
    """Look once at every resource of every reconciler, and at every status without one; what would be written, in order.

    Args:
        statuses: tell of the statuses of these resources, too.
        failed: called with the path of each resource whose spec is not valid or whose reconcile fails, and why.

    Raises:
        NomadError: the resources cannot be listed.
    """
    recorder = RecordingTransport(nomad.transport)
    client = copy.copy(nomad)
    client.transport = recorder
    planned: list[PlannedWrite] = []
    for controller in await _controllers(client, reconcilers):
        store = controller.store
        for name in sorted(store.names()):
            path, begin = store.resources.prefix + name, len(recorder.writes)
            for _ in range(MOST_LOOKS):
                ended = await controller.look_now(name, reason="dry run")
                if (ended.outcome, ended.after) != ("requeue_after", 0.0):
                    break
            if ended.failed:
                failed(path, await _why(client, store.kind, store.statuses.prefix + name))
            planned += [_planned(path, write) for write in recorder.writes[begin:]]
    return [write for write in planned if statuses or not (write.kind == "Variable" and write.id.startswith(paths.STATUS))]


async def _controllers(client: Nomad, reconcilers: Sequence[Reconciler[Any]]) -> list[KindController[Any]]:
    """The controllers of the reconcilers, with all lists read once and nothing followed."""
    world = World(Informers(client))
    controllers = [KindController(reconciler, world) for reconciler in reconcilers]
    for source in world.informers.sources.values():
        await source.load()
    return controllers


async def _why(client: Nomad, kind: type[Any], status_path: str) -> str:
    """What a resource's status would say of a failure."""
    try:
        status = unpack(kind.Status, (await client.variables.get(status_path)).items or {})
    except NotFound:
        return "it could not be looked at"
    conditions = (status.condition(ACCEPTED), status.condition(RECONCILED))
    return next((f"{condition.reason}: {condition.message}" for condition in conditions if condition.status == "False"), "")


def _planned(resource: str, write: Write) -> PlannedWrite:
    kind = next((kind for kind in _KINDS if write.place.startswith(f"{kind}/")), "")
    if not kind:
        return PlannedWrite(resource, "call", write.method, write.path, write.namespace, body=write.body)
    return PlannedWrite(
        resource,
        "delete" if write.method == "DELETE" else "update" if write.before else "create",
        _KINDS[kind],
        write.place.removeprefix(f"{kind}/"),
        write.namespace,
        tuple(changed_fields(write.diff) if write.diff is not None else _fields(kind, write)),
        write.diff,
        write.body or None,
    )


def _fields(kind: str, write: Write) -> list[str]:
    """The fields that a write would change; none for what is deleted as a whole."""
    if write.after is None:
        return []
    before, after = write.before or {}, write.after
    if kind == "var":
        return differences(before.get("Items") or {}, after.get("Items") or {})
    return differences(_without_indexes(before), _without_indexes(after))


def _without_indexes(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in INDEXES}
