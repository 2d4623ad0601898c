"""The environment of a task, and what `${…}` in its job file stands for.

Two views exist of the same environment, because a container sees its folders under other names than the host does: `build`
gives the task's own, `on_host` the agent's, which places of templates and artifacts are interpolated with.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nomad_api.models import Allocation, Job, Node, Task, TaskGroup
from orchestrator.client.alloc_dir import TaskDir

_REFERENCE: Final = re.compile(r"\$\{([a-zA-Z0-9_.\-\[\]\"/]+)\}")
_ENV_INDEX: Final = re.compile(r'env\["([^"]+)"\]|env\.([A-Za-z0-9_]+)')
_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_.]")

HIDDEN: Final = frozenset(
    "CONSUL_TOKEN CONSUL_HTTP_TOKEN CONSUL_HTTP_TOKEN_FILE NOMAD_TOKEN VAULT_TOKEN AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS".split()
)
"""Variables of the agent that a task on the host does not inherit: credentials meant for the agent alone."""


@dataclass(frozen=True)
class Directories:
    """Where a task finds its folders."""

    alloc: str
    local: str
    secrets: str

    @classmethod
    def on_host(cls, directory: TaskDir) -> "Directories":
        return cls(str(directory.shared), str(directory.local), str(directory.secrets))


CONTAINER: Final = Directories("/alloc", "/local", "/secrets")


@dataclass(frozen=True)
class TaskPlace:
    """All that is known of a task before it runs: its place in an allocation, a job and on a node."""

    allocation: Allocation
    job: Job
    group: TaskGroup
    task: Task
    node: Node
    region: str
    directory: TaskDir

    @property
    def namespace(self) -> str:
        return self.allocation.namespace or "default"


class TaskEnvironment:
    """Builds the environment of one task; `added` grows while tokens are signed and templates rendered."""

    def __init__(self, place: TaskPlace, *, container: bool) -> None:
        self.place = place
        self.added: dict[str, str] = {}
        self.container = container
        self._attributes = _node_attributes(place)

    def build(self) -> dict[str, str]:
        """The environment as the task sees it. On the host it is the agent's own, without credentials, and the task's."""
        if self.container:
            return self._with(CONTAINER)
        inherited = {key: value for key, value in os.environ.items() if key not in HIDDEN}
        return inherited | self._with(Directories.on_host(self.place.directory))

    def on_host(self) -> dict[str, str]:
        """The task's own variables, with its folders as the agent sees them."""
        return self._with(Directories.on_host(self.place.directory))

    def interpolate(self, text: str, environment: Mapping[str, str] | None = None) -> str:
        """Replace `${NOMAD_…}`, `${attr.…}`, `${meta.…}`, `${node.…}` and `${env["…"]}`. What is unknown stays as it is."""
        known = self.build() if environment is None else environment

        def value(match: re.Match[str]) -> str:
            found = self._value(match[1], known)
            return match[0] if found is None else found

        return _REFERENCE.sub(value, text) if "${" in text else text

    def interpolate_config(self, value: Any, environment: Mapping[str, str]) -> Any:
        """All strings of a driver's configuration. These are HCL templates, so `%%{` stands for `%{`."""
        if isinstance(value, str):
            return self.interpolate(value, environment).replace("%%{", "%{")
        if isinstance(value, list):
            return [self.interpolate_config(item, environment) for item in value]
        if isinstance(value, dict):
            return {
                self.interpolate(key, environment): self.interpolate_config(item, environment) for key, item in value.items()
            }
        return value

    def _value(self, name: str, environment: Mapping[str, str]) -> str | None:
        if index := _ENV_INDEX.fullmatch(name):
            return environment.get(index[1] or index[2])
        value = environment.get(name)
        return self._attributes.get(name) if value is None else value

    def _with(self, directories: Directories) -> dict[str, str]:
        place = self.place
        variables = _identity(place, directories) | _resources(place) | _ports(place) | _meta(place)
        known = dict(variables)
        for key, value in (place.task.env or {}).items():
            variables[self.interpolate(key, known)] = self.interpolate(value, known)
        return variables | self.added


