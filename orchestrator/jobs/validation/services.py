"""Checks of services and their health checks, of groups and of tasks."""

import re
from collections.abc import Iterator
from typing import Final

from nomad_api.duration import SECOND, format_duration
from nomad_api.models.job import Service, ServiceCheck, Task, TaskGroup
from orchestrator.jobs.validation.problems import inside, quoted, together

_NAME: Final = re.compile(r"[a-z0-9]|[a-z0-9][a-z0-9-]{0,61}[a-z0-9]", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"\$\{[^}]*\}")
_NAME_PROBLEM: Final = (
    "Service name must be valid per RFC 1123 and can contain only alphanumeric characters or dashes "
    "and must be no longer than 63 characters"
)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE")
_TYPES: Final = {"nomad": ("tcp", "http"), "consul": ("grpc", "tcp", "http", "script")}
_WITH_PORT: Final = ("grpc", "http", "tcp")


def group_services(group: TaskGroup) -> Iterator[str]:
    """Checks of a group's own services, and of all services of the group together."""
    tasks = {task.name for task in group.tasks or ()}
    known: set[tuple[str, str, str]] = set()
    twice: dict[tuple[str, str, str], None] = {}
    providers: set[str] = set()

    def note(service: Service, owner: str) -> None:
        key = (service.name, owner, service.port_label)
        if key in known:
            twice[key] = None
        known.add(key)
        providers.add(service.provider)

    for task in group.tasks or ():
        for service in task.services or ():
            if service.task_name and service.task_name != task.name:
                yield (
                    f"Service {service.name} is invalid: may only specify task the service belongs to, "
                    f"got {quoted(service.task_name)}"
                )
            note(service, task.name)
    for number, service in enumerate(group.services or ()):
        note(service, "group")
        problems = list(inside(f"Service[{number}] {service.name} validation failed", _service(service)))
        if problems:
            yield from problems
            continue
        if service.address_mode == "driver":
            yield (
                f'service {quoted(service.name)} cannot use address_mode="driver", '
                'only services defined in a "task" block can use this mode'
            )
        for check in service.checks or ():
            if check.task_name and check.task_name not in tasks:
                yield f"Check {check.name} invalid: refers to non-existent task {check.task_name}"
    if twice:
        names = ", ".join(f"{owner}->{name}" + (f":{port}" if port else "") for name, owner, port in twice)
        yield f"Services are not unique: [{names}]"
    if len(providers) > 1:
        yield "Multiple service providers used: task group services must use the same provider"


def script_checks(group: TaskGroup) -> Iterator[str]:
    """A script check of a group's service must tell the task it runs in."""
    for service in group.services or ():
        for check in service.checks or ():
            if not service.task_name and check.type == "script" and not check.task_name:
                yield f"Service [{group.name}]->{service.name} or Check {check.name} must specify task parameter"


def task_services(task: Task, group: TaskGroup) -> Iterator[str]:
    """Checks of a task's services, among them that their ports exist."""
    ports: dict[str, set[str]] = {}
    known: set[str] = set()
    for number, service in enumerate(task.services or ()):
        yield from inside(f"service[{number}] {quoted(service.name)} validation failed", _service(service))
        if service.address_mode in ("alloc", "alloc_ipv6"):
            yield (
                f'service {quoted(service.name)} cannot use address_mode="{service.address_mode}", '
                'only services defined in a "group" block can use this mode'
            )
        if service.name + service.port_label in known:
            yield f"service {quoted(service.name)} is duplicate"
        known.add(service.name + service.port_label)
        if service.port_label and not (service.address_mode == "driver" and service.port_label.isdigit()):
            ports.setdefault(service.port_label, set()).add(service.name)
        if service.connect:
            yield (f'service {quoted(service.name)} cannot have "connect" block, only services defined in a "group" block can')
        yield from _checks_of_task_service(service, ports)
    labels = {port.label for network in (group.networks or ())[:1] for port in _ports(network)}
    if task.resources:
        labels |= {port.label for network in task.resources.networks or () for port in _ports(network)}
    for label in sorted(set(ports) - labels):
        yield f"port label {quoted(label)} referenced by services {', '.join(sorted(ports[label]))} does not exist"


def _checks_of_task_service(service: Service, ports: dict[str, set[str]]) -> Iterator[str]:
    names: set[str] = set()
    for check in service.checks or ():
        if check.name in names:
            yield f"check {quoted(check.name)} is duplicate"
        names.add(check.name)
        if check.type not in _WITH_PORT:
            continue
        port = check.port_label or service.port_label
        if not port:
            yield f"check {quoted(check.name)} is missing a port"
        elif not port.isdigit():
            ports.setdefault(port, set()).add(service.name)
        elif check.address_mode != "driver":
            yield f'check {quoted(check.name)} cannot use a numeric port {int(port)} without setting address_mode="driver"'
        elif int(port) <= 0:
            yield f"check {quoted(check.name)} has invalid numeric port {int(port)}"


