"""The ports of a collector, inferred from its configuration, and the configuration adjusted to the ports it is given.

A port has a name in the resource and in service names (a DNS label of at most 15 characters, as an IANA service name)
and a label in the Nomad job, where dashes become underscores because the label ends in `NOMAD_PORT_<label>`.
"""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from operators.otel_collector.components import Transport
from operators.otel_collector.defaulting import set_at
from operators.otel_collector.endpoints import Endpoint
from operators.otel_collector.findings import Findings
from operators.otel_collector.listeners import Location, find_listeners

PortMode = Literal["bridge", "host-static", "host-dynamic"]

MAX_NAME = 15
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Port:
    """A port that the collector listens on.

    `component` is the section and id that opened it (`receivers.otlp`), empty for one that the user declared alone.
    `host` and `location` are its address and place in the configuration. `loopback` tells that it is bound to the
    allocation's own loopback address: it takes up a number on a shared network, and is of no use to others.
    """

    name: str
    number: int
    protocol: Transport = "tcp"
    component: str = ""
    app_protocol: str | None = None
    host: str = "0.0.0.0"
    location: Location = ()

    @property
    def label(self) -> str:
        return self.name.replace("-", "_")

    @property
    def loopback(self) -> bool:
        return Endpoint(self.host, None).is_loopback

    @property
    def where(self) -> str:
        return ".".join(map(str, self.location)) or f"ports.{self.name}"


def is_port_name(name: str) -> bool:
    """Whether this can be the name of a port: a DNS label of at most 15 characters."""
    return len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


def infer_ports(config: Mapping[str, Any]) -> list[Port]:
    """The ports of the enabled components of an effective configuration, each with a name of its own.

    A port is named after its component and protocol (`otlp-grpc`), or `port-<number>` where that makes no valid name.
    An address whose port is an expansion such as `${env:PORT}` has no number yet, and gives none.
    """
    ports: list[Port] = []
    for listening in find_listeners(config):
        endpoint = listening.endpoint
        if endpoint is None or endpoint.number is None:
            continue
        port = Port(
            name=re.sub(r"[/_]", "-", listening.name),
            number=endpoint.number,
            protocol=listening.transport,
            component=listening.component,
            app_protocol=listening.listener.app_protocol,
            host=endpoint.host,
            location=listening.location,
        )
        ports.append(_named(port, ports))
    return ports


def merge_ports(inferred: Iterable[Port], declared: Sequence[Port]) -> list[Port]:
    """The user's ports and the inferred ones together.

    A declared port with the number and protocol of an inferred one gives that one its name and application protocol;
    an inferred port whose name is taken by a declared one becomes `port-<number>`.
    """
    merged = list(declared)
    for port in inferred:
        same = next((own for own in merged if (own.number, own.protocol) == (port.number, port.protocol)), None)
        if same is None or same.location:
            merged.append(_named(port, merged))
        else:
            app_protocol = same.app_protocol or port.app_protocol
            merged[merged.index(same)] = replace(port, name=same.name, app_protocol=app_protocol)
    return merged


def with_ports(config: Mapping[str, Any], ports: Sequence[Port], mode: PortMode) -> dict[str, Any]:
    """The configuration for a way of giving ports to allocations; `config` is not changed.

    `bridge` and `host-static` use the numbers in the configuration, so no two listeners may share one: `ConfigError`.
    With `host-dynamic` every allocation gets other numbers from Nomad, and each endpoint reads its own from
    `${env:NOMAD_PORT_<label>}`; its host stays.
    """
    adjusted = copy.deepcopy(dict(config))
    if mode != "host-dynamic":
        _refuse_clashes(ports)
        return adjusted
    for port in ports:
        number = f"${{env:NOMAD_PORT_{port.label}}}"
        if port.location:
            set_at(adjusted, port.location, number if port.location[-1] == "port" else f"{port.host}:{number}")
    return adjusted


def _named(port: Port, others: Sequence[Port]) -> Port:
    taken = {other.name for other in others}
    plain = f"port-{port.number}"
    candidates = [port.name, plain, f"{plain}-{port.protocol}", *(f"{plain}-{n}" for n in range(2, len(taken) + 3))]
    return replace(port, name=next(name for name in candidates if is_port_name(name) and name not in taken))


def _refuse_clashes(ports: Sequence[Port]) -> None:
    findings = Findings()
    for index, port in enumerate(ports):
        for other in ports[:index]:
            same_number = (other.number, other.protocol) == (port.number, port.protocol)
            same_host = other.host == port.host or any(Endpoint(p.host, None).is_wildcard for p in (port, other))
            if same_number and same_host:
                findings.problem(port.where, f"port {port.number}/{port.protocol} is taken by {other.where}; use another")
    findings.raise_problems()