def _node_attributes(place: TaskPlace) -> dict[str, str]:
    node = place.node
    known = {
        "node.unique.id": node.id,
        "node.unique.name": node.name,
        "node.datacenter": node.datacenter,
        "node.class": node.node_class,
        "node.pool": node.node_pool,
        "node.region": place.region,
    }
    known |= {f"attr.{key}": value for key, value in (node.attributes or {}).items()}
    return known | {f"meta.{key}": value for key, value in (node.meta or {}).items()}


def _identity(place: TaskPlace, directories: Directories) -> dict[str, str]:
    allocation, job = place.allocation, place.job
    variables = {
        "NOMAD_ALLOC_DIR": directories.alloc,
        "NOMAD_TASK_DIR": directories.local,
        "NOMAD_SECRETS_DIR": directories.secrets,
        "NOMAD_ALLOC_ID": allocation.id,
        "NOMAD_SHORT_ALLOC_ID": allocation.id[:8],
        "NOMAD_ALLOC_NAME": allocation.name,
        "NOMAD_ALLOC_INDEX": allocation.name[allocation.name.rfind("[") + 1 : -1],
        "NOMAD_TASK_NAME": place.task.name,
        "NOMAD_GROUP_NAME": place.group.name,
        "NOMAD_JOB_ID": job.id or "",
        "NOMAD_JOB_NAME": job.name or "",
        "NOMAD_DC": place.node.datacenter,
        "NOMAD_NAMESPACE": place.namespace,
        "NOMAD_REGION": place.region,
        "NOMAD_PARENT_CGROUP": place.node.cgroup_parent,
    }
    if job.parent_id:
        variables["NOMAD_JOB_PARENT_ID"] = job.parent_id
    return variables


def _resources(place: TaskPlace) -> dict[str, str]:
    allocated = place.allocation.allocated_resources
    resources = allocated.tasks.get(place.task.name) if allocated else None
    if resources is None:
        return {}
    variables = {
        "NOMAD_CPU_LIMIT": str(resources.cpu.cpu_shares),
        # A known oddity of Nomad: without reserved cores the variable holds one space.
        "NOMAD_CPU_CORES": ",".join(map(str, resources.cpu.reserved_cores or ())) or " ",
        "NOMAD_MEMORY_LIMIT": str(resources.memory.memory_mb),
    }
    if resources.memory.memory_max_mb > resources.memory.memory_mb:
        variables["NOMAD_MEMORY_MAX_LIMIT"] = str(resources.memory.memory_max_mb)
    return variables


def _ports(place: TaskPlace) -> dict[str, str]:
    """Addresses of ports. Which of the names keep a `-` of the label and which turn it into `_` is Nomad's."""
    variables: dict[str, str] = {}
    for label, port in place.allocation.ports.items():
        name = _NOT_IN_NAMES.sub("_", label)
        inside = str(port.to if port.to > 0 else port.value)
        address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
        variables |= {
            f"NOMAD_IP_{name}": port.host_ip,
            f"NOMAD_PORT_{name}": inside,
            f"NOMAD_ADDR_{name}": f"{address}:{port.value}",
            f"NOMAD_HOST_PORT_{name}": str(port.value),
            f"NOMAD_HOST_IP_{label}": port.host_ip,
            f"NOMAD_HOST_ADDR_{label}": f"{address}:{port.value}",
            f"NOMAD_ALLOC_PORT_{label}": inside,
        }
    return variables


def _meta(place: TaskPlace) -> dict[str, str]:
    """Metadata of job, group and task, the nearer winning, each under its own name and in capitals."""
    merged: dict[str, str] = {}
    for level in (place.job.meta, place.group.meta, place.task.meta):
        merged |= level or {}
    variables: dict[str, str] = {}
    for key, value in merged.items():
        name = _NOT_IN_NAMES.sub("_", key)
        variables |= {f"NOMAD_META_{name.upper()}": value, f"NOMAD_META_{name}": value}
    return variables
