"""Constraints that follow from what a group uses, as Nomad adds them when a job is registered.

A group that signals its tasks needs a node with these signals, one that registers Nomad services a node with service discovery,
and so on. They become part of the job, and so of its JSON.
"""

from collections.abc import Iterator

from nomad_api.models.job import Constraint, Job, Service, TaskGroup

_CNI_PLUGINS = ("bridge", "firewall", "host-local", "loopback", "portmap")


def with_implied_constraints(job: Job) -> Job:
    """The job with the constraints that its groups imply and do not state themselves."""
    groups = [_group(group) for group in job.task_groups or ()]
    return job.evolve(task_groups=groups or None)


def _group(group: TaskGroup) -> TaskGroup:
    constraints = list(group.constraints or ())
    for constraint, by_target in _implied(group):
        if not any(each.l_target == constraint.l_target if by_target else each == constraint for each in constraints):
            constraints.append(constraint)
    return group.evolve(constraints=constraints or None) if constraints else group


def _implied(group: TaskGroup) -> Iterator[tuple[Constraint, bool]]:
    """Implied constraints; the second value tells whether a constraint on the same target overrides it."""
    tasks = group.tasks or ()
    for task in tasks:
        if task.vault is not None:
            cluster = task.vault.get("Cluster") or "default"
            if cluster == "default":
                yield Constraint(l_target="${attr.vault.version}", r_target=">= 0.6.1", operand="semver"), True
            else:
                yield (
                    Constraint(l_target=f"${{attr.vault.{cluster}.version}}", r_target=">= 1.11.0", operand="semver"),
                    True,
                )
        for secret in task.secrets or ():
            target = f"${{attr.plugins.secrets.{secret.get('Provider', '')}.version}}"
            yield Constraint(l_target=target, operand="is_set"), True
    if any(task.resources and task.resources.numa and task.resources.numa.affinity not in ("", "none") for task in tasks):
        yield Constraint(l_target="${attr.nomad.version}", r_target=">= 1.6.3-dev", operand="semver"), False
        yield Constraint(l_target="${attr.kernel.name}", r_target="linux", operand="="), False
    signals = sorted(set(_signals(group)))
    if signals:
        yield Constraint(l_target="${attr.os.signals}", r_target=",".join(signals), operand="set_contains"), False
    nomad_services = [service for service in _services(group) if service.provider == "nomad"]
    if nomad_services:
        yield Constraint(l_target="${attr.nomad.service_discovery}", r_target="true", operand="="), False
        if any(service.checks for service in nomad_services):
            yield Constraint(l_target="${attr.nomad.version}", r_target=">= 1.4.0", operand="semver"), False
    for service in group.services or ():
        if service.provider == "consul":
            attribute = "consul" if service.cluster in ("", "default") else f"consul.{service.cluster}"
            yield Constraint(l_target=f"${{attr.{attribute}.version}}", r_target=">= 1.8.0", operand="semver"), True
    if any(network.mode == "bridge" for network in group.networks or ()):
        for plugin in _CNI_PLUGINS:
            target = f"${{attr.plugins.cni.version.{plugin}}}"
            yield Constraint(l_target=target, r_target=">= 0.4.0", operand="semver"), True
    if any(service.identity for service in _services(group)) or any(task.identities for task in tasks):
        yield Constraint(l_target="${attr.nomad.version}", r_target=">= 1.7.0-a", operand="semver"), False


def _services(group: TaskGroup) -> Iterator[Service]:
    yield from group.services or ()
    for task in group.tasks or ():
        yield from task.services or ()


def _signals(group: TaskGroup) -> Iterator[str]:
    """The signals that the tasks of a group must be able to receive."""
    for task in group.tasks or ():
        if task.kill_signal:
            yield task.kill_signal
        if task.vault and task.vault.get("ChangeMode") == "signal":
            yield str(task.vault.get("ChangeSignal"))
        for template in task.templates or ():
            if template.change_mode == "signal" and template.change_signal:
                yield template.change_signal
