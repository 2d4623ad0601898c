"""What is known of the collector's components: where they listen.

The tables are facts of the upstream and contrib components of the collector. A component that is not here still works;
it gets a port when its endpoint is plainly one to listen on (see `listeners`).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that a component listens on.

    `path` leads to the mapping that holds it below the component's own; with a path, the listener exists only when
    that mapping does, and `protocol` tells it from its siblings. `default_port` None means that the component has no
    usable default, and with `required` it refuses to run without one. `default_host` is `localhost` for pages that
    are nobody else's business.
    """

    default_port: int | None = None
    protocol: str = ""
    path: tuple[str, ...] = ()
    key: str = "endpoint"
    transport: Transport = "tcp"
    app_protocol: str | None = None
    default_host: str = "0.0.0.0"
    required: bool = False


def _protocol(name: str, port: int, app_protocol: str | None = None, transport: Transport = "tcp") -> Listener:
    return Listener(port, name, ("protocols", name), app_protocol=app_protocol, transport=transport)


_GRPC, _HTTP = "grpc", "http"

RECEIVERS: dict[str, tuple[Listener, ...]] = {
    "otlp": (_protocol("grpc", 4317, _GRPC), _protocol("http", 4318, _HTTP)),
    "jaeger": (
        _protocol("grpc", 14250, _GRPC),
        _protocol("thrift_http", 14268, _HTTP),
        _protocol("thrift_compact", 6831, transport="udp"),
        _protocol("thrift_binary", 6832, transport="udp"),
    ),
    "skywalking": (_protocol("grpc", 11800, _GRPC), _protocol("http", 12800, _HTTP)),
    "loki": (_protocol("grpc", 9095, _GRPC), _protocol("http", 3100, _HTTP)),
    "zipkin": (Listener(9411, app_protocol=_HTTP),),
    "awsxray": (Listener(2000, transport="udp"),),
    "carbon": (Listener(2003),),
    "collectd": (Listener(8081, app_protocol=_HTTP),),
    "fluent_forward": (Listener(8006),),
    "influxdb": (Listener(8086, app_protocol=_HTTP),),
    "sapm": (Listener(7276, app_protocol=_HTTP),),
    "signalfx": (Listener(9943, app_protocol=_HTTP),),
    "splunk_hec": (Listener(8088, app_protocol=_HTTP),),
    "statsd": (Listener(8125, transport="udp"),),
    "wavefront": (Listener(2003),),
    "tcp_log": (Listener(key="listen_address", required=True),),
    "udp_log": (Listener(key="listen_address", transport="udp", required=True),),
    "syslog": (
        Listener(protocol="tcp", path=("tcp",), key="listen_address", required=True),
        Listener(protocol="udp", path=("udp",), key="listen_address", transport="udp", required=True),
    ),
    "prometheus": (Listener(protocol="api", path=("api_server", "server_config"), app_protocol=_HTTP),),
}

EXPORTERS: dict[str, tuple[Listener, ...]] = {
    # No default: the component has none of its own that does not clash with the collector's metrics.
    "prometheus": (Listener(app_protocol=_HTTP, required=True),),
}

EXTENSIONS: dict[str, tuple[Listener, ...]] = {
    "health_check": (Listener(13133, app_protocol=_HTTP),),
    "healthcheckv2": (Listener(13133, app_protocol=_HTTP),),
    "jaeger_query": (Listener(16686, "http", ("http",), app_protocol=_HTTP),),
    "zpages": (Listener(55679, app_protocol=_HTTP, default_host="localhost"),),
    "pprof": (Listener(1777, app_protocol=_HTTP, default_host="localhost"),),
}

LISTENERS: dict[str, dict[str, tuple[Listener, ...]]] = {
    "receivers": RECEIVERS,
    "exporters": EXPORTERS,
    "extensions": EXTENSIONS,
}

ALIASES = {
    "fluentforward": "fluent_forward",
    "splunkhec": "splunk_hec",
    "tcplog": "tcp_log",
    "udplog": "udp_log",
}
"""Other spellings of component types, from before or after a renaming upstream."""

HEALTH_CHECKS = ("health_check", "healthcheckv2")
"""Extension types that answer whether the collector is healthy; the operator adds the first when there is none."""

_TYPE = re.compile(r"[a-zA-Z][0-9a-zA-Z_]{0,62}")


def component_type(component_id: str) -> str:
    """The type in an id: `otlp` of `otlp/2`, by its present name."""
    type_ = component_id.partition("/")[0]
    return ALIASES.get(type_, type_)


def is_component_id(text: str) -> bool:
    """Whether the collector accepts this as `type` or `type/name`; a name has no spaces, control characters, symbols."""
    type_, slash, name = text.partition("/")
    if _TYPE.fullmatch(type_) is None:
        return False
    return not slash or (0 < len(name) <= 1024 and not any(unicodedata.category(c)[0] in "ZCS" for c in name))
