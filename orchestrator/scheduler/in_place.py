"""Which changes of a job need new allocations, and which a running one can take in.

Everything that the tasks of an allocation have already been started with cannot be changed under them; services, constraints,
counts and policies can.
"""

from typing import Any

from nomad_api.models import Job, Task
from nomad_api.models.job import Network, Resources, RestartPolicy, TaskGroup

_TASK_FIELDS = (
    "driver",
    "user",
    "config",
    "env",
    "artifacts",
    "vault",
    "consul",
    "secrets",
    "templates",
    "volume_mounts",
    "csi_plugin_config",
    "identity",
    "identities",
)
_RESOURCE_FIELDS = ("cpu", "cores", "memory_mb", "memory_max_mb", "devices", "numa", "secrets_mb")


def needs_replacement(old: Job, new: Job, group: str) -> bool:
    """Whether allocations of a group that run the old version must be replaced to run the new one."""
    before, after = old.group(group), new.group(group)
    if before is None or after is None:
        return True
    if (
        len(before.tasks or ()) != len(after.tasks or ())
        or before.ephemeral_disk != after.ephemeral_disk
        or _networks(before.networks) != _networks(after.networks)
        or before.consul != after.consul
        or _connect(before) != _connect(after)
        or (before.volumes or {}) != (after.volumes or {})
        or _renders(before.restart_policy) != _renders(after.restart_policy)
    ):
        return True
    return any(
        (known := after.task(task.name)) is None or _task_differs(old, new, group, task, known) for task in before.tasks or ()
    )


def _task_differs(old: Job, new: Job, group: str, before: Task, after: Task) -> bool:
    return (
        any((getattr(before, name) or None) != (getattr(after, name) or None) for name in _TASK_FIELDS)
        or _meta(old, group, before) != _meta(new, group, after)
        or _resources(before.resources) != _resources(after.resources)
        or _logs_disabled(before) != _logs_disabled(after)
        or _renders(before.restart_policy) != _renders(after.restart_policy)
    )


def _meta(job: Job, group: str, task: Task) -> dict[str, str]:
    """What the task sees: its own metadata over those of the group and the job."""
    of_group = job.group(group)
    return (job.meta or {}) | ((of_group.meta if of_group else None) or {}) | (task.meta or {})


def _networks(networks: list[Network] | None) -> list[Any]:
    """What matters of networks: the values of dynamic ports are the scheduler's."""
    return [
        (
            network.mode,
            network.mbits or 0,
            network.hostname,
            network.dns,
            network.cni,
            sorted((port.label, port.value, port.to, port.host_network) for port in network.reserved_ports or ()),
            sorted((port.label, port.to, port.host_network) for port in network.dynamic_ports or ()),
        )
        for network in networks or ()
    ]


def _resources(resources: Resources | None) -> tuple[Any, ...]:
    if resources is None:
        return ()
    return (_networks(resources.networks), *((getattr(resources, name) or None) for name in _RESOURCE_FIELDS))


def _connect(group: TaskGroup) -> list[Any]:
    return [(service.name, service.connect) for service in group.services or () if service.connect]


def _renders(policy: RestartPolicy | None) -> bool:
    return bool(policy and policy.render_templates)


def _logs_disabled(task: Task) -> bool:
    return bool(task.log_config and task.log_config.disabled)
