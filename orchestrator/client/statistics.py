"""Measurements of the host and of allocations, in the shape of Nomad's `stats` routes."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from orchestrator.client.clock import Clock
from orchestrator.client.drivers.base import TaskUsage


class CpuMeter:
    """Turns processor time, of which only the sum is known, into a share of a core since it was last asked."""

    def __init__(self, clock: Clock, mhz: int) -> None:
        self._clock = clock
        self._mhz = mhz
        self._last: dict[str, tuple[float, float, float]] = {}

    def rate(self, key: str, user: float, system: float) -> dict[str, float]:
        """Percent of a core spent by the user and the system, and what that is in MHz."""
        now = self._clock.monotonic()
        before, user_before, system_before = self._last.get(key, (now, user, system))
        self._last[key] = now, user, system
        elapsed = now - before
        if elapsed <= 0:
            return {"UserMode": 0.0, "SystemMode": 0.0, "Percent": 0.0, "TotalTicks": 0.0}
        user_mode = max(0.0, (user - user_before) / elapsed * 100)
        system_mode = max(0.0, (system - system_before) / elapsed * 100)
        percent = user_mode + system_mode
        return {"UserMode": user_mode, "SystemMode": system_mode, "Percent": percent, "TotalTicks": percent / 100 * self._mhz}

    def forget(self, prefix: str) -> None:
        self._last = {key: value for key, value in self._last.items() if not key.startswith(prefix)}


def allocation_stats(
    allocation_id: str, usages: Mapping[str, TaskUsage | None], meter: CpuMeter, clock: Clock
) -> dict[str, Any]:
    """What the tasks of an allocation use, each and together; a task that is not measured is null."""
    now = clock.now()
    tasks: dict[str, Any] = {}
    total = TaskUsage(memory_measured=(), cpu_measured=())
    for name, usage in usages.items():
        if usage is None:
            tasks[name] = None
            continue
        key = f"{allocation_id}/{name}"
        pids = {
            str(pid): _resource_usage(part, meter.rate(f"{key}/{pid}", part.user_seconds, part.system_seconds))
            for pid, part in usage.pids.items()
        }
        rate = meter.rate(key, usage.user_seconds, usage.system_seconds)
        tasks[name] = {"ResourceUsage": _resource_usage(usage, rate), "Timestamp": now, "Pids": pids or None}
        total = TaskUsage(
            total.rss + usage.rss, total.user_seconds + usage.user_seconds, total.system_seconds + usage.system_seconds
        )
    rate = meter.rate(allocation_id, total.user_seconds, total.system_seconds)
    summed = _resource_usage(total, rate) | {"DeviceStats": []}
    return {"ResourceUsage": summed, "Tasks": tasks, "Timestamp": now if tasks else 0}


def host_stats(alloc_dir: Path, meter: CpuMeter, clock: Clock) -> dict[str, Any]:
    """Memory, processors, disks and uptime of the node."""
    memory = psutil.virtual_memory()
    cpus = []
    ticks = 0.0
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        rate = meter.rate(f"host/{number}", times.user, times.system)
        idle = max(0.0, 100.0 - rate["Percent"])
        cpus.append(
            {
                "CPU": f"cpu{number}",
                "User": rate["UserMode"],
                "System": rate["SystemMode"],
                "Idle": idle,
                "TotalPercent": rate["Percent"],
                "TotalTicks": rate["TotalTicks"],
            }
        )
        ticks += rate["TotalTicks"]
    return {
        "Memory": {"Total": memory.total, "Available": memory.available, "Used": memory.used, "Free": memory.free},
        "CPU": cpus,
        "DiskStats": [_disk(partition.mountpoint, partition.device) for partition in psutil.disk_partitions()],
        "AllocDirStats": _disk(str(alloc_dir), ""),
        "DeviceStats": [],
        "Uptime": int(time.time() - psutil.boot_time()),
        "CPUTicksConsumed": ticks,
        "Timestamp": clock.now(),
    }


def _resource_usage(usage: TaskUsage, rate: Mapping[str, float]) -> dict[str, Any]:
    return {
        "MemoryStats": {
            "RSS": usage.rss,
            "Cache": 0,
            "Swap": 0,
            "MappedFile": 0,
            "Usage": usage.rss,
            "MaxUsage": 0,
            "KernelUsage": 0,
            "KernelMaxUsage": 0,
            "Measured": list(usage.memory_measured) or None,
        },
        "CpuStats": {**rate, "ThrottledPeriods": 0, "ThrottledTime": 0, "Measured": list(usage.cpu_measured) or None},
        "DeviceStats": None,
    }


def _disk(path: str, device: str) -> dict[str, Any]:
    usage = shutil.disk_usage(path)
    return {
        "Device": device,
        "Mountpoint": path if device else "",
        "Size": usage.total,
        "Used": usage.used,
        "Available": usage.free,
        "UsedPercent": usage.used / usage.total * 100 if usage.total else 0.0,
        "InodesUsedPercent": 0.0,
    }
