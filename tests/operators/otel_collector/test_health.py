from typing import Any

from operators.otel_collector.config import effective_config
from operators.otel_collector.health import HealthProbe, health_probe
from operators.otel_collector.ports import infer_ports


def probe(extensions: dict[str, Any], enabled: list[str]) -> HealthProbe | None:
    config = effective_config(
        {
            "receivers": {"nop": {}},
            "exporters": {"nop": {}},
            "extensions": extensions,
            "service": {"extensions": enabled, "pipelines": {"logs": {"receivers": ["nop"], "exporters": ["nop"]}}},
        },
        health_check=not extensions,
    ).config
    return health_probe(config, infer_ports(config))


def test_the_added_health_check_is_probed() -> None:
    found = probe({}, [])
    assert found is not None
    assert (found.port.label, found.port.number, found.path, found.https) == ("health_check", 13133, "/", False)


def test_the_first_enabled_one_wins() -> None:
    extensions = {
        "health_check/b": {"endpoint": ":2"},
        "health_check/a": {"endpoint": ":1", "path": "/up", "tls": {"cert_file": "c"}},
    }
    found = probe(extensions, ["health_check/a", "health_check/b"])
    assert found is not None
    assert (found.port.number, found.path, found.https) == (1, "/up", True)


def test_without_one_that_can_be_asked_there_is_no_probe() -> None:
    assert probe({"zpages": {}}, ["zpages"]) is None
    assert probe({"health_check": {"endpoint": "localhost:13133"}}, ["health_check"]) is None
    assert probe({"health_check": {"endpoint": "0.0.0.0:${env:P}"}}, ["health_check"]) is None
