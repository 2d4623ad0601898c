"""What a node is and has: attributes by Nomad's names, and resources in the shape the scheduler reads.

Everything is read from the kernel and takes a few milliseconds. Drivers and their attributes are added by the client.
"""

import os
import platform
import shutil
import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from nomad_api.models import Node
from nomad_api.models.node import DriverInfo, NodeEvent
from orchestrator.client.clock import Clock
from orchestrator.client.config import ClientConfig
from orchestrator.client.signals import NAMES
from orchestrator.timestamps import format_time

NOMAD_VERSION: Final = "2.0.6"
"""The version whose behaviour this agent has: jobs may be constrained by `${attr.nomad.version}`."""

_DEFAULT_MHZ: Final = 1000


def fingerprint(config: ClientConfig, node_id: str, clock: Clock) -> Node:
    """The node without its drivers."""
    attributes = _attributes(config)
    shares = int(attributes["cpu.totalcompute"])
    cores = psutil.cpu_count() or 1
    memory = psutil.virtual_memory().total >> 20
    disk = shutil.disk_usage(_existing(config.alloc_dir))
    return Node(
        id=node_id,
        datacenter=config.datacenter,
        name=config.name or socket.gethostname(),
        http_addr=config.http_address,
        cgroup_parent="nomad.slice" if attributes["os.cgroups.version"] == "2" else "/nomad",
        attributes=attributes,
        meta=dict(config.meta),
        node_class=config.node_class,
        node_pool=config.node_pool,
        links={},
        drivers={},
        host_volumes={},
        csi_controller_plugins={},
        csi_node_plugins={},
        scheduling_eligibility="eligible",
        status="ready",
        status_updated_at=clock.now() // 1_000_000_000,
        events=[NodeEvent(message="Node registered", subsystem="Cluster", timestamp=format_time(clock.now()))],
        node_resources=_resources(config, shares, cores, memory, disk.free >> 20),
        reserved_resources={
            "Cpu": {"CpuShares": config.reserved_cpu, "ReservedCpuCores": None},
            "Memory": {"MemoryMB": config.reserved_memory_mb},
            "Disk": {"DiskMB": 0},
            "Networks": {"ReservedHostPorts": config.reserved_ports},
        },
        resources={"CPU": shares, "MemoryMB": memory, "DiskMB": disk.free >> 20, "IOPS": 0, "Networks": [], "Devices": []},
        reserved={
            "CPU": config.reserved_cpu,
            "MemoryMB": config.reserved_memory_mb,
            "DiskMB": 0,
            "IOPS": 0,
            "Networks": [],
            "Devices": [],
        },
    )


def with_drivers(node: Node, drivers: Mapping[str, DriverInfo], clock: Clock) -> Node:
    """The node with what its drivers found out, as attributes too."""
    attributes = {key: value for key, value in (node.attributes or {}).items() if not key.startswith("driver.")}
    stamped = {name: driver.evolve(update_time=format_time(clock.now())) for name, driver in drivers.items()}
    for driver in stamped.values():
        attributes |= driver.attributes or {}
    return node.evolve(drivers=stamped, attributes=attributes)


def _attributes(config: ClientConfig) -> dict[str, str]:
    system = platform.uname()
    cores = psutil.cpu_count() or 1
    frequency = _mhz()
    shares = frequency * cores
    release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    disk = shutil.disk_usage(_existing(config.alloc_dir))
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine)
    return {
        "cpu.arch": arch,
        "cpu.frequency": str(frequency),
        "cpu.modelname": _model_name(),
        "cpu.numcores": str(cores),
        "cpu.reservablecores": str(cores),
        "cpu.totalcompute": str(shares),
        "cpu.usablecompute": str(shares - config.reserved_cpu),
        "kernel.arch": system.machine,
        "kernel.name": system.system.lower(),
        "kernel.version": system.release,
        "memory.totalbytes": str(psutil.virtual_memory().total),
        "nomad.bridge.hairpin_mode": "false",
        "nomad.revision": "",
        "nomad.service_discovery": "true",
        "nomad.version": NOMAD_VERSION,
        "numa.node.count": "1",
        "numa.node0.cores": f"0-{cores - 1}" if cores > 1 else "0",
        "os.cgroups.version": "2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "1",
        "os.name": release.get("ID", system.system.lower()),
        "os.signals": ",".join(sorted(NAMES)),
        "os.version": release.get("VERSION_ID", system.release),
        "unique.advertise.address": config.http_address,
        "unique.host_id": _host_id(),
        "unique.hostname": socket.gethostname(),
        "unique.network.ip-address": config.address,
        "unique.storage.bytestotal": str(disk.total),
        "unique.storage.volume": _mount_point(config.alloc_dir),
    }


def _resources(config: ClientConfig, shares: int, cores: int, memory: int, disk: int) -> dict[str, Any]:
    network = {"Mode": "host", "Device": "lo", "CIDR": f"{config.address}/32", "IP": config.address, "MBits": 1000}
    address = {"Family": "ipv4", "Address": config.address, "Alias": "default", "Gateway": "", "ReservedPorts": ""}
    node_network = {"Mode": "host", "Device": "lo", "MacAddress": "", "Speed": 1000, "Addresses": [address]}
    speed = shares // cores
    core = {"NodeID": 0, "SocketID": 0, "Grade": True, "Disable": False, "BaseSpeed": 0, "MaxSpeed": 0, "GuessSpeed": speed}
    return {
        "Cpu": {"CpuShares": shares, "TotalCpuCores": cores, "ReservableCpuCores": list(range(cores))},
        "Memory": {"MemoryMB": memory},
        "Disk": {"DiskMB": disk},
        "Networks": [{"Mode": "bridge"}, network],
        "NodeNetworks": [
            {"Mode": "bridge", "Device": "nomad", "MacAddress": "", "Speed": 0, "Addresses": None},
            node_network,
        ],
        "Devices": None,
        "MinDynamicPort": config.min_dynamic_port,
        "MaxDynamicPort": config.max_dynamic_port,
        "Processors": {
            "Topology": {
                "Nodes": [0],
                "Distances": None,
                "Cores": [core | {"ID": number} for number in range(cores)],
                "OverrideTotalCompute": 0,
                "OverrideWitholdCompute": 0,
            }
        },
    }


def _mhz() -> int:
    """The clock rate of a core; the kernel of a virtual machine may not tell it."""
    frequency = psutil.cpu_freq()
    return round(frequency.max or frequency.current or _DEFAULT_MHZ) if frequency else _DEFAULT_MHZ


def _model_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def _host_id() -> str:
    try:
        return str(uuid.UUID(Path("/etc/machine-id").read_text().strip()))
    except (OSError, ValueError):
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, socket.gethostname()))


def _existing(path: Path) -> Path:
    """The path or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _mount_point(path: Path) -> str:
    folder = _existing(path).resolve()
    while not os.path.ismount(folder):
        folder = folder.parent
    return str(folder)
