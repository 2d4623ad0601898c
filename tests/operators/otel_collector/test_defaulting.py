from typing import Any

import pytest

from operators.otel_collector.defaulting import fill_in_defaults, set_at
from operators.otel_collector.findings import Findings


def collector(**changes: Any) -> dict[str, Any]:
    return {
        "receivers": {"zipkin": {}},
        "exporters": {"debug": {}},
        "service": {"pipelines": {"traces": {"receivers": ["zipkin"], "exporters": ["debug"]}}},
        **changes,
    }


def filled(config: dict[str, Any], health_check: bool = True) -> dict[str, Any]:
    fill_in_defaults(config, health_check, Findings())
    return config


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (None, "0.0.0.0:9411"),
        ("", "0.0.0.0:9411"),
        (":1234", "0.0.0.0:1234"),
        (1234, "0.0.0.0:1234"),
        ("localhost:1234", "localhost:1234"),
        ("[::]:1234", "[::]:1234"),
        ("${env:ENDPOINT}", "${env:ENDPOINT}"),
        (":${env:PORT}", ":${env:PORT}"),
        ("unix:///run/x", "unix:///run/x"),
    ],
)
def test_an_endpoint_gets_the_host_and_port_it_lacks(endpoint: object, expected: str) -> None:
    config = filled(collector(receivers={"zipkin": {"endpoint": endpoint}}))
    assert config["receivers"]["zipkin"]["endpoint"] == expected


def test_a_component_that_is_not_enabled_stays_as_it_is() -> None:
    config = filled(collector(receivers={"zipkin": {}, "carbon": {}}))
    assert config["receivers"]["carbon"] == {}


def test_an_enabled_health_check_is_kept() -> None:
    service = {**collector()["service"], "extensions": ["health_check/mine"]}
    config = filled(collector(extensions={"health_check/mine": {"endpoint": ":1", "path": "/up"}}, service=service))
    assert config["extensions"] == {"health_check/mine": {"endpoint": "0.0.0.0:1", "path": "/up"}}
    assert config["service"]["extensions"] == ["health_check/mine"]


def test_a_declared_health_check_is_enabled() -> None:
    config = filled(collector(extensions={"zpages": {}, "health_check": {"path": "/up"}}))
    assert config["extensions"]["health_check"] == {"endpoint": "0.0.0.0:13133", "path": "/up"}
    assert config["service"]["extensions"] == ["health_check"]


def test_without_the_wish_no_health_check_is_added() -> None:
    config = filled(collector(), health_check=False)
    assert "extensions" not in config
    assert "extensions" not in config["service"]


def test_extensions_from_the_environment_are_left_alone_with_a_warning() -> None:
    config = collector(service={**collector()["service"], "extensions": "${env:EXTENSIONS}"})
    findings = Findings()
    fill_in_defaults(config, True, findings)
    assert config["service"]["extensions"] == "${env:EXTENSIONS}"
    assert findings.warnings == [
        "service.extensions: filled in when the collector runs: no health_check is added, its health is not watched"
    ]


@pytest.mark.parametrize(
    "metrics",
    [
        {"level": "none"},
        {"address": "localhost:8888"},
        {"readers": [{"periodic": {"exporter": {"console": {}}}}]},
    ],
)
def test_chosen_metrics_are_kept(metrics: dict[str, Any]) -> None:
    config = filled(collector(service={**collector()["service"], "telemetry": {"metrics": dict(metrics)}}))
    assert config["service"]["telemetry"]["metrics"] == metrics


@pytest.mark.parametrize("telemetry", [None, {}, {"metrics": None}, {"metrics": {"level": "detailed", "readers": []}}])
def test_metrics_can_be_scraped_from_outside(telemetry: Any) -> None:
    config = filled(collector(service={**collector()["service"], "telemetry": telemetry}))
    (reader,) = config["service"]["telemetry"]["metrics"]["readers"]
    prometheus = reader["pull"]["exporter"]["prometheus"]
    assert (prometheus["host"], prometheus["port"]) == ("0.0.0.0", 8888)


def test_set_at_makes_the_way_and_follows_lists() -> None:
    config: dict[str, Any] = {"a": None, "l": [{"x": 1}]}
    set_at(config, ("a", "b", "c"), 1)
    set_at(config, ("l", 0, "x"), 2)
    assert config == {"a": {"b": {"c": 1}}, "l": [{"x": 2}]}
