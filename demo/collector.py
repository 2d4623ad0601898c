"""The main story: a variable becomes a running, healthy OpenTelemetry Collector, is changed, and goes away again."""

import json
import os
import time
import urllib.request
from pathlib import Path

from demo.shell import Shell, StepFailed
from demo.stage import Stage

SPAN_NAME = "hello-from-the-demo"
JOB = "otel-collector-edge"
CONFIG = """\
receivers:
  otlp:
    protocols:
      grpc: {}
      http: {}
processors:
  batch:
    timeout: %s
exporters:
  debug:
    verbosity: detailed
  file:
    path: ${env:NOMAD_ALLOC_DIR}/data/spans.json
    flush_interval: 200ms
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [debug, file]
"""


class CollectorStory(Stage):
    """Plays with a collector that `runner` tells how to run: items of the resource, such as `driver=raw_exec binary=…`."""

    def __init__(self, shell: Shell, folder: Path, runner: str) -> None:
        super().__init__(shell, folder)
        self._runner = runner

    def play(self, *, keep: bool = False) -> None:
        self.start_agent("2. A Nomad-compatible agent, with ACLs")
        self.shell.title("3. The collector operator, as a system job with a workload identity")
        self.shell.run("operator install otel_collector")
        self.shell.run("operator list")
        self._declare()
        self._send_span()
        self._change()
        if not keep:
            self.shell.title("7. The variable is purged: everything disappears")
            self.purge("otel", "collector", "edge", JOB)

    def _declare(self) -> None:
        self.shell.title("4. A collector, declared as a variable")
        self._put("200ms")
        seconds = self.shell.wait("a ready collector", lambda: self.is_ready("collector", "edge"), seconds=90)
        self.shell.run("get collector edge")
        self.shell.run("describe collector edge")
        self.shell.say(f"  Ready after {seconds:.1f} s")

    def _send_span(self) -> None:
        self.shell.title("5. One span, by OTLP/HTTP, to the address in the resource's status")
        url = f"http://{self._endpoint()}/v1/traces"
        self.shell.say(f"$ curl -H 'Content-Type: application/json' -d @span.json {url}")
        request = urllib.request.Request(url, data=_span().encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.shell.say(f"  {answer.status} {answer.read().decode()}")
        allocation = self._allocation()
        logs = f"alloc logs -stderr {allocation}"
        self.shell.wait("the span in the collector's log", lambda: SPAN_NAME in self.shell.run(logs, show=False), seconds=15)
        self.shell.say(f"$ nomadctl {logs} | grep Name")
        for line in self.shell.run(logs, show=False).splitlines():
            if SPAN_NAME in line:
                self.shell.say(f"  {line.strip()}")
        self.shell.run(f"alloc exec {allocation} /bin/sh -c 'cut -c -100 $NOMAD_ALLOC_DIR/data/spans.json'", check=False)

    def _change(self) -> None:
        self.shell.title("6. A second put: the new config is rolled out")
        before = self._allocation()
        self._put("500ms", "-force ")
        seconds = self.shell.wait(
            "a ready collector with the new config",
            lambda: self.is_ready("collector", "edge") and self._allocation() != before,
            seconds=120,
        )
        self.shell.run(f"job status {JOB}")
        self.shell.run("get collector edge")
        self.shell.say(f"  Ready with the new config after {seconds:.1f} s")

    def _put(self, timeout: str, flags: str = "") -> None:
        path = self.folder / "edge.yaml"
        path.write_text(CONFIG % timeout)
        self.shell.say(f"$ cat {path}")
        for line in path.read_text().splitlines():
            self.shell.say(f"  {line}")
        self.shell.run(f"var put {flags}-out none resources/otel/collector/edge mode=deployment {self._runner} config=@{path}")

    def _endpoint(self) -> str:
        status = self.resource("collector", "edge")["Status"]
        assert isinstance(status, dict)
        for endpoint in status.get("endpoints", []):
            if endpoint["name"] == "otlp-http":
                return str(endpoint["address"])
        raise StepFailed(f"the status of the collector has no endpoint otlp-http: {status.get('endpoints')}")

    def _allocation(self) -> str:
        found = json.loads(self.shell.run(f"job allocs -json {JOB}", show=False))
        running = [alloc for alloc in found if alloc["ClientStatus"] == "running" and alloc["DesiredStatus"] == "run"]
        return str(max(running, key=lambda alloc: alloc["CreateIndex"])["ID"]) if running else ""


def _span() -> str:
    now = time.time_ns()
    span = {
        "traceId": os.urandom(16).hex(),
        "spanId": os.urandom(8).hex(),
        "name": SPAN_NAME,
        "kind": 1,
        "startTimeUnixNano": str(now - 1_000_000),
        "endTimeUnixNano": str(now),
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "demo"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": [span]}]}]})
