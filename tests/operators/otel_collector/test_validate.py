"""The checks here and `otelcol validate` agree, and what is accepted runs, on a real collector."""

import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from operators.otel_collector.config import effective_config
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.ports import infer_ports, with_ports
from operators.otel_collector.rendering import render

pytestmark = pytest.mark.timeout(600)  # the first test to run may build the collector

COMPONENTS = """
receivers: {otlp: {protocols: {grpc: , http: {endpoint: "localhost:4318"}}}, nop: }
processors: {batch: , memory_limiter: {check_interval: 1s, limit_percentage: 80}}
exporters: {debug: {verbosity: detailed}, file: {path: out.json}, otlp_http/next: {endpoint: "http://next:4318"}}
extensions: {zpages: }
"""

ACCEPTED = [
    "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [otlp, nop], processors: [memory_limiter, batch], exporters: [file]}}}",
    "service: {extensions: [zpages], pipelines: {logs/2: {receivers: [nop], exporters: [debug, otlp_http/next]}}}",
    "service: {telemetry: , extensions: , pipelines: {metrics: {receivers: [nop], processors: , exporters: [debug]}}}",
    "service: {telemetry: {metrics: {level: none}}, pipelines: {metrics: {receivers: [nop], exporters: [debug]}}}",
    "service: {telemetry: {resource: {a: on, b: 12:30}}, pipelines: {logs: {receivers: [nop], exporters: [debug]}}}",
    'service: {pipelines: {traces: {receivers: "${env:RECEIVERS}", exporters: [debug]}}}',
    "connectors: \nservice: {pipelines: {traces: {receivers: [nop, nop], exporters: [debug]}}}",
]
REFUSED = [
    "",
    "service: ",
    "service: {pipelines: }",
    "service: {pipelines: {traces: }}",
    "service: {pipelines: {traces: {receivers: [otlp]}}}",
    "service: {pipelines: {traces: {receivers: [], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: otlp, exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [1], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [otlpx], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [otlp], exporters: [nope]}}}",
    "service: {pipelines: {traces: {receivers: [otlp], processors: [nope], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [otlp], processors: [batch, batch], exporters: [debug]}}}",
    "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug], more: 1}}}",
    "service: {pipelines: {trace: {receivers: [otlp], exporters: [debug]}}}",
    "service: {pipelines: {traces/a b: {receivers: [otlp], exporters: [debug]}}}",
    "service: {extensions: [pprof], pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
    "service: {pipelins: {}, pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
    "procesors: {}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
    "connectors: 5\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
    "connectors: {nop: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}",
]


def validate(collector: Path, directory: Path, text: str) -> str:
    """What the collector says against a configuration; empty when it accepts it."""
    file = directory / "collector.yaml"
    file.write_text(text)
    ports = {f"NOMAD_PORT_{label}": "1" for label in ("otlp_grpc", "otlp_http", "zpages", "metrics", "health_check")}
    answer = subprocess.run(
        [collector, "validate", "--config", str(file)],
        env={**os.environ, "RECEIVERS": "[otlp]", **ports},
        capture_output=True,
        text=True,
    )
    assert answer.returncode in (0, 1)
    return answer.stderr if answer.returncode else ""


@pytest.mark.parametrize("service", ACCEPTED)
def test_what_is_accepted_the_collector_accepts_before_and_after(service: str, collector: Path, tmp_path: Path) -> None:
    assert validate(collector, tmp_path, COMPONENTS + service) == ""
    config = effective_config(COMPONENTS + service).config
    for mode in ("bridge", "host-dynamic"):
        text = render(with_ports(config, infer_ports(config), mode)).text
        assert validate(collector, tmp_path, text) == ""


@pytest.mark.parametrize("service", REFUSED)
def test_what_is_refused_the_collector_refuses(service: str, collector: Path, tmp_path: Path) -> None:
    assert validate(collector, tmp_path, COMPONENTS + service) != ""
    with pytest.raises(ConfigError):
        effective_config(COMPONENTS + service)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def get(url: str, data: bytes | None = None) -> str:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def test_a_collector_with_dynamic_ports_runs(collector: Path, tmp_path: Path) -> None:
    config = effective_config(
        {
            "receivers": {"otlp": {"protocols": {"http": None}}},
            "exporters": {"file": {"path": str(tmp_path / "spans.json")}},
            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}}},
        }
    ).config
    ports = infer_ports(config)
    numbers = dict(zip([port.label for port in ports], free_ports(len(ports)), strict=True))
    file = tmp_path / "collector.yaml"
    file.write_text(render(with_ports(config, ports, "host-dynamic")).text)
    environment = {f"NOMAD_PORT_{label}": str(number) for label, number in numbers.items()}
    with subprocess.Popen([collector, "--config", str(file)], env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("Everything is ready" in line for line in process.stderr)
            assert "Server available" in get(f"http://127.0.0.1:{numbers['health_check']}/")
            assert "otelcol_process_uptime" in get(f"http://127.0.0.1:{numbers['metrics']}/metrics")
            span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "hello"}
            body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
            assert "partialSuccess" in get(f"http://127.0.0.1:{numbers['otlp_http']}/v1/traces", body)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)
    assert process.returncode == 0
    assert '"name":"hello"' in (tmp_path / "spans.json").read_text()
