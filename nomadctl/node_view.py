"""A node in words: its head, drivers, events, resources and attributes."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nomadctl.output import heading, moment, nanoseconds, pairs, size, table

if TYPE_CHECKING:
    from nomad_api.models import Allocation, Node

_MB: Final = 1024 * 1024


def node_head(node: "Node", running: "Sequence[Allocation]", *, uptime: int | None, names: bool, drivers: str) -> str:
    """The head of `node status`. `names` adds those of volumes and networks, and the drivers under the title given."""
    from nomad_api.duration import SECOND, format_duration

    rows: list[tuple[str, object]] = [
        ("ID", node.id),
        ("Name", node.name),
        ("Node Pool", node.node_pool),
        ("Class", node.node_class),
        ("DC", node.datacenter),
        ("Drain", _drain(node)),
        ("Eligibility", node.scheduling_eligibility),
        ("Status", node.status),
        ("CSI Controllers", _names(node.csi_controller_plugins)),
        ("CSI Drivers", _names(node.csi_node_plugins)),
    ]
    if uptime is not None:
        rows.append(("Uptime", format_duration(uptime * SECOND)))
    if names:
        rows += [
            ("Host Volumes", _names(node.host_volumes)),
            ("Host Networks", _names(node.host_networks)),
            ("CSI Volumes", ",".join(sorted(_csi_volumes(running)))),
            (drivers, _drivers(node)),
        ]
    return pairs(rows)


def driver_table(node: "Node") -> str:
    """The drivers of a node."""
    rows = [
        (name, info.detected, info.healthy, info.health_description, moment(info.update_time))
        for name, info in sorted((node.drivers or {}).items())
    ]
    return f"{heading('Drivers')}\n{table([('Driver', 'Detected', 'Healthy', 'Message', 'Time'), *rows])}"


def volume_table(node: "Node") -> str:
    """The host volumes and host networks of a node, empty if it has none."""
    parts = []
    if node.host_volumes:
        rows = [(name, volume.get("ReadOnly"), volume.get("Path")) for name, volume in sorted(node.host_volumes.items())]
        parts.append(f"{heading('Host Volumes')}\n{table([('Name', 'ReadOnly', 'Source'), *rows])}")
    if node.host_networks:
        networks = [
            (name, network.get("CIDR"), network.get("Interface"), network.get("ReservedPorts"))
            for name, network in sorted(node.host_networks.items())
        ]
        parts.append(f"{heading('Host Networks')}\n{table([('Name', 'CIDR', 'Interface', 'ReservedPorts'), *networks])}")
    return "\n".join(parts)


def event_table(node: "Node", verbose: bool) -> str:
    """What happened to a node, the latest first."""
    titles = ["Time", "Subsystem", "Message", *(["Details"] if verbose else [])]
    rows = []
    for event in reversed(node.events or ()):
        details = event.details or {}
        subsystem = f"Driver: {details['driver']}" if details.get("driver") else event.subsystem
        listed = ", ".join(f"{key}: {value}" for key, value in sorted(details.items()))
        rows.append([moment(event.timestamp), subsystem, event.message, *([listed] if verbose else [])])
    return f"{heading('Node Events')}\n{table([titles, *rows])}"


def allocated(node: "Node", running: "Sequence[Allocation]") -> str:
    """What the allocations of a node may use."""
    total = _total(node)
    asked = [allocation.resources for allocation in running if allocation.resources is not None]
    count = f"{len(running)}/{node.node_max_allocs}" if node.node_max_allocs else str(len(running))
    memory, disk = sum(r.memory_mb or 0 for r in asked), sum(r.disk_mb or 0 for r in asked)
    row = (
        f"{sum(r.cpu or 0 for r in asked)}/{total['cpu']} MHz",
        f"{size(memory * _MB)}/{size(total['memory'] * _MB)}",
        f"{size(disk * _MB)}/{size(total['disk'] * _MB)}",
        count,
    )
    return f"{heading('Allocated Resources')}\n{table([('CPU', 'Memory', 'Disk', 'Alloc Count'), row])}"


def used(node: "Node", stats: Sequence[Mapping[str, Any]]) -> str:
    """What the allocations of a node do use; `stats` are the answers about each."""
    total = _total(node)
    usage = [entry.get("ResourceUsage") or {} for entry in stats]
    ticks = sum((entry.get("CpuStats") or {}).get("TotalTicks") or 0 for entry in usage)
    memories = [entry.get("MemoryStats") or {} for entry in usage]
    memory = sum(entry.get("Usage") or entry.get("RSS") or 0 for entry in memories)
    row = (f"{math.floor(ticks)}/{total['cpu']} MHz", f"{size(memory)}/{size(total['memory'] * _MB)}")
    return f"{heading('Allocation Resource Utilization')}\n{table([('CPU', 'Memory'), row])}"


def host_used(node: "Node", host: Mapping[str, Any]) -> str:
    """What all programs on the node's machine use."""
    shares = ((node.node_resources or {}).get("Cpu") or {}).get("CpuShares", 0)
    memory = host.get("Memory") or {}
    device = (node.attributes or {}).get("unique.storage.volume", "")
    disk = next((entry for entry in host.get("DiskStats") or () if entry.get("Device") == device), None)
    row = (
        f"{math.floor(host.get('CPUTicksConsumed') or 0)}/{shares} MHz",
        f"{size(memory.get('Used') or 0)}/{size(memory.get('Total') or 0)}",
        f"{size(disk['Used'])}/{size(disk['Size'])}" if disk else f"({device})",
    )
    return f"{heading('Host Resource Utilization')}\n{table([('CPU', 'Memory', 'Disk'), row])}"


