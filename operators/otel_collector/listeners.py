"""Finds every address that the enabled components and the collector's own metrics listen on.

Known components are looked up in the tables of `components`. An unknown receiver counts when its endpoint can only be
one to listen on: `0.0.0.0:5140` or `:5140`. `db.internal:3306` is more likely a server that it scrapes, and rewriting
or publishing that would do harm.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from operators.otel_collector.components import LISTENERS, Listener, Transport, component_type
from operators.otel_collector.endpoints import Endpoint, parse_endpoint
from operators.otel_collector.findings import Findings
from operators.otel_collector.pipelines import Component, enabled_components, is_expansion, kind_of, mapping_at

Location = tuple[str | int, ...]

METRICS = "service.telemetry.metrics"
METRICS_PORT = 8888
_METRICS_KEYS = ("service", "telemetry", "metrics")


@dataclass(frozen=True, slots=True)
class Listening:
    """One place in a configuration that holds, or would hold, an address to listen on.

    `location` leads to that place from the top of the configuration; its last part is `port` where the port has a key
    of its own. `name` is the component's id with the protocol. `value` is what stands there, None for nothing.
    """

    component: str
    name: str
    location: Location
    value: Any
    listener: Listener
    transport: Transport

    @property
    def where(self) -> str:
        return ".".join(map(str, self.location))

    @property
    def endpoint(self) -> Endpoint | None:
        """The address with defaults filled in; None for a URL, a socket's path and what nobody can read."""
        try:
            endpoint = parse_endpoint(self.value) if self.value not in (None, "") else Endpoint("", None)
        except ValueError:
            return None
        if endpoint is None or not endpoint.is_known:
            return endpoint
        default = self.listener.default_port
        port = str(default) if endpoint == Endpoint("", None) and default is not None else endpoint.port
        return Endpoint(endpoint.host or self.listener.default_host, port)


def find_listeners(config: Mapping[str, Any]) -> Iterator[Listening]:
    """Every listener, in the order of the sections; the collector's own metrics come last."""
    for component in enabled_components(config):
        known = LISTENERS.get(component.section, {}).get(component_type(component.id))
        if known is not None:
            yield from _known(component, known)
        elif component.section == "receivers":
            yield from _unknown(component)
    yield from _own_metrics(config)


def check_listeners(config: Mapping[str, Any], findings: Findings) -> None:
    """Write into `findings` which addresses cannot be listened on, reached from outside, or known beforehand."""
    for component in enabled_components(config):
        known = LISTENERS.get(component.section, {}).get(component_type(component.id), ())
        protocols = [listener.protocol for listener in known if listener.path[:1] == ("protocols",)]
        declared = component.config.get("protocols")
        where = f"{component.section}.{component.id}.protocols"
        if protocols and not declared:
            findings.problem(where, f"name at least one protocol ({', '.join(protocols)}), as in {{{protocols[0]}: {{}}}}")
        elif protocols and not isinstance(declared, Mapping) and not is_expansion(declared):
            findings.problem(where, f"expected a mapping of protocols, found {kind_of(declared)}")
    for listening in find_listeners(config):
        _check_listener(listening, findings)


def _check_listener(listening: Listening, findings: Findings) -> None:
    listener = listening.listener
    if listening.value in (None, ""):
        if listener.required:
            findings.problem(listening.where, "say where to listen, as in 0.0.0.0:<port>")
        return
    try:
        written = parse_endpoint(listening.value)
    except ValueError as error:
        findings.problem(listening.where, str(error))
        return
    endpoint = listening.endpoint
    if written is None or endpoint is None:
        return
    if endpoint.port is None and written.is_known:
        cure = f"{written}:{listener.default_port or '<port>'}"
        findings.problem(listening.where, f'"{listening.value}" names no port; write "{cure}"')
    elif endpoint.number is None:
        findings.warning(listening.where, f"the port of {written} is known only when the collector runs: it is not opened")
    elif written.is_loopback and listener.default_host != written.host:
        cure = f"0.0.0.0:{written.number}"
        findings.warning(listening.where, f"{written} can be reached from inside the allocation only; write {cure}")


def _known(component: Component, known: tuple[Listener, ...]) -> Iterator[Listening]:
    for listener in known:
        holder: Any = component.config
        for key in listener.path:
            holder = holder.get(key, ...) if isinstance(holder, Mapping) else ...
        # An empty protocol (`grpc:`) is one with all its defaults.
        holder = {} if holder is None else holder
        if isinstance(holder, Mapping) and (transport := _transport(holder, listener.transport)) is not None:
            yield _listening(component, listener, holder.get(listener.key), transport)


def _unknown(component: Component) -> Iterator[Listening]:
    holders: list[tuple[str, tuple[str, ...], Mapping[str, Any]]] = [("", (), component.config)]
    for protocol, settings in mapping_at(component.config, "protocols").items():
        if isinstance(settings, Mapping):
            holders.append((protocol, ("protocols", protocol), settings))
    for protocol, path, holder in holders:
        key = "endpoint" if "endpoint" in holder else "listen_address"
        transport = _transport(holder, "tcp")
        try:
            endpoint = parse_endpoint(holder.get(key))
        except ValueError:
            continue
        if endpoint is not None and endpoint.is_wildcard and endpoint.number is not None and transport is not None:
            listener = Listener(protocol=protocol, path=path, key=key)
            yield _listening(component, listener, holder[key], transport)


def _listening(component: Component, listener: Listener, value: object, transport: Transport) -> Listening:
    return Listening(
        component=f"{component.section}.{component.id}",
        name=f"{component.id}-{listener.protocol}" if listener.protocol else component.id,
        location=(component.section, component.id, *listener.path, listener.key),
        value=value,
        listener=listener,
        transport=transport,
    )


def _transport(holder: Mapping[str, Any], default: Transport) -> Transport | None:
    """The transport that a component chose, such as udp4; None for a unix socket."""
    chosen = holder.get("transport")
    if not isinstance(chosen, str):
        return default
    return "tcp" if chosen.startswith("tcp") else "udp" if chosen.startswith("udp") else None


def _own_metrics(config: Mapping[str, Any]) -> Iterator[Listening]:
    metrics: Mapping[str, Any] = config
    for key in _METRICS_KEYS:
        metrics = mapping_at(metrics, key)
    if metrics.get("address"):  # collectors before 0.123
        listener = Listener(METRICS_PORT, key="address", app_protocol="http")
        yield Listening(METRICS, "metrics", (*_METRICS_KEYS, "address"), metrics["address"], listener, "tcp")
    readers = metrics.get("readers")
    for index, reader in enumerate(readers if isinstance(readers, list) else ()):
        exporter = mapping_at(mapping_at(reader, "pull"), "exporter") if isinstance(reader, Mapping) else {}
        for kind, settings in exporter.items():
            if kind.partition("/")[0] == "prometheus" and isinstance(settings, Mapping):
                location = (*_METRICS_KEYS, "readers", index, "pull", "exporter", kind, "port")
                listener = Listener(METRICS_PORT, key="port", app_protocol="http")
                yield Listening(METRICS, "metrics", location, _reader_address(settings), listener, "tcp")


def _reader_address(settings: Mapping[str, Any]) -> str:
    """The address of a metrics reader, which keeps host and port under two keys."""
    host, port = settings.get("host"), settings.get("port")
    host = host if isinstance(host, str) else ""
    return f"{f'[{host}]' if ':' in host and '$' not in host else host}:{METRICS_PORT if port is None else port}"
