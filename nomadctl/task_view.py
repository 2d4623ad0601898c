"""The tasks of an allocation: their resources, state and recent events."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nomadctl.output import bold, instant, moment, nanoseconds, pairs, quoted, size, table

if TYPE_CHECKING:
    from nomad_api.models import Allocation, Lifecycle, Resources, TaskEvent, TaskState

_MB: Final = 1024 * 1024

_MEMORY: Final = {
    "RSS": "RSS",
    "Cache": "Cache",
    "Swap": "Swap",
    "Usage": "Usage",
    "Max Usage": "MaxUsage",
    "Kernel Usage": "KernelUsage",
    "Kernel Max Usage": "KernelMaxUsage",
}
_CPU: Final = {"Percent": "Percent", "User Mode": "UserMode", "System Mode": "SystemMode"}
_THROTTLED: Final = {"Throttled Periods": "ThrottledPeriods", "Throttled Time": "ThrottledTime"}


def task_details(allocation: "Allocation", stats: Mapping[str, Any], *, with_stats: bool) -> str:
    """Everything about each task; `stats` is the answer about resource usage, empty if there is none."""
    lifecycles = _lifecycles(allocation)
    usage = stats.get("Tasks") or {}
    parts = []
    for name, state in _in_order(allocation, lifecycles):
        lifecycle = lifecycles.get(name)
        role = f" ({_role(lifecycle)})" if lifecycle is not None and lifecycle.hook else ""
        parts.append(f"\n{bold(f'Task {quoted(name)}{role} is {quoted(state.state)}')}")
        resources = (allocation.task_resources or {}).get(name)
        used = (usage.get(name) or {}).get("ResourceUsage") or {}
        if resources is not None:
            parts.append(f"Task Resources:\n{_resources(allocation, resources, used)}")
        if with_stats and used:
            parts.append(_usage(used))
        parts += ["", *_volumes(allocation, name), _times(state), "", f"Recent Events:\n{_events(state.events or ())}"]
    return "\n".join(parts)


def task_summary(allocation: "Allocation") -> str:
    """One line for each task."""
    lifecycles = _lifecycles(allocation)
    rows = []
    for name, state in _in_order(allocation, lifecycles):
        last = state.events[-1] if state.events else None
        event, when = (last.type, instant(last.time)) if last else ("", "")
        rows.append((name, state.state, event, when, _role(lifecycles.get(name))))
    return table([("Name", "State", "Last Event", "Time", "Lifecycle"), *rows])


def _lifecycles(allocation: "Allocation") -> "dict[str, Lifecycle | None]":
    group = allocation.job.group(allocation.task_group) if allocation.job else None
    return {task.name: task.lifecycle for task in (group.tasks if group else None) or ()}


def _in_order(allocation: "Allocation", lifecycles: "Mapping[str, Lifecycle | None]") -> "list[tuple[str, TaskState]]":
    """Tasks that run once before or after the others first, then sidecars, then the main tasks; by name in each."""

    def rank(name: str) -> tuple[int, str]:
        lifecycle = lifecycles.get(name)
        return (2 if lifecycle is None else int(lifecycle.sidecar)), name

    return sorted((allocation.task_states or {}).items(), key=lambda item: rank(item[0]))


def _role(lifecycle: "Lifecycle | None") -> str:
    if lifecycle is None or not lifecycle.hook:
        return "main"
    return lifecycle.hook + (" sidecar" if lifecycle.sidecar else "")


def _resources(allocation: "Allocation", resources: "Resources", used: Mapping[str, Any]) -> str:
    """What the task may use, and does use where that is known."""
    cpu, memory = str(resources.cpu or 0), size((resources.memory_mb or 0) * _MB)
    if ticks := used.get("CpuStats"):
        cpu = f"{math.floor(ticks.get('TotalTicks') or 0)}/{cpu}"
    if stats := used.get("MemoryStats"):
        bytes_used = stats.get("RSS") or ("RSS" not in (stats.get("Measured") or ()) and stats.get("Usage")) or 0
        memory = f"{size(bytes_used)}/{memory}"
    disk = allocation.resources.disk_mb if allocation.resources else 0
    addresses = [
        f"{port.label}: {network.ip}:{port.value}"
        for network in resources.networks or ()
        for port in (*(network.dynamic_ports or ()), *(network.reserved_ports or ()))
    ]
    largest = resources.memory_max_mb or 0
    more = f"Max: {size(largest * _MB)}" if largest and largest != resources.memory_mb else ""
    title = f"CPU ({resources.cores} cores)" if resources.cores else "CPU"
    rows = [
        (title, "Memory", "Disk", "Addresses"),
        (f"{cpu} MHz", memory, size((disk or 0) * _MB), addresses[0] if addresses else ""),
    ]
    if more or len(addresses) > 1:
        rows.append(("", more, "", addresses[1] if len(addresses) > 1 else ""))
    rows += [("", "", "", address) for address in addresses[2:]]
    return table(rows, empty="")


def _usage(used: Mapping[str, Any]) -> str:
    parts = []
    memory, cpu = used.get("MemoryStats") or {}, used.get("CpuStats") or {}
    if measured := sorted(set(memory.get("Measured") or ()) & set(_MEMORY)):
        parts.append(f"\nMemory Stats\n{table([measured, [size(memory.get(_MEMORY[name]) or 0) for name in measured]])}\n")
    if measured := sorted(set(cpu.get("Measured") or ()) & {*_CPU, *_THROTTLED}):
        values = [
            f"{cpu.get(_CPU[name]) or 0:.2f}%" if name in _CPU else str(cpu.get(_THROTTLED[name]) or 0) for name in measured
        ]
        parts.append(f"CPU Stats\n{table([measured, values])}")
    return "\n".join(parts)


def _volumes(allocation: "Allocation", name: str) -> list[str]:
    """The volumes that the task mounts, host volumes and others apart."""
    group = allocation.job.group(allocation.task_group) if allocation.job else None
    task = group.task(name) if group else None
    requests = (group.volumes if group else None) or {}
    parts = []
    for kind, title in (("host", "Host Volumes:"), ("csi", "CSI Volumes:")):
        rows = [
            (requests[mount.volume].name, bool(mount.read_only))
            for mount in (task.volume_mounts if task else None) or ()
            if mount.volume in requests and requests[mount.volume].type == kind
        ]
        if rows:
            parts.append(f"{title}\n{table([('ID', 'Read Only'), *rows])}\n")
    return parts


def _times(state: "TaskState") -> str:
    def when(text: str | None) -> str:
        return moment(text) if nanoseconds(text) else "N/A"

    rows = [
        ("Started At", when(state.started_at)),
        ("Finished At", when(state.finished_at)),
        ("Total Restarts", state.restarts),
        ("Last Restart", when(state.last_restart)),
    ]
    return f"Task Events:\n{pairs(rows)}"


def _events(events: "Sequence[TaskEvent]") -> str:
    rows = [(instant(event.time), event.type, event.display_message or event.message) for event in reversed(events)]
    return table([("Time", "Type", "Description"), *rows])