def host_statistics(host: Mapping[str, Any]) -> str:
    """The machine's processors, memory and disks, each in full."""
    cpus = [
        pairs([("CPU", cpu.get("CPU")), *((name, f"{cpu.get(name) or 0:.2f}%") for name in ("User", "System", "Idle"))])
        for cpu in host.get("CPU") or ()
    ]
    memory = host.get("Memory") or {}
    disks = [
        pairs(
            [
                ("Device", disk.get("Device")),
                ("MountPoint", disk.get("Mountpoint")),
                *((name, size(disk.get(name) or 0)) for name in ("Size", "Used", "Available")),
                ("Used Percent", f"{disk.get('UsedPercent') or 0:.2f}%"),
                ("Inodes Percent", f"{disk.get('InodesUsedPercent') or 0:.2f}%"),
            ]
        )
        for disk in host.get("DiskStats") or ()
    ]
    sizes = pairs([(name, size(memory.get(name) or 0)) for name in ("Total", "Available", "Used", "Free")])
    blocks = (("CPU Stats", "\n\n".join(cpus)), ("Memory Stats", sizes), ("Disk Stats", "\n\n".join(disks)))
    return "\n".join(f"{heading(title)}\n{text}" for title, text in blocks)


def attributes(node: "Node") -> str:
    """The attributes and the metadata of a node."""
    blocks = (("Attributes", node.attributes), ("Meta", node.meta))
    return "\n".join(f"{heading(title)}\n{pairs(sorted((values or {}).items()))}" for title, values in blocks)


def _drain(node: "Node") -> str:
    strategy = node.drain_strategy
    if strategy is None:
        return "true" if node.drain else "false"
    deadline = strategy.get("ForceDeadline")
    if (strategy.get("Deadline") or 0) < 0:
        text = "true; force drain"
    elif not nanoseconds(deadline):
        text = "true; no deadline"
    else:
        text = f"true; {moment(deadline)} deadline"
    return text + ("; ignoring system jobs" if strategy.get("IgnoreSystemJobs") else "")


def _drivers(node: "Node") -> str:
    known = sorted((node.drivers or {}).items())
    return ",".join(name if info.healthy else f"{name} (unhealthy)" for name, info in known if info.detected)


def _names(things: Mapping[str, Any] | None) -> str:
    return ",".join(sorted(things or ()))


def _csi_volumes(running: "Sequence[Allocation]") -> set[str]:
    return {
        volume.name
        for allocation in running
        if allocation.job and (group := allocation.job.group(allocation.task_group))
        for volume in (group.volumes or {}).values()
        if volume.type == "csi"
    }


def _total(node: "Node") -> dict[str, int]:
    """What a node has for allocations, beyond what is reserved for others."""
    has, reserved = node.node_resources or {}, node.reserved_resources or {}

    def left(kind: str, field: str) -> int:
        return int((has.get(kind) or {}).get(field) or 0) - int((reserved.get(kind) or {}).get(field) or 0)

    return {"cpu": left("Cpu", "CpuShares"), "memory": left("Memory", "MemoryMB"), "disk": left("Disk", "DiskMB")}
