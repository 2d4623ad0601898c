"""Volumes of both types. They share one list, and have little else in common."""

import builtins
from typing import Any

from nomad_api.client.collection import Collection
from nomad_api.models.volume import CSIVolume, CSIVolumeStub, HostVolume, HostVolumeStub


class HostVolumes(Collection[HostVolumeStub, HostVolume]):
    """`nomad.host_volumes`: directories of nodes."""

    plural = "volumes"
    singular = "volume/host"
    stub = HostVolumeStub
    item = HostVolume

    async def list(self, prefix: str = "", **params: Any) -> builtins.list[HostVolumeStub]:
        """The host volumes; `node_id` and `node_pool` narrow them down."""
        return await super().list(prefix, **{"type": "host", **params})

    async def create(self, volume: HostVolume) -> HostVolume:
        """Let a node make the volume, or change the one with its ID. The answer has the ID; the state is `pending` at first."""
        return await self._save("create", volume)

    async def register(self, volume: HostVolume) -> HostVolume:
        """Take in a volume that somebody else has made at `host_path` of the node `node_id`."""
        return await self._save("register", volume)

    async def delete(self, id: str, *, force: bool = False) -> None:
        """Delete the volume and what is in it; with `force` forget it though its node is lost.

        Raises:
            ServerError: an allocation still uses it.
        """
        await self._api.write("DELETE", self._path(id), params={"force": force or None})

    async def _save(self, action: str, volume: HostVolume) -> HostVolume:
        answer = await self._api.write("PUT", f"volume/host/{action}", {"Volume": volume.to_wire()})
        return HostVolume.model_validate(answer["Volume"])


class CSIVolumes(Collection[CSIVolumeStub, CSIVolume]):
    """`nomad.csi_volumes`: volumes of storage providers, by the ID that jobs call them."""

    plural = "volumes"
    singular = "volume/csi"
    stub = CSIVolumeStub
    item = CSIVolume

    async def list(self, prefix: str = "", **params: Any) -> builtins.list[CSIVolumeStub]:
        """The CSI volumes; `plugin_id` narrows them down."""
        return await super().list(prefix, **{"type": "csi", **params})

    async def create(self, volume: CSIVolume) -> None:
        """Let the storage provider make the volume, and register it."""
        await self._api.write("PUT", self._path(volume.id, "create"), {"Volumes": [volume.to_wire()]})

    async def register(self, volume: CSIVolume) -> None:
        """Take in a volume that the storage provider has already, under `external_id`; or change a registered one."""
        await self._api.write("PUT", self._path(volume.id), {"Volumes": [volume.to_wire()]})

    async def deregister(self, id: str, *, force: bool = False) -> None:
        """Forget the volume; the storage provider keeps it.

        Raises:
            ServerError: an allocation still uses it.
        """
        await self._api.write("DELETE", self._path(id), params={"force": force or None})

    async def delete(self, id: str) -> None:
        """Let the storage provider delete the volume with what is in it, and forget it."""
        await self._api.write("DELETE", self._path(id, "delete"))
