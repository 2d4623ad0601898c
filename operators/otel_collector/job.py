"""From a collector to the Nomad job that runs it.

The configuration is delivered in the job's template, so that it is versioned with the job: a changed configuration is a new
version, rolled out with health checks, and `nomad job revert` brings an old one back. A Docker container gets ports mapped to
the numbers in the configuration; a plain process shares the host's ports, so its endpoints read theirs from the environment.
"""

from dataclasses import dataclass

from nomad_api.models import Job, Network, Port, Resources, Service, ServiceCheck, Task, TaskGroup, Template, Update
from nomad_api.models.job import RestartPolicy
from operators.otel_collector import ports as collector_ports
from operators.otel_collector.config import effective_config
from operators.otel_collector.health import HealthProbe, health_probe
from operators.otel_collector.ports import infer_ports, merge_ports, with_ports
from operators.otel_collector.rendering import RenderedConfig, render
from operators.otel_collector.resource import Collector

TASK = "collector"
GROUP = "collector"
CONFIG_HASH = "otel.config_hash"
# A collector's configuration may hold `{{ }}` itself.
_LEFT, _RIGHT = "<%nomad", "nomad%>"
_RESTART = RestartPolicy(attempts=3, interval="1m", delay="2s", mode="delay")  # type: ignore[arg-type]


@dataclass(frozen=True)
class CollectorJob:
    """The wanted job, and what its author should know."""

    job: Job
    config: RenderedConfig
    services: dict[str, str]
    """Name of the service of each port, by the port's label."""
    names: dict[str, str]
    """Name of each port, by its label."""
    warnings: tuple[str, ...]


def job_id(name: str) -> str:
    """The ID of a collector's job."""
    return f"otel-collector-{name}"


def collector_job(collector: Collector) -> CollectorJob:
    """The job of a collector.

    Raises:
        ConfigError: the configuration is wrong; it tells every problem.
    """
    spec = collector.spec
    effective = effective_config(spec.config, health_check=spec.health_check)
    declared = [collector_ports.Port(port.name, port.number, port.protocol) for port in spec.ports]
    ports = merge_ports(infer_ports(effective.config), declared)
    config = render(with_ports(effective.config, ports, "bridge" if spec.driver == "docker" else "host-dynamic"))
    probe = health_probe(effective.config, ports)
    services = {port.label: f"{collector.name}-collector-{port.name}" for port in ports if not port.loopback}
    group = TaskGroup(
        name=GROUP,
        count=1 if spec.mode == "daemonset" else spec.replicas,
        networks=[Network(dynamic_ports=[_port(collector, port) for port in ports])],
        services=[_service(port, services[port.label], probe) for port in ports if port.label in services],
        restart_policy=_RESTART,
        tasks=[_task(collector, config, ports)],
    )
    job = Job(
        id=job_id(collector.name),
        type="system" if spec.mode == "daemonset" else "service",
        datacenters=spec.datacenters,
        node_pool=spec.node_pool,
        update=Update(health_check="checks" if probe else "task_states", **spec.update.model_dump()),
        meta={CONFIG_HASH: config.sha256[:12]},
        task_groups=[group],
    )
    return CollectorJob(job, config, services, {port.label: port.name for port in ports}, effective.warnings)


def _port(collector: Collector, port: collector_ports.Port) -> Port:
    return Port(label=port.label, to=port.number if collector.spec.driver == "docker" else 0)


def _service(port: collector_ports.Port, name: str, probe: HealthProbe | None) -> Service:
    checks = None
    if probe and probe.port.label == port.label:
        check = ServiceCheck(
            name="health",
            type="http",
            path=probe.path,
            protocol="https" if probe.https else "",
            interval="2s",  # type: ignore[arg-type]
            timeout="2s",  # type: ignore[arg-type]
        )
        checks = [check]
    tags = [tag for tag in (port.app_protocol, port.protocol) if tag]
    return Service(name=name, port_label=port.label, provider="nomad", tags=tags, checks=checks)


def _task(collector: Collector, config: RenderedConfig, ports: list[collector_ports.Port]) -> Task:
    spec = collector.spec
    args = ["--config=${NOMAD_TASK_DIR}/collector.yaml", *(f"--{key}={value}" for key, value in sorted(spec.args.items()))]
    if spec.driver == "docker":
        driver_config = {"image": spec.image, "args": args, "ports": [port.label for port in ports]}
    else:
        driver_config = {"command": spec.binary, "args": args}
    return Task(
        name=TASK,
        driver=spec.driver,
        config=driver_config,
        env={"GOMEMLIMIT": f"{spec.resources.memory * 8 // 10}MiB", **spec.env},
        resources=Resources(cpu=spec.resources.cpu, memory_mb=spec.resources.memory),
        templates=[
            Template(
                dest_path="local/collector.yaml",
                embedded_tmpl=config.text,
                left_delim=_LEFT,
                right_delim=_RIGHT,
                change_mode="restart",
            )
        ],
    )
