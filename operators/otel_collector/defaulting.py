"""Fills in what a collector needs to be useful as a Nomad job, without touching what the user said.

A component whose endpoint names no host listens on all addresses (the collector's own default, localhost, cannot be
reached from outside an allocation), the health of the collector can be asked, and its metrics can be scraped.
"""

from collections.abc import MutableMapping
from typing import Any

from operators.otel_collector.components import HEALTH_CHECKS, component_type
from operators.otel_collector.findings import Findings
from operators.otel_collector.listeners import METRICS, METRICS_PORT, Location, find_listeners
from operators.otel_collector.pipelines import is_expansion

HEALTH_CHECK = {"endpoint": "0.0.0.0:13133", "path": "/"}


def fill_in_defaults(config: dict[str, Any], health_check: bool, findings: Findings) -> None:
    """Change `config` in place; `health_check` False leaves a configuration without one as it is."""
    if health_check:
        _add_health_check(config, findings)
    _add_metrics_reader(config, findings)
    for listening in list(find_listeners(config)):
        endpoint = listening.endpoint
        if listening.location[-1] != "port" and endpoint is not None and endpoint.port is not None and endpoint.host:
            set_at(config, listening.location, str(endpoint))


def set_at(config: dict[str, Any], location: Location, value: object) -> None:
    """Put a value at a location, with new mappings for the parts of the way that are missing or empty."""
    holder: Any = config
    for key in location[:-1]:
        if isinstance(key, str) and holder.get(key) is None:
            holder[key] = {}
        holder = holder[key]
    holder[location[-1]] = value


def _add_health_check(config: dict[str, Any], findings: Findings) -> None:
    service = config.get("service")
    if not isinstance(service, MutableMapping):
        return
    where = "service.extensions"
    enabled = service.get("extensions") or []
    declared = config.get("extensions") or {}
    if is_expansion(enabled) or is_expansion(declared):
        findings.warning(where, "filled in when the collector runs: no health_check is added, its health is not watched")
        return
    if not isinstance(enabled, list) or not isinstance(declared, MutableMapping):
        return
    if any(isinstance(extension, str) and component_type(extension) in HEALTH_CHECKS for extension in enabled):
        return
    own = next((extension for extension in declared if component_type(extension) in HEALTH_CHECKS), None)
    if own is None:
        own = HEALTH_CHECKS[0]
        config["extensions"] = {**declared, own: dict(HEALTH_CHECK)}
    service["extensions"] = [*enabled, own]


def _add_metrics_reader(config: dict[str, Any], findings: Findings) -> None:
    """A Prometheus reader like the collector's own default one, but on all addresses."""
    metrics: Any = config
    for key in ("service", "telemetry", "metrics"):
        if not isinstance(metrics, MutableMapping):
            return
        if metrics.get(key) is None:
            metrics[key] = {}
        metrics = metrics[key]
    if is_expansion(metrics):
        findings.warning(METRICS, "filled in when the collector runs: its port is not opened")
        return
    if not isinstance(metrics, MutableMapping) or metrics.get("readers") or metrics.get("address"):
        return
    if str(metrics.get("level") or "normal").lower() == "none":
        return
    names = {"without_scope_info": True, "without_type_suffix": True, "without_units": True}
    reader = {"host": "0.0.0.0", "port": METRICS_PORT, **names}
    metrics["readers"] = [{"pull": {"exporter": {"prometheus": reader}}}]
