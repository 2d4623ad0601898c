"""The Nomad job of a collector.

The configuration travels in the job, as the text of a template: so it is versioned with the job, rolled out by its `update`
block, and restored by reverting the job. Ports come from the configuration. With the docker driver a container has its own
network, and Nomad publishes the configured numbers under free ones of the node; with raw_exec instances share the node's
network, and each reads the numbers that Nomad gave it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nomad_api.duration import MINUTE, SECOND, parse_duration
from nomad_api.models import Job, Network, Service, ServiceCheck, Task, TaskGroup, Template, Update
from nomad_api.models import Port as NetworkPort
from nomad_api.models import Resources as TaskResources
from nomad_api.models.job import Constraint, RestartPolicy
from operators.otel_collector.config import effective_config
from operators.otel_collector.health import HealthProbe, health_probe
from operators.otel_collector.ports import Port, infer_ports, merge_ports, with_ports
from operators.otel_collector.rendering import RenderedConfig, render
from operators.otel_collector.resource import Collector

GROUP = "collector"
TASK = "collector"
CONFIG_FILE = "collector.yaml"
CONFIG_META = "otel.config_sha256"
"""The key in the job's metadata for the digest of the configuration that this version of the job runs."""

LONGEST_NAME = 63 - len("-collector-") - 15
"""Characters of a resource's name: a service's name, `<name>-collector-<port>`, has at most 63."""

MEMORY_SHARE = 0.8
"""Of the task's memory, what Go's heap is held to: beyond it the collector cleans up rather than be killed."""

JOB_TYPES = {"deployment": "service", "daemonset": "system"}

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_CHECK_INTERVAL = 2 * SECOND
_CHECK_TIMEOUT = 1 * SECOND
_KILL_TIMEOUT = 15 * SECOND


@dataclass(frozen=True, slots=True)
class Plan:
    """A job, and what it was made from."""

    job: Job
    config: RenderedConfig
    ports: tuple[Port, ...]
    warnings: tuple[str, ...]

    @property
    def services(self) -> dict[str, Port]:
        """The published ports, by the names of their services."""
        group = self.job.group(GROUP)
        by_label = {port.label: port for port in self.ports}
        return {service.name: by_label[service.port_label] for service in (group.services if group else None) or ()}


def plan_job(collector: Collector) -> Plan:
    """The job for a collector.

    Raises:
        ConfigError: with everything that is wrong with the configuration.
    """
    spec = collector.spec
    effective = effective_config(spec.config, health_check=spec.health_check)
    declared = [Port(port.name, port.port, port.protocol, app_protocol=port.app_protocol) for port in spec.ports]
    ports = merge_ports(infer_ports(effective.config), declared)
    shared = spec.driver == "raw_exec"
    config = render(with_ports(effective.config, ports, "host-dynamic" if shared else "bridge"))
    probe = health_probe(effective.config, ports)
    # A container's loopback is its own; on the node's, every port has to be asked for.
    asked_for = [port for port in ports if shared or not port.loopback]
    host_ports = {port.name: port.host_port for port in spec.ports}
    group = TaskGroup(
        name=GROUP,
        count=spec.replicas if spec.mode == "deployment" else 1,
        networks=[_network(asked_for, host_ports, shared=shared)] if asked_for else None,
        services=_services(collector.name, ports, probe) or None,
        restart_policy=_restart_policy(spec),
        update=_update(spec, checked=probe is not None),
        tasks=[_task(spec, config, [port.label for port in asked_for])],
    )
    job = Job(
        id=job_id(collector.name),
        namespace=collector.namespace,
        type=JOB_TYPES[spec.mode],
        datacenters=spec.datacenters,
        node_pool=spec.node_pool,
        constraints=[Constraint(l_target=c.attribute, operand=c.operator, r_target=c.value) for c in spec.constraints] or None,
        meta={CONFIG_META: config.sha256},
        task_groups=[group],
    )
    return Plan(job, config, tuple(ports), effective.warnings)


