from typing import Any

import pytest

from operators.otel_collector.findings import Findings
from operators.otel_collector.listeners import check_listeners, find_listeners


def with_components(
    receivers: dict[str, Any], extensions: dict[str, Any] | None = None, metrics: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "receivers": receivers,
        "exporters": {"debug": {}},
        "extensions": extensions or {},
        "service": {
            "telemetry": {"metrics": metrics or {}},
            "extensions": list(extensions or {}),
            "pipelines": {"logs": {"receivers": list(receivers), "exporters": ["debug"]}},
        },
    }


def findings_of(config: dict[str, Any]) -> Findings:
    findings = Findings()
    check_listeners(config, findings)
    return findings


def addresses(config: dict[str, Any]) -> dict[str, str]:
    return {listening.name: f"{listening.endpoint}/{listening.transport}" for listening in find_listeners(config)}


@pytest.mark.parametrize(
    ("receivers", "expected"),
    [
        ({"otlp": {"protocols": {"grpc": None}}}, {"otlp-grpc": "0.0.0.0:4317/tcp"}),
        (
            {"otlp/2": {"protocols": {"http": {"endpoint": "localhost:9"}, "grpc": {}}}},
            {"otlp/2-grpc": "0.0.0.0:4317/tcp", "otlp/2-http": "localhost:9/tcp"},
        ),
        ({"jaeger": {"protocols": {"thrift_compact": {}}}}, {"jaeger-thrift_compact": "0.0.0.0:6831/udp"}),
        ({"zipkin": {}}, {"zipkin": "0.0.0.0:9411/tcp"}),
        ({"statsd": {"endpoint": ":8126"}}, {"statsd": "0.0.0.0:8126/udp"}),
        ({"statsd": {"transport": "tcp4"}}, {"statsd": "0.0.0.0:8125/tcp"}),
        ({"carbon": {"transport": "udp"}}, {"carbon": "0.0.0.0:2003/udp"}),
        ({"statsd": {"transport": "unixgram", "endpoint": "/run/s"}}, {}),
        ({"udplog": {"listen_address": "0.0.0.0:54526"}}, {"udplog": "0.0.0.0:54526/udp"}),
        ({"syslog": {"tcp": {"listen_address": ":514"}}}, {"syslog-tcp": "0.0.0.0:514/tcp"}),
        ({"prometheus": {"config": {}}}, {}),
        (
            {"prometheus": {"api_server": {"server_config": {"endpoint": ":9091"}}}},
            {"prometheus-api": "0.0.0.0:9091/tcp"},
        ),
        ({"webhookevent": {"endpoint": "0.0.0.0:8088"}}, {"webhookevent": "0.0.0.0:8088/tcp"}),
        ({"mine": {"listen_address": ":99", "transport": "udp"}}, {"mine": "0.0.0.0:99/udp"}),
        ({"mine": {"protocols": {"x": {"endpoint": ":1"}, "y": {}}}}, {"mine-x": "0.0.0.0:1/tcp"}),
    ],
)
def test_receivers_listen_where_the_table_and_the_endpoint_say(receivers: dict[str, Any], expected: dict[str, str]) -> None:
    assert addresses(with_components(receivers)) == expected


@pytest.mark.parametrize("endpoint", ["localhost:6379", "db:3306", "http://0.0.0.0:80", "unix:///run/docker.sock", None])
def test_an_unknown_receiver_that_may_be_a_client_opens_nothing(endpoint: object) -> None:
    assert addresses(with_components({"redis": {"endpoint": endpoint}})) == {}


def test_pages_for_debugging_stay_on_localhost() -> None:
    found = addresses(with_components({}, {"zpages": {}, "pprof": {}, "health_check": {}}))
    assert found == {
        "zpages": "localhost:55679/tcp",
        "pprof": "localhost:1777/tcp",
        "health_check": "0.0.0.0:13133/tcp",
    }


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({}, {}),
        ({"address": ":8889"}, {"metrics": "0.0.0.0:8889/tcp"}),
        (
            {"readers": [{"periodic": {}}, {"pull": {"exporter": {"prometheus": {"host": "::1", "port": 9}}}}]},
            {"metrics": "[::1]:9/tcp"},
        ),
        ({"readers": [{"pull": {"exporter": {"prometheus": {}}}}]}, {"metrics": "0.0.0.0:8888/tcp"}),
    ],
)
def test_the_collectors_own_metrics_listen_too(metrics: dict[str, Any], expected: dict[str, str]) -> None:
    assert addresses(with_components({}, metrics=metrics)) == expected


@pytest.mark.parametrize(
    ("receivers", "problem"),
    [
        ({"otlp": {}}, "receivers.otlp.protocols: name at least one protocol (grpc, http), as in {grpc: {}}"),
        ({"otlp": {"protocols": [1]}}, "receivers.otlp.protocols: expected a mapping of protocols, found a list"),
        ({"tcp_log": {}}, "receivers.tcp_log.listen_address: say where to listen, as in 0.0.0.0:<port>"),
        (
            {"zipkin": {"endpoint": "localhost"}},
            'receivers.zipkin.endpoint: "localhost" names no port; write "localhost:9411"',
        ),
        (
            {"tcp_log": {"listen_address": "0.0.0.0"}},
            'receivers.tcp_log.listen_address: "0.0.0.0" names no port; write "0.0.0.0:<port>"',
        ),
        ({"zipkin": {"endpoint": "h:70000"}}, 'receivers.zipkin.endpoint: "h:70000" has a port above 65535'),
        ({"zipkin": {"endpoint": {}}}, "receivers.zipkin.endpoint: expected text such as 0.0.0.0:4317"),
    ],
)
def test_an_address_that_cannot_be_listened_on_is_a_problem(receivers: dict[str, Any], problem: str) -> None:
    assert findings_of(with_components(receivers)).problems == [problem]


@pytest.mark.parametrize(
    ("receivers", "warning"),
    [
        (
            {"zipkin": {"endpoint": "localhost:9411"}},
            "receivers.zipkin.endpoint: localhost:9411 can be reached from inside the allocation only; write 0.0.0.0:9411",
        ),
        (
            {"zipkin": {"endpoint": "0.0.0.0:${env:PORT}"}},
            "receivers.zipkin.endpoint: the port of 0.0.0.0:${env:PORT} is known only when the collector runs: "
            "it is not opened",
        ),
    ],
)
def test_an_address_that_serves_nobody_is_a_warning(receivers: dict[str, Any], warning: str) -> None:
    findings = findings_of(with_components(receivers))
    assert (findings.problems, findings.warnings) == ([], [warning])


def test_a_prometheus_exporter_must_say_where_it_listens() -> None:
    config = with_components({"nop": {}})
    config["exporters"] = {"prometheus": {}}
    config["service"]["pipelines"]["logs"]["exporters"] = ["prometheus"]
    assert findings_of(config).problems == ["exporters.prometheus.endpoint: say where to listen, as in 0.0.0.0:<port>"]