def _ports(network: object) -> list[object]:
    return [*(network.dynamic_ports or ()), *(network.reserved_ports or ())]  # type: ignore[attr-defined]


def _service(service: Service) -> Iterator[str]:
    if not _NAME.fullmatch(_REFERENCE.sub("ENV-VAR", service.name)):
        yield f"{_NAME_PROBLEM}: {quoted(service.name)}"
    if service.address_mode in ("host", "driver", "alloc", "alloc_ipv6"):
        if service.address:
            yield 'Service address_mode must be "auto" if address is set'
    elif service.address_mode not in ("", "auto"):
        yield f'Service address_mode must be "auto", "host", or "driver"; not {quoted(service.address_mode)}'
    if service.on_update not in ("", "ignore", "require_healthy", "ignore_warnings"):
        yield (f'Service on_update must be "require_healthy", "ignore_warnings", or "ignore"; not {quoted(service.on_update)}')
    if service.provider not in _TYPES:
        yield f'Service provider must be "consul", or "nomad"; not {quoted(service.provider)}'
    else:
        for check in service.checks or ():
            yield from _check_of(service, check)
        if service.provider == "nomad" and service.connect:
            yield "Service with provider nomad cannot include Connect blocks"
    if service.identity and not service.identity.audience:
        yield "Service identity must provide at least one target aud value"


def _check_of(service: Service, check: ServiceCheck) -> Iterator[str]:
    if check.type in _WITH_PORT and not service.port_label and not check.port_label:
        yield (
            f"Check {check.name} invalid: check requires a port but neither check nor service "
            f"{quoted(service.name)} have a port"
        )
        return
    problem = next(_check(check, service.provider), None)
    if problem:
        yield problem if service.provider == "nomad" else f"Check {check.name} invalid: {problem}"


def _check(check: ServiceCheck, provider: str) -> Iterator[str]:
    """The problems of a check; Nomad tells only the first."""
    kind = check.type.lower()
    if kind not in _TYPES[provider]:
        yield f"invalid check type ({quoted(kind)}), must be one of {', '.join(_TYPES[provider])}"
    if kind == "http" and not check.path:
        yield "http type must have http path"
    if kind == "http" and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", check.path):
        yield "http type must have relative http path"
    if kind == "script" and not check.command:
        yield "script type must have a valid script path"
    if check.interval == 0:
        yield "missing required value interval. Interval cannot be less than 1s"
    if check.interval < SECOND:
        yield f"interval ({format_duration(check.interval)}) cannot be lower than 1s"
    if check.timeout == 0:
        yield "missing required value timeout. Timeout cannot be less than 1s"
    if check.timeout < SECOND:
        yield f"timeout ({format_duration(check.timeout)}) is lower than required minimum timeout 1s"
    if check.initial_status not in ("", "passing", "warning", "critical"):
        yield (
            f'invalid initial check state ({check.initial_status}), must be one of "passing", "warning", "critical" or empty'
        )
    if check.address_mode == "auto":
        yield 'invalid address_mode "auto" - auto only valid for services'
    if check.address_mode not in ("", "host", "driver", "alloc", "alloc_ipv6"):
        yield f"invalid address_mode {quoted(check.address_mode)}"
    if check.on_update not in ("", "ignore", "require_healthy", "ignore_warnings"):
        yield f'on_update must be "require_healthy", "ignore_warnings", or "ignore"; got {quoted(check.on_update)}'
    yield from _check_restart(check)
    if provider == "nomad":
        yield from _consul_only(check, kind)


def _check_restart(check: ServiceCheck) -> Iterator[str]:
    restart = check.check_restart
    if restart is None:
        return
    if check.on_update == "ignore":
        yield 'on_update value "ignore" is not compatible with check_restart'
    if not restart.ignore_warnings and check.on_update == "ignore_warnings":
        yield 'on_update value "ignore_warnings" not supported with check_restart ignore_warnings value "false"'
    problems = []
    if restart.limit < 0:
        problems.append(f"limit must be greater than or equal to 0 but found {restart.limit}")
    if (restart.grace or 0) < 0:
        problems.append(f"grace period must be greater than or equal to 0 but found {restart.grace}")
    yield from together(problems)


def _consul_only(check: ServiceCheck, kind: str) -> Iterator[str]:
    """What Nomad's own service discovery does not know."""
    if check.expose:
        yield "expose may only be set for Consul service checks"
    if check.on_update == "ignore_warnings":
        yield "on_update may only be set to ignore_warnings for Consul service checks"
    if check.check_restart and check.check_restart.ignore_warnings:
        yield "ignore_warnings on check_restart only supported for Consul service checks"
    if check.address_mode == "driver":
        yield "address_mode = driver may only be set for Consul service checks"
    if kind == "http" and check.method and check.method not in _METHODS:
        yield f"method type {quoted(check.method)} not supported in Nomad http check"
    for field in ("success_before_passing", "failures_before_critical", "failures_before_warning", "tls_server_name"):
        if getattr(check, field):
            yield f"{field} may only be set for Consul service checks"
