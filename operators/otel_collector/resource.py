"""`Collector`: an OpenTelemetry Collector as a user declares it, and what its operator says of it.

Field names are those of the OpenTelemetry Operator for Kubernetes wherever the thing is the same, and Nomad's where it is
Nomad's. Whatever pydantic can check is checked here; the collector's own configuration is checked by `config`, since its rules
are the collector's and its problems come as a list.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from nomad_api.duration import parse_duration
from operator_kit import Resource, ResourceStatus
from operator_kit.status import StatusPart
from operators.otel_collector.ports import MAX_NAME, is_port_name

DEFAULT_IMAGE = "otel/opentelemetry-collector:0.165.0"
DEFAULT_BINARY = "otelcol"

SHORT_HASH = 12
MOST_ENDPOINTS = 48
"""A status has to fit into a variable; the names of the services lead to every instance."""

_RESERVED_ARGS = ("config",)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _refuse_planned_modes(mode: object) -> object:
    if mode in ("statefulset", "sidecar"):
        raise ValueError(f"the mode {mode} is not supported yet; use deployment or daemonset")
    return mode


def _check_duration(value: object) -> object:
    if isinstance(value, str) and parse_duration(value) <= 0:
        raise ValueError("a duration must be more than zero")
    return value


Mode = Annotated[Literal["deployment", "daemonset"], BeforeValidator(_refuse_planned_modes)]
DurationText = Annotated[str, BeforeValidator(_check_duration)]
"""A duration as Go writes it, such as `30s` or `5m`."""


class Part(BaseModel):
    """What all parts of a spec have in common: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Resources(Part):
    """What an instance may use: `cpu` in MHz, `memory` in MB."""

    cpu: int = Field(default=100, ge=1)
    memory: int = Field(default=256, ge=32)


class ExtraPort(Part):
    """A port in addition to the inferred ones, or more about one of those (then number and protocol are the same).

    `host_port` is its number on the node; without it Nomad chooses one.
    """

    name: str
    port: int = Field(ge=1, le=65535)
    protocol: Literal["tcp", "udp"] = "tcp"
    app_protocol: str | None = None
    host_port: int | None = Field(default=None, ge=1, le=65535)

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not is_port_name(name):
            raise ValueError(f"a port's name has lower-case letters, digits and inner dashes, at most {MAX_NAME}")
        return name


class PlacementConstraint(Part):
    """Where instances may run, as in a job's `constraint` block: `${attr.kernel.name}`, `=`, `linux`."""

    attribute: str = ""
    operator: str = "="
    value: str = ""


class UpdatePolicy(Part):
    """How a change is rolled out, as in a job's `update` block."""

    max_parallel: int = Field(default=1, ge=1)
    min_healthy_time: DurationText = "2s"
    healthy_deadline: DurationText = "5m"

    @model_validator(mode="after")
    def _deadline_is_later(self) -> "UpdatePolicy":
        if parse_duration(self.healthy_deadline) <= parse_duration(self.min_healthy_time):
            raise ValueError(
                f"healthy_deadline ({self.healthy_deadline}) must be longer than min_healthy_time ({self.min_healthy_time})"
            )
        return self


class Endpoint(StatusPart):
    """Where an instance listens: `address` is `host:port` as other machines reach it, `service` its name in Nomad."""

    name: str
    port: int
    address: str
    service: str


class Collector(
    Resource,
    group="otel",
    kind="collector",
    short_names=("otelcol",),
    columns={
        "Mode": "spec.mode",
        "Replicas": "status.readyReplicas",
        "Config": "status.configHash",
        "Version": "status.version",
    },
):
    """`resources/otel/collector/<name>`."""

    class Spec(Part):
        """What is wanted.

        Attributes:
            mode: `deployment` runs `replicas` instances anywhere, `daemonset` one on every node. Fixed once the job exists.
            config: the collector's configuration, a mapping or YAML text.
            driver: `docker` runs `image`, `raw_exec` the executable `binary` of the node.
            args: options of the collector, `{"feature-gates": "-x"}`; `config` is the operator's own.
            env: environment variables; Nomad's `${…}` in the values is replaced.
            ports: see `ExtraPort`; most ports need no mention, they are inferred from the configuration.
            health_check: add a health_check extension where the configuration enables none.
            management_state: `unmanaged` leaves the job alone until it is `managed` again.
        """

        config: dict[str, Any] | str
        mode: Mode = "deployment"
        replicas: int = Field(default=1, ge=0, le=1000)
        driver: Literal["docker", "raw_exec"] = "docker"
        image: str = DEFAULT_IMAGE
        binary: str = DEFAULT_BINARY
        args: dict[str, str] = {}
        env: dict[str, str] = {}
        resources: Resources = Resources()
        ports: list[ExtraPort] = []
        health_check: bool = True
        datacenters: list[str] = ["*"]
        node_pool: str = "default"
        constraints: list[PlacementConstraint] = []
        update: UpdatePolicy = UpdatePolicy()
        management_state: Literal["managed", "unmanaged"] = "managed"

        @field_validator("image", "binary")
        @classmethod
        def _goes_with_the_driver(cls, value: str, info: ValidationInfo) -> str:
            driver = {"image": "docker", "binary": "raw_exec"}[str(info.field_name)]
            if not value.strip():
                raise ValueError("it is empty")
            default = cls.model_fields[str(info.field_name)].default
            if value != default and info.data.get("driver", driver) != driver:
                raise ValueError(f"goes with driver={driver}, and the driver is {info.data['driver']}")
            return value

        @field_validator("args")
        @classmethod
        def _leaves_the_config_alone(cls, args: dict[str, str]) -> dict[str, str]:
            for name in args:
                if name.lstrip("-") in _RESERVED_ARGS:
                    raise ValueError(f'"{name}" is set by the operator; write the configuration to the item config')
                if not name or name.startswith("-"):
                    raise ValueError(f'"{name}": write the option without its dashes')
            return args

        @field_validator("env")
        @classmethod
        def _has_proper_names(cls, env: dict[str, str]) -> dict[str, str]:
            for name in env:
                if not _ENV_NAME.fullmatch(name):
                    raise ValueError(f'"{name}" is no name of an environment variable: use letters, digits and _')
            return env

        @field_validator("ports")
        @classmethod
        def _are_different(cls, ports: list[ExtraPort]) -> list[ExtraPort]:
            for key in ("name", "port", "host_port"):
                seen = set()
                for port in ports:
                    value = getattr(port, key)
                    mark = (value, port.protocol) if key == "port" else value
                    if value is not None and mark in seen:
                        raise ValueError(f"the {key} {value} is given twice")
                    seen.add(mark)
            return ports

    class Status(ResourceStatus):
        """What there is.

        Attributes:
            mode: of the job; it cannot change.
            replicas: instances wanted; on `daemonset` the number of nodes that take one.
            ready_replicas: `ready/wanted`.
            image: the image, or the path of the binary, that runs.
            version: of the collector, as far as the image's tag tells.
            config_hash: the first `SHORT_HASH` digits of the SHA-256 of the wanted effective configuration.
            job_id: the Nomad job.
            endpoints: of the instances that run; at most `MOST_ENDPOINTS`, the services know all.
        """

        mode: str = ""
        replicas: int = 0
        ready_replicas: str = ""
        image: str = ""
        version: str = ""
        config_hash: str = ""
        job_id: str = ""
        endpoints: list[Endpoint] = []
