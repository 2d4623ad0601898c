"""Volumes of nodes and of storage providers. They have no place for marks, so only the status of its owner tells whose one is.

A wish that says where the storage is (`host_path`, `external_id`) means storage that is there already: it is registered, and
never deleted. Any other wish has it created, and deleting it deletes what is in it. Nomad has no check-and-set for volumes.
"""

from collections.abc import Collection
from typing import Final

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import CSIVolume, HostVolume
from operator_kit.apply.tree_kind import TreeKind
from operator_kit.apply.wire_fields import INDEXES, all_fields, built, given_fields, modify_index, own_namespace
from operator_kit.engine.result import TemporaryError

_HOST_SERVERS: Final = INDEXES | {"ID", "State", "CapacityBytes", "Allocations"}
_CSI_SERVERS: Final = INDEXES | frozenset(
    "Topologies Capacity ReadAllocs WriteAllocs Allocations Schedulable Provider ProviderVersion ControllerRequired "
    "ControllersHealthy ControllersExpected NodesHealthy NodesExpected ResourceExhausted".split()
)


async def _host_volume(nomad: Nomad, name: str) -> HostVolume:
    found = [stub.id for stub in await nomad.host_volumes.list() if stub.name == name]
    if not found:
        raise NotFound(404, "no volume of that name", "GET", "/v1/volumes")
    if len(found) > 1:
        text = f"{len(found)} host volumes are called {name}: {', '.join(sorted(found))}; give each a name of its own"
        raise TemporaryError(text, reason="AmbiguousName")
    return await nomad.host_volumes.get(found[0])


async def _put_host_volume(nomad: Nomad, volume: HostVolume, index: int, fields: Collection[str]) -> None:
    # The answer shows the volume as it was sent, without its index.
    volumes = nomad.host_volumes
    await (volumes.register(volume) if "HostPath" in fields else volumes.create(volume))


async def _put_csi_volume(nomad: Nomad, volume: CSIVolume, index: int, fields: Collection[str]) -> None:
    volumes = nomad.csi_volumes
    await (volumes.register(volume) if index or "ExternalID" in fields else volumes.create(volume))


async def _delete_csi_volume(nomad: Nomad, volume: CSIVolume, fields: Collection[str]) -> None:
    volumes = nomad.csi_volumes
    await (volumes.deregister(volume.id) if "ExternalID" in fields else volumes.delete(volume.id))


HOST_VOLUME: Final = TreeKind[HostVolume](
    name="HostVolume",
    noun="host volume",
    id=lambda wish: wish.name,
    namespace=own_namespace,
    wish=given_fields(_HOST_SERVERS),
    tree=all_fields(_HOST_SERVERS),
    build=built(HostVolume, _HOST_SERVERS),
    index=modify_index,
    get=_host_volume,
    put=_put_host_volume,
    remove=lambda nomad, volume, fields: nomad.host_volumes.delete(volume.id),
    marks=None,
)

CSI_VOLUME: Final = TreeKind[CSIVolume](
    name="CSIVolume",
    noun="CSI volume",
    id=lambda wish: wish.id,
    namespace=own_namespace,
    wish=given_fields(_CSI_SERVERS),
    tree=all_fields(_CSI_SERVERS | {"Secrets"}),
    build=built(CSIVolume, _CSI_SERVERS),
    index=modify_index,
    get=lambda nomad, id: nomad.csi_volumes.get(id),
    put=_put_csi_volume,
    remove=_delete_csi_volume,
    marks=None,
    hidden=frozenset({"Secrets"}),
)
