"""Where the collector answers whether it is healthy."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from operators.otel_collector.components import HEALTH_CHECKS, component_type
from operators.otel_collector.pipelines import mapping_at
from operators.otel_collector.ports import Port


@dataclass(frozen=True, slots=True)
class HealthProbe:
    """An HTTP GET that answers 200 while the collector is healthy."""

    port: Port
    path: str
    https: bool


def health_probe(config: Mapping[str, Any], ports: Iterable[Port]) -> HealthProbe | None:
    """The probe of the first enabled health_check extension; None when there is none, or none with a known port.

    An extension bound to loopback gives no probe: Nomad's checks come from outside the allocation.
    """
    extensions = mapping_at(config, "extensions")
    enabled = mapping_at(config, "service").get("extensions")
    by_component = {port.component: port for port in ports if not port.loopback}
    for extension in enabled if isinstance(enabled, list) else ():
        port = by_component.get(f"extensions.{extension}")
        if component_type(str(extension)) in HEALTH_CHECKS and port is not None:
            settings = mapping_at(extensions, extension)
            path = settings.get("path")
            return HealthProbe(port, path if isinstance(path, str) and path else "/", https=bool(settings.get("tls")))
    return None