def job_id(name: str) -> str:
    """The ID of the job of the collector of that name."""
    return f"otel-collector-{name}"


def name_problem(name: str) -> str:
    """Why a collector cannot have that name; empty if it can. A name becomes part of names of services: RFC 1123 labels."""
    if len(name) <= LONGEST_NAME and _NAME.fullmatch(name):
        return ""
    cure = f"use lower-case letters, digits and inner dashes, at most {LONGEST_NAME} characters"
    return f'name: "{name}" becomes part of service names; {cure}'


def _network(ports: list[Port], host_ports: Mapping[str, int | None], *, shared: bool) -> Network:
    reserved: list[NetworkPort] = []
    dynamic: list[NetworkPort] = []
    for port in ports:
        number = host_ports.get(port.name)
        if shared and not port.location:
            number = number or port.number  # nothing in the configuration could read another number
        to = 0 if shared else port.number
        (reserved if number else dynamic).append(NetworkPort(label=port.label, value=number or 0, to=to))
    return Network(reserved_ports=reserved or None, dynamic_ports=dynamic or None)


def _services(name: str, ports: list[Port], probe: HealthProbe | None) -> list[Service]:
    return [
        Service(
            name=f"{name}-collector-{port.name}",
            port_label=port.label,
            provider="nomad",
            tags=[tag for tag in (port.app_protocol, port.protocol if port.protocol == "udp" else None) if tag] or None,
            checks=[_check(probe)] if probe is not None and probe.port == port else None,
        )
        for port in ports
        if not port.loopback
    ]


def _check(probe: HealthProbe) -> ServiceCheck:
    return ServiceCheck(
        name="health",
        type="http",
        path=probe.path,
        protocol="https" if probe.https else "http",
        tls_skip_verify=probe.https,
        interval=_CHECK_INTERVAL,
        timeout=_CHECK_TIMEOUT,
    )


def _restart_policy(spec: Collector.Spec) -> RestartPolicy:
    """On a service, a few attempts, then another node; an instance that belongs to its node is tried for ever."""
    mode = "fail" if spec.mode == "deployment" else "delay"
    return RestartPolicy(attempts=3, interval=MINUTE, delay=2 * SECOND, mode=mode)


def _update(spec: Collector.Spec, *, checked: bool) -> Update:
    deadline = parse_duration(spec.update.healthy_deadline)
    return Update(
        max_parallel=spec.update.max_parallel,
        health_check="checks" if checked else "task_states",
        min_healthy_time=parse_duration(spec.update.min_healthy_time),
        healthy_deadline=deadline,
        progress_deadline=2 * deadline,
    )


def _task(spec: Collector.Spec, config: RenderedConfig, port_labels: list[str]) -> Task:
    args = [f"--config=${{NOMAD_TASK_DIR}}/{CONFIG_FILE}"]
    args += [f"--{name}={value}" if value else f"--{name}" for name, value in sorted(spec.args.items())]
    if spec.driver == "docker":
        driver_config = {"image": spec.image, "args": args, "ports": port_labels}
    else:
        driver_config = {"command": spec.binary, "args": args}
    return Task(
        name=TASK,
        driver=spec.driver,
        config=driver_config,
        env={"GOMEMLIMIT": f"{int(spec.resources.memory * MEMORY_SHARE)}MiB", **spec.env},
        resources=TaskResources(cpu=spec.resources.cpu, memory_mb=spec.resources.memory),
        templates=[_template(config)],
        kill_signal="SIGTERM",
        kill_timeout=_KILL_TIMEOUT,
    )


def _template(config: RenderedConfig) -> Template:
    """The configuration as it is: `{{ … }}` in it is the collector's, so the template's delimiters are ones it cannot hold."""
    mark = config.sha256[:16]
    return Template(
        dest_path=f"local/{CONFIG_FILE}",
        embedded_tmpl=config.text,
        left_delim=f"<<{mark}:",
        right_delim=f":{mark}>>",
        change_mode="restart",
    )
