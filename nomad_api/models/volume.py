"""Volumes: directories of a node that Nomad made or knows (host), and those of a storage provider's plugin (CSI)."""

from typing import Any

from pydantic import Field

from nomad_api.models.base import Wire


class VolumeCapability(Wire):
    """How a volume may be used: `attachment_mode` such as `file-system`, `access_mode` such as `single-node-writer`."""

    attachment_mode: str = ""
    access_mode: str = ""


class HostVolumeStub(Wire):
    """A host volume in a list. Several volumes of a namespace can share a name, on different nodes; the ID is the server's."""

    namespace: str = ""
    id: str = ""
    name: str = ""
    plugin_id: str = ""
    node_pool: str = ""
    node_id: str = ""
    capacity_bytes: int = 0
    state: str = ""
    create_index: int = 0
    create_time: int = 0
    modify_index: int = 0
    modify_time: int = 0


class HostVolume(HostVolumeStub):
    """A host volume. One with a `host_path` of the caller's exists already and is only registered."""

    constraints: list[dict[str, Any]] | None = None
    requested_capacity_min_bytes: int = 0
    requested_capacity_max_bytes: int = 0
    requested_capabilities: list[VolumeCapability] | None = None
    parameters: dict[str, str] | None = None
    host_path: str = ""
    allocations: list[dict[str, Any]] | None = None


class MountOptions(Wire):
    """How a file system is mounted."""

    fs_type: str = Field(default="", alias="FSType")
    mount_flags: list[str] | None = None


class CSIVolumeStub(Wire):
    """A CSI volume in a list."""

    id: str = ""
    namespace: str = ""
    name: str = ""
    external_id: str = ""
    topologies: list[dict[str, Any]] | None = None
    access_mode: str = ""
    attachment_mode: str = ""
    schedulable: bool = False
    plugin_id: str = ""
    provider: str = ""
    controller_required: bool = False
    controllers_healthy: int = 0
    controllers_expected: int = 0
    nodes_healthy: int = 0
    nodes_expected: int = 0
    create_index: int = 0
    create_time: int = 0
    modify_index: int = 0
    modify_time: int = 0


class CSIVolume(CSIVolumeStub):
    """A CSI volume. `external_id` is the storage provider's own name of it; the values of its `secrets` are never shown."""

    requested_topologies: dict[str, Any] | None = None
    mount_options: MountOptions | None = None
    secrets: dict[str, str] | None = None
    parameters: dict[str, str] | None = None
    context: dict[str, str] | None = None
    capacity: int = 0
    requested_capacity_min: int = 0
    requested_capacity_max: int = 0
    requested_capabilities: list[VolumeCapability] | None = None
    clone_id: str = ""
    snapshot_id: str = ""
    read_allocs: dict[str, Any] | None = None
    write_allocs: dict[str, Any] | None = None
    allocations: list[dict[str, Any]] | None = None
    provider_version: str = ""
