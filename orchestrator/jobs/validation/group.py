"""Checks of a task group."""

from collections.abc import Iterator

from nomad_api.models.job import Job, Network, Port, TaskGroup, VolumeRequest
from orchestrator.jobs.validation import policies
from orchestrator.jobs.validation.constraints import affinity_blocks, constraint_blocks, spread_blocks
from orchestrator.jobs.validation.problems import inside, quoted
from orchestrator.jobs.validation.services import group_services, script_checks
from orchestrator.jobs.validation.task import task_problems

_MAX_PORT = 65535


def group_problems(group: TaskGroup, job: Job) -> Iterator[str]:
    """All that is wrong with a group and its tasks."""
    if not group.name:
        yield "Missing task group name"
    elif "\0" in group.name:
        yield "Task group name contains null character"
    if (group.count or 0) < 0:
        yield "Task group count can't be negative"
    if not group.tasks:
        yield "Missing tasks for task group"
    if group.disconnect:
        yield from policies.disconnect(group.disconnect, job.type)
    if group.max_run_duration is not None:
        if group.max_run_duration <= 0:
            yield "MaxRunDuration must be greater than zero"
        if job.type not in ("batch", "sysbatch"):
            yield f"Job type {quoted(job.type)} does not allow max_run_duration"
    yield from constraint_blocks(group.constraints)
    yield from affinity_blocks(group.affinities, job.type)
    if group.restart_policy:
        yield from policies.restart(group.restart_policy)
    yield from spread_blocks(group.spreads, job.type)
    yield from _policies(group, job)
    yield from _tasks(group)
    canaries = (group.update.canary if group.update else 0) or 0
    for name, volume in (group.volumes or {}).items():
        yield from inside(f"Task group volume validation for {name} failed", _volume(volume, group, job, canaries))
    yield from inside("Task group network validation failed", _networks(group))
    yield from inside("Task group service validation failed", group_services(group))
    yield from inside("Task group service check validation failed", script_checks(group))
    if group.scaling:
        yield from inside("Task group scaling policy validation failed", policies.scaling(group.scaling, group.count or 0))
    for task in group.tasks or ():
        yield from inside(f"Task {task.name} validation failed", task_problems(task, group, job.type))


def _policies(group: TaskGroup, job: Job) -> Iterator[str]:
    if group.reschedule_policy:
        if job.type in ("system", "sysbatch"):
            yield "System or sysbatch jobs should not have a reschedule policy"
        else:
            yield from policies.reschedule(group.reschedule_policy)
    size = (group.ephemeral_disk.size_mb if group.ephemeral_disk else None) or 0
    if size < 10:
        yield f"minimum DiskMB value is 10; got {size}"
    if group.update:
        if job.type not in ("service", "system"):
            yield f"Job type {quoted(job.type)} does not allow update block"
        yield from policies.update(group.update)
    if group.migrate:
        if job.type == "service":
            yield from policies.migrate(group.migrate)
        else:
            yield f"Job type {quoted(job.type)} does not allow migrate block"


def _tasks(group: TaskGroup) -> Iterator[str]:
    numbers: dict[str, int] = {}
    tasks = group.tasks or []
    for number, task in enumerate(tasks, 1):
        if not task.name:
            yield f"Task {number} missing name"
        elif task.name in numbers:
            yield f"Task {number} redefines '{task.name}' from task {numbers[task.name]}"
        else:
            numbers[task.name] = number
    if sum(task.leader for task in tasks) > 1:
        yield "Only one task may be marked as leader"
    if tasks and all(task.lifecycle for task in tasks):
        yield f"Task group {group.name} must have at least one main task"


