"""Whether a node can run a group at all: constraints, drivers, networks, volumes and devices, not counting what is in use."""

import re
from collections.abc import Iterable
from typing import Final

from nomad_api.models import Allocation, Job, Node
from nomad_api.models.job import Constraint, TaskGroup
from orchestrator.scheduler.constraints import describe, resolve, satisfies

_UNIQUE: Final = re.compile(r"\$\{(node|attr|meta)\.unique\.")


def unfit(job: Job, group: TaskGroup, node: Node) -> str | None:
    """Why the node, and every other of its class, cannot run the group; None if it can. In the words of Nomad's metrics."""
    return (
        _unmet(job.constraints, node)
        or _missing_drivers(group, node)
        or _unmet(constraints_of(group), node)
        or _missing_devices(group)
        or _missing_network(group, node)
    )


def unavailable(job: Job, group: TaskGroup, node: Node, allocations: Iterable[Allocation]) -> str | None:
    """Why this very node cannot run the group now; None if it can. `allocations` are those that it has or is about to get."""
    return _missing_volumes(group, node) or _not_distinct(job, group, allocations)


def crowded(job: Job, group: TaskGroup, node: Node, elsewhere: Iterable[tuple[Allocation, Node]]) -> str | None:
    """Why `distinct_property` forbids the node: too many of the job's allocations are where the property is the same."""
    for constraint, of_job in (
        *((each, True) for each in job.constraints or ()),
        *((each, False) for each in constraints_of(group)),
    ):
        if constraint.operand != "distinct_property":
            continue
        value = resolve(constraint.l_target, node)
        if value is None:
            return f'missing property "{constraint.l_target}"'
        used = sum(
            (of_job or alloc.task_group == group.name) and resolve(constraint.l_target, other) == value
            for alloc, other in elsewhere
        )
        if used >= (int(constraint.r_target) if constraint.r_target else 1):
            return f"distinct_property: {constraint.l_target}={value} used by {used} allocs"
    return None


def escapes_class(job: Job, group: TaskGroup) -> bool:
    """Whether it depends on more than a node's class if the group fits: on what is unique to a node, or on cluster volumes."""
    targets = [
        target for each in (*(job.constraints or ()), *constraints_of(group)) for target in (each.l_target, each.r_target)
    ]
    volumes = (group.volumes or {}).values()
    return any(_UNIQUE.search(target) for target in targets) or any(volume.type == "csi" for volume in volumes)


def constraints_of(group: TaskGroup) -> list[Constraint]:
    """The constraints of the group and of all of its tasks."""
    found = list(group.constraints or ())
    for task in group.tasks or ():
        found += task.constraints or ()
    return found


def in_datacenter(node: Node, datacenters: Iterable[str]) -> bool:
    """Whether one of the names, in which `*` stands for any text, is the node's datacenter."""
    return any(_matches(pattern, node.datacenter) for pattern in datacenters)


def ready(node: Node) -> bool:
    """Whether the node takes new allocations."""
    return node.status == "ready" and not node.drain and node.scheduling_eligibility == "eligible"


def in_pool(node: Node, pool: str | None) -> bool:
    """Whether the node belongs to the pool; every node belongs to `all`."""
    return pool in ("all", node.node_pool)


def _unmet(constraints: Iterable[Constraint] | None, node: Node) -> str | None:
    return next((describe(each) for each in constraints or () if not satisfies(each, node)), None)


def _missing_drivers(group: TaskGroup, node: Node) -> str | None:
    for task in group.tasks or ():
        info = (node.drivers or {}).get(task.driver)
        if info is None:
            attribute = (node.attributes or {}).get(f"driver.{task.driver}", "")
            if attribute.lower() not in ("1", "t", "true"):
                return "missing drivers"
        elif not (info.detected and info.healthy):
            return "missing drivers"
    return None


def _missing_devices(group: TaskGroup) -> str | None:
    """No node of this agent fingerprints devices."""
    wanted = any(task.resources and task.resources.devices for task in group.tasks or ())
    return "missing devices" if wanted else None


def _missing_network(group: TaskGroup, node: Node) -> str | None:
    if not group.networks:
        return None
    network = group.networks[0]
    mode = network.mode or "host"
    if mode == "none":
        return None
    resources = node.node_resources or {}
    if all((known.get("Mode") or "host") != mode for known in resources.get("Networks") or ()):
        return "missing network"
    aliases = {address.get("Alias") for each in resources.get("NodeNetworks") or () for address in each.get("Addresses") or ()}
    for port in (*(network.dynamic_ports or ()), *(network.reserved_ports or ())):
        wanted = resolve(port.host_network, node)
        if wanted is None:
            return f'invalid host network "{port.host_network}" template for port "{port.label}"'
        if wanted and wanted not in aliases:
            return f'missing host network "{wanted}" for port "{port.label}"'
    return None


def _missing_volumes(group: TaskGroup, node: Node) -> str | None:
    for volume in (group.volumes or {}).values():
        known = (node.host_volumes or {}).get(volume.source)
        if volume.type == "csi":
            return f"missing CSI volume(s) {volume.source}"
        if known is None or (known.get("ReadOnly") and not volume.read_only):
            return "missing compatible host volumes"
    return None


def _not_distinct(job: Job, group: TaskGroup, allocations: Iterable[Allocation]) -> str | None:
    of_job, of_group = _wants_distinct(job.constraints), _wants_distinct(group.constraints)
    if not (of_job or of_group):
        return None
    for alloc in allocations:
        same = alloc.namespace == job.namespace and alloc.job_id == job.id
        if same and (of_job or alloc.task_group == group.name):
            return "distinct_hosts"
    return None


def _wants_distinct(constraints: Iterable[Constraint] | None) -> bool:
    return any(
        each.operand == "distinct_hosts" and each.r_target.lower() not in ("0", "f", "false") for each in constraints or ()
    )


def _matches(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    first, *middle, last = pattern.split("*")
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
