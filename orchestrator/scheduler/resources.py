"""What allocations use of a node and what it has: CPU in MHz, memory and disk in MiB."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nomad_api.models import Node, Resources
from nomad_api.models.allocation import (
    AllocatedCPU,
    AllocatedMemory,
    AllocatedPort,
    AllocatedResources,
    AllocatedSharedResources,
    AllocatedTaskResources,
)
from nomad_api.models.job import Network, TaskGroup
from orchestrator.scheduler.metrics import NO_RESOURCES


@dataclass(frozen=True)
class Amount:
    """Comparable resources."""

    cpu: int = 0
    memory: int = 0
    disk: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.cpu + other.cpu, self.memory + other.memory, self.disk + other.disk)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(self.cpu - other.cpu, self.memory - other.memory, self.disk - other.disk)

    def most(self, other: "Amount") -> "Amount":
        """The greater of both, dimension by dimension."""
        return Amount(max(self.cpu, other.cpu), max(self.memory, other.memory), max(self.disk, other.disk))

    def exceeded_by(self, other: "Amount") -> str | None:
        """The first dimension in which `other` is more than this, None if it fits."""
        return next((name for name in ("cpu", "memory", "disk") if getattr(other, name) > getattr(self, name)), None)


def capacity(node: Node) -> Amount:
    """What allocations may use of the node: what it has without what is reserved for others."""
    return _of_node(node.node_resources) - _of_node(node.reserved_resources)


def needed_by(resources: AllocatedResources) -> Amount:
    """The most that the tasks of an allocation use at one time.

    Prestart tasks that end and poststop tasks run apart from the main ones, so the larger counts; sidecars run beside all.
    """
    main = before = after = beside = Amount()
    for name, task in resources.tasks.items():
        amount = Amount(task.cpu.cpu_shares, task.memory.memory_mb)
        lifecycle = resources.task_lifecycles.get(name) or {}
        hook, sidecar = lifecycle.get("Hook"), lifecycle.get("Sidecar")
        if hook == "prestart" and sidecar:
            beside += amount
        elif hook == "prestart":
            before += amount
        elif hook == "poststop":
            after += amount
        else:
            main += amount
    return main.most(before).most(after) + beside + Amount(disk=resources.shared.disk_mb)


def allocated(
    group: TaskGroup, networks: list[Network] | None = None, ports: list[AllocatedPort] | None = None
) -> AllocatedResources:
    """What an allocation of the group is given."""
    tasks = {}
    for task in group.tasks or ():
        wanted = task.resources or NO_RESOURCES
        tasks[task.name] = AllocatedTaskResources(
            cpu=AllocatedCPU(cpu_shares=wanted.cpu or 0),
            memory=AllocatedMemory(memory_mb=(wanted.memory_mb or 0) + (wanted.secrets_mb or 0)),
        )
    lifecycles = {task.name: task.lifecycle.to_wire() if task.lifecycle else None for task in group.tasks or ()}
    disk = (group.ephemeral_disk.size_mb if group.ephemeral_disk else None) or 0
    shared = AllocatedSharedResources(disk_mb=disk, networks=networks, ports=ports)
    return AllocatedResources(tasks=tasks, task_lifecycles=lifecycles, shared=shared)


def flattened(given: AllocatedResources) -> dict[str, Any]:
    """The fields `resources`, `task_resources` and `shared_resources` of an allocation, which old clients of the API read."""
    per_task = {
        name: NO_RESOURCES.evolve(
            cpu=task.cpu.cpu_shares, memory_mb=task.memory.memory_mb, memory_max_mb=task.memory.memory_max_mb
        )
        for name, task in given.tasks.items()
    }
    amount = Amount()
    for task in given.tasks.values():
        amount += Amount(task.cpu.cpu_shares, task.memory.memory_mb)
    total = NO_RESOURCES.evolve(
        cpu=amount.cpu,
        memory_mb=amount.memory,
        memory_max_mb=sum(task.memory.memory_max_mb or task.memory.memory_mb for task in given.tasks.values()),
        disk_mb=given.shared.disk_mb,
        networks=given.shared.networks,
    )
    shared: Resources = NO_RESOURCES.evolve(disk_mb=given.shared.disk_mb, networks=given.shared.networks)
    return {"resources": total, "task_resources": per_task, "shared_resources": shared}


def _of_node(resources: Mapping[str, Any] | None) -> Amount:
    resources = resources or {}

    def value(part: str, key: str) -> int:
        return int((resources.get(part) or {}).get(key) or 0)

    return Amount(value("Cpu", "CpuShares"), value("Memory", "MemoryMB"), value("Disk", "DiskMB"))
