from typing import Any

import pytest

from operators.otel_collector.config import effective_config
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.ports import Port, infer_ports, is_port_name, merge_ports, with_ports


def collector(receivers: dict[str, Any], extensions: dict[str, Any] | None = None) -> dict[str, Any]:
    return effective_config(
        {
            "receivers": receivers,
            "exporters": {"debug": {}},
            "extensions": extensions or {},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "extensions": list(extensions or {}),
                "pipelines": {"traces": {"receivers": list(receivers), "exporters": ["debug"]}},
            },
        },
        health_check=False,
    ).config


def summary(ports: list[Port]) -> list[tuple[str, str, int, str, str | None]]:
    return [(port.name, port.label, port.number, port.protocol, port.app_protocol) for port in ports]


def test_ports_of_a_minimal_collector() -> None:
    text = """
receivers: {otlp: {protocols: {grpc: {}, http: {}}}}
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}
"""
    assert summary(infer_ports(effective_config(text).config)) == [
        ("otlp-grpc", "otlp_grpc", 4317, "tcp", "grpc"),
        ("otlp-http", "otlp_http", 4318, "tcp", "http"),
        ("health-check", "health_check", 13133, "tcp", "http"),
        ("metrics", "metrics", 8888, "tcp", "http"),
    ]


def test_udp_is_kept_and_long_names_are_replaced() -> None:
    receivers = {"statsd": {}, "jaeger": {"protocols": {"thrift_compact": {}}}, "zipkin/With.Dots": {}}
    assert summary(infer_ports(collector(receivers))) == [
        ("statsd", "statsd", 8125, "udp", None),
        ("port-6831", "port_6831", 6831, "udp", None),
        ("port-9411", "port_9411", 9411, "tcp", "http"),
    ]


def test_every_port_has_its_own_name() -> None:
    receivers = {
        "tcp_log/a-very-long-name": {"listen_address": ":514"},
        "udp_log/a-very-long-name": {"listen_address": ":514"},
        "tcp_log/another-long-name": {"listen_address": "10.0.0.1:514"},
        "zipkin/a": {},
        "zipkin/b": {"endpoint": ":1"},
    }
    names = [port.name for port in infer_ports(collector(receivers))]
    assert names == ["port-514", "port-514-udp", "port-514-tcp", "zipkin-a", "zipkin-b"]
    assert all(map(is_port_name, names))


def test_a_port_from_the_environment_has_no_number_and_is_left_out() -> None:
    assert infer_ports(collector({"zipkin": {"endpoint": "0.0.0.0:${env:PORT}"}})) == []


def test_a_loopback_port_is_marked() -> None:
    (port,) = infer_ports(collector({"nop": {}}, {"zpages": {}}))
    assert (port.number, port.host, port.loopback) == (55679, "localhost", True)


def test_a_declared_port_takes_the_place_of_the_inferred_one() -> None:
    inferred = infer_ports(collector({"otlp": {"protocols": {"grpc": {}, "http": {}}}}))
    merged = merge_ports(inferred, [Port("ingest", 4317), Port("otlp-http", 9000), Port("syslog", 4317, "udp")])
    assert summary(merged) == [
        ("ingest", "ingest", 4317, "tcp", "grpc"),
        ("otlp-http", "otlp_http", 9000, "tcp", None),
        ("syslog", "syslog", 4317, "udp", None),
        ("port-4318", "port_4318", 4318, "tcp", "http"),
    ]
    assert merged[0].location == inferred[0].location
    assert merged[0].component == "receivers.otlp"


@pytest.mark.parametrize("mode", ["bridge", "host-static"])
def test_fixed_ports_leave_the_configuration_as_it_is(mode: Any) -> None:
    config = collector({"zipkin": {}})
    adjusted = with_ports(config, infer_ports(config), mode)
    assert adjusted == config
    assert adjusted is not config


def test_dynamic_ports_are_read_from_the_environment() -> None:
    source = {
        "receivers": {"otlp": {"protocols": {"grpc": {}}}, "zipkin": {"endpoint": "10.0.0.1:9411"}},
        "exporters": {"debug": {}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp", "zipkin"], "exporters": ["debug"]}}},
    }
    config = effective_config(source).config
    adjusted = with_ports(config, infer_ports(config), "host-dynamic")
    assert adjusted["receivers"] == {
        "otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:${env:NOMAD_PORT_otlp_grpc}"}}},
        "zipkin": {"endpoint": "10.0.0.1:${env:NOMAD_PORT_zipkin}"},
    }
    assert adjusted["extensions"]["health_check"]["endpoint"] == "0.0.0.0:${env:NOMAD_PORT_health_check}"
    reader = adjusted["service"]["telemetry"]["metrics"]["readers"][0]["pull"]["exporter"]["prometheus"]
    assert reader["port"] == "${env:NOMAD_PORT_metrics}"
    assert config == effective_config(source).config


def test_two_listeners_on_one_port_are_refused_unless_ports_are_dynamic() -> None:
    config = collector({"zipkin": {}, "zipkin/2": {"endpoint": "127.0.0.1:9411"}})
    ports = infer_ports(config)
    with pytest.raises(ConfigError) as error:
        with_ports(config, ports, "bridge")
    assert error.value.problems == (
        "receivers.zipkin/2.endpoint: port 9411/tcp is taken by receivers.zipkin.endpoint; use another",
    )
    assert len({port.label for port in ports}) == 2
    assert with_ports(config, ports, "host-dynamic")["receivers"]["zipkin/2"] == {
        "endpoint": "127.0.0.1:${env:NOMAD_PORT_zipkin_2}"
    }


def test_two_addresses_may_share_a_number() -> None:
    config = collector({"zipkin": {"endpoint": "10.0.0.1:9411"}, "zipkin/2": {"endpoint": "127.0.0.1:9411"}})
    assert with_ports(config, infer_ports(config), "bridge") == config


@pytest.mark.parametrize(
    ("name", "valid"),
    [("a", True), ("otlp-grpc", True), ("a" * 15, True), ("a" * 16, False), ("-a", False), ("a_b", False), ("A", False)],
)
def test_port_names(name: str, valid: bool) -> None:
    assert is_port_name(name) is valid
