"""Nodes: the machines that run allocations."""

from typing import Any

from pydantic import Field

from nomad_api.models.base import Wire
from nomad_api.models.job import Sparse


class DriverInfo(Wire):
    """What a node knows of one of its task drivers."""

    attributes: dict[str, str] | None = None
    detected: bool = False
    healthy: bool = False
    health_description: str = ""
    update_time: str = ""


class NodeEvent(Wire):
    message: str = ""
    subsystem: str = ""
    details: dict[str, str] | None = None
    timestamp: str = ""
    create_index: int = 0


class Node(Wire):
    """A machine that runs allocations: its attributes, drivers and resources as fingerprinted."""

    id: str
    datacenter: str = ""
    name: str = ""
    cgroup_parent: str = ""
    http_addr: str = ""
    tls_enabled: bool = False
    attributes: dict[str, str] | None = None
    resources: Sparse[dict[str, Any]]
    reserved: Sparse[dict[str, Any]]
    node_resources: dict[str, Any] | None = None
    reserved_resources: dict[str, Any] | None = None
    links: dict[str, str] | None = None
    meta: dict[str, str] | None = None
    node_class: str = ""
    node_pool: str = ""
    computed_class: Sparse[str]
    drain: bool = False
    drain_strategy: dict[str, Any] | None = None
    scheduling_eligibility: str = ""
    status: str = ""
    status_description: str = ""
    status_updated_at: int = 0
    events: list[NodeEvent] | None = None
    drivers: dict[str, DriverInfo] | None = None
    csi_controller_plugins: dict[str, Any] | None = None
    csi_node_plugins: dict[str, Any] | None = None
    host_volumes: dict[str, Any] | None = None
    host_networks: dict[str, Any] | None = None
    gc_volumes_on_node_gc: bool = Field(default=False, alias="GCVolumesOnNodeGC")
    last_drain: dict[str, Any] | None = None
    node_max_allocs: int = 0
    secret_id: str = ""
    identity_signing_key_id: str = ""
    last_alloc_update_index: int = 0
    last_missed_heartbeat_index: int = 0
    create_index: int = 0
    modify_index: int = 0


class NodeStub(Wire):
    """A node in a list."""

    address: str = ""
    id: str
    attributes: Sparse[dict[str, str]]
    datacenter: str = ""
    name: str = ""
    node_pool: str = ""
    node_class: str = ""
    version: str = ""
    drain: bool = False
    scheduling_eligibility: str = ""
    status: str = ""
    status_description: str = ""
    drivers: dict[str, DriverInfo] | None = None
    host_volumes: dict[str, Any] | None = None
    node_resources: Sparse[dict[str, Any]]
    reserved_resources: Sparse[dict[str, Any]]
    last_drain: dict[str, Any] | None = None
    create_index: int = 0
    modify_index: int = 0
