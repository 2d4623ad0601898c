"""Spans leave the process if the environment says where to, and cost no import if it does not."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROGRAM = """
import sys
from opentelemetry import trace
from operator_kit import run
from operator_kit.process.telemetry import exporting_spans

with exporting_spans("website") as exporting:
    trace.get_tracer("test").start_span("a reconcile").end()
print(exporting, "opentelemetry.sdk" in sys.modules)
"""


def output(**environment: str) -> str:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    return subprocess.run(command, env={**plain, **environment}, capture_output=True, check=True, text=True).stdout.strip()


def test_without_an_endpoint_the_sdk_is_not_even_imported() -> None:
    assert output() == "False False"
    assert output(OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:1", OTEL_SDK_DISABLED="true") == "False False"


def test_spans_are_sent_before_the_process_ends_under_the_name_of_the_operator() -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        assert output(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_COMPRESSION="none") == "True True"
        server.shutdown()
        thread.join()
    assert [path for path, _ in received] == ["/v1/traces"]
    assert b"a reconcile" in received[0][1]
    assert b"website" in received[0][1]
