"""What a driver is told of a task, out of its job, its allocation and its node."""

from collections.abc import Callable
from typing import Any, Final

from nomad_api.models import TaskEvent
from nomad_api.models.job import LogConfig
from orchestrator.client.drivers.base import LogLimits, TaskConfig
from orchestrator.client.task_env import TaskPlace

DEFAULT_LOG_FILES: Final = 10
DEFAULT_LOG_FILE_MB: Final = 10


def task_config(
    place: TaskPlace, config: dict[str, Any], environment: dict[str, str], user: str, emit: Callable[[TaskEvent], None]
) -> TaskConfig:
    """The task as its driver starts or finds it; `config` has passed the driver's schema."""
    allocated = place.allocation.allocated_resources
    resources = allocated.tasks.get(place.task.name) if allocated else None
    network = next(iter(place.group.networks or ()), None)
    dns = network.dns if network else None
    return TaskConfig(
        allocation_id=place.allocation.id,
        name=place.task.name,
        directory=place.directory,
        labels=_labels(place),
        config=config,
        env=environment,
        user=user,
        logs=_log_limits(place.task.log_config or LogConfig()),
        cpu_shares=resources.cpu.cpu_shares if resources else 0,
        memory_mb=resources.memory.memory_mb if resources else 0,
        memory_max_mb=resources.memory.memory_max_mb if resources else 0,
        ports=tuple(place.allocation.ports.values()),
        network_mode=network.mode if network else "",
        dns={"servers": dns.servers or (), "searches": dns.searches or (), "options": dns.options or ()} if dns else {},
        emit=emit,
    )


def _log_limits(settings: LogConfig) -> LogLimits | None:
    if settings.disabled:
        return None
    return LogLimits(settings.max_files or DEFAULT_LOG_FILES, (settings.max_file_size_mb or DEFAULT_LOG_FILE_MB) << 20)


def _labels(place: TaskPlace) -> dict[str, str]:
    """What a container is labelled with, so that other tools know whose it is."""
    labels = {
        "alloc_id": place.allocation.id,
        "job_id": place.job.id or "",
        "job_name": place.job.name or "",
        "namespace": place.namespace,
        "node_id": place.node.id,
        "node_name": place.node.name,
        "task_group_name": place.group.name,
        "task_name": place.task.name,
    }
    return {f"com.hashicorp.nomad.{name}": value for name, value in labels.items()}