def _networks(group: TaskGroup) -> Iterator[str]:
    labels: set[str] = set()
    taken: dict[tuple[str, int], str] = {}
    arguments: set[str] = set()
    for network in group.networks or ():
        for port in _ports(network):
            if port.label in labels:
                yield f"Port label {port.label} already in use by taskgroup network"
            labels.add(port.label)
            yield from _static(port, "taskgroup network", taken)
            if port.to < -1:
                yield f"Port {quoted(port.label)} cannot be mapped to negative value {port.to}"
            elif port.to > _MAX_PORT:
                yield f"Port {quoted(port.label)} cannot be mapped to a port ({port.to}) greater than {_MAX_PORT}"
            if port.ignore_collision and network.mode not in ("", "host"):
                yield (
                    f"Port {quoted(port.label)} collision may not be ignored on non-host network mode {quoted(network.mode)}"
                )
        for key, value in ((network.cni.args if network.cni else None) or {}).items():
            if key in arguments:
                yield f"duplicate CNI arg {quoted(key)}"
            arguments.add(key)
            if ";" in key:
                yield f"invalid ';' character in CNI arg key {quoted(key)}"
            if ";" in value:
                yield f"invalid ';' character in CNI arg value {quoted(value)}"
        if network.hostname and "${" not in network.hostname and not _is_domain(network.hostname):
            yield "Hostname is not a valid DNS name"
    for task in group.tasks or ():
        for network in (task.resources.networks if task.resources else None) or ():
            for port in _ports(network):
                if port.label in labels:
                    yield f"Port label {port.label} already in use by taskgroup network"
                yield from _static(port, task.name, taken)


def _ports(network: Network) -> list[Port]:
    return [*(network.reserved_ports or ()), *(network.dynamic_ports or ())]


def _static(port: Port, owner: str, taken: dict[tuple[str, int], str]) -> Iterator[str]:
    if not port.value:
        return
    key = (port.host_network or "default", port.value)
    if key in taken:
        if not port.ignore_collision:
            yield f"Static port {port.value} already reserved by {taken[key]}"
    elif port.value > _MAX_PORT:
        yield f"Port {port.label} ({port.value}) cannot be greater than {_MAX_PORT}"
    else:
        taken[key] = f"{owner}:{port.label}"


def _is_domain(name: str) -> bool:
    labels = name.removesuffix(".").split(".")
    return len(name) <= 254 and all(0 < len(label) <= 63 for label in labels)


def _volume(volume: VolumeRequest, group: TaskGroup, job: Job, canaries: int) -> Iterator[str]:
    if not volume.source:
        yield "volume has an empty source"
    if volume.per_alloc:
        if job.type in ("system", "sysbatch"):
            yield "volume cannot be per_alloc for system or sysbatch jobs"
        if canaries > 0:
            yield "volume cannot be per_alloc when canaries are in use"
        if volume.sticky:
            yield "volume cannot be per_alloc and sticky at the same time"
    mode = volume.access_mode
    if volume.type == "host":
        if volume.mount_options is not None:
            yield "host volumes cannot have mount options"
        if mode == "single-node-reader-only":
            if not volume.read_only:
                yield f"{mode} volumes must be read-only"
        elif mode not in ("", "single-node-writer", "single-node-single-writer", "single-node-multi-writer"):
            yield f"host volumes cannot be mounted with {mode} access mode"
        return
    if not volume.attachment_mode:
        yield "CSI volumes must have an attachment mode"
    elif volume.attachment_mode == "block-device" and volume.mount_options is not None:
        yield "block devices cannot have mount options"
    shared = (group.count or 0) > 1 and not volume.per_alloc
    if not mode:
        yield "CSI volumes must have an access mode"
    if mode in ("single-node-reader-only", "multi-node-reader-only") and not volume.read_only:
        yield f"{mode} volumes must be read-only"
    if mode == "single-node-reader-only" and shared:
        yield f"volume with {mode} access mode allows only one reader"
    if mode == "single-node-writer" and shared:
        yield f"volume with {mode} access mode allows only one reader or writer"
    if mode == "multi-node-single-writer" and shared and not volume.read_only:
        yield f"volume with {mode} access mode allows only one writer"
