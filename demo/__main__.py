"""The story: a resource put into a variable becomes a running, healthy collector, is changed, and goes away again.

Every step prints the command a user would type. With `--keep` the agent is left running at the end. Where no collector can be
had (neither Go nor an `otelcol` on PATH, nor the upstream image), the website example takes its place and the demo says so.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from demo.shell import NOMADCTL, Shell, StepFailed
from operators.otel_collector.distribution.build import BuildError, collector_binary

ROOT = Path(__file__).resolve().parent.parent
SPAN_NAME = "hello-from-the-demo"
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


class Demo:
    """The steps, in order."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.agent: subprocess.Popen[bytes] | None = None
        self.address = ""

    def play(self) -> None:
        """Raises StepFailed at the first step that does not do what it should."""
        binary = self.get_collector()
        self.start_agent()
        self.install_operator()
        self.declare(binary)
        self.send_span()
        self.change(binary)
        self.purge()

    def get_collector(self) -> Path:
        self.shell.title("1. A real OpenTelemetry Collector")
        self.shell.say("$ python -m operators.otel_collector.distribution.build")
        try:
            binary = collector_binary(self.shell.say)
        except BuildError as error:
            raise StepFailed(f"no collector can be had: {error}") from None
        self.shell.say(f"  {binary}")
        return binary

    def start_agent(self) -> None:
        self.shell.title("2. A Nomad-compatible agent, with ACLs")
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        config = self.folder / "agent.json"
        config.write_text(json.dumps({"ports": {"http": port}, "log_level": "INFO"}))
        self.shell.say(f"$ nomadctl agent -dev -acl-enabled -config {config} &")
        log = (self.folder / "agent.log").open("wb")
        began = time.monotonic()
        self.agent = subprocess.Popen(
            [NOMADCTL, "agent", "-dev", "-acl-enabled", "-config", str(config)],
            stdout=log,
            stderr=log,
            env=self.shell.environment,
            start_new_session=True,
        )
        self.shell.wait("an answer of the agent", self._answers, seconds=30)
        self.shell.say(f"  ready after {time.monotonic() - began:.1f} s at {self.address} (log: {self.folder / 'agent.log'})")
        self.shell.environment["NOMAD_ADDR"] = self.address
        self.shell.say(f"$ export NOMAD_ADDR={self.address}")
        token = json.loads(self.shell.run("acl bootstrap -json", show=False))["SecretID"]
        self.shell.say("$ export NOMAD_TOKEN=$(nomadctl acl bootstrap -json | jq -r .SecretID)")
        self.shell.environment["NOMAD_TOKEN"] = token
        self.shell.wait("a ready node", lambda: "ready" in self.shell.run("node status", show=False))
        self.shell.run("node status")

    def install_operator(self) -> None:
        self.shell.title("3. The collector operator, as a system job with a workload identity")
        self.shell.run("operator install otel_collector")
        self.shell.run("operator list")

    def declare(self, binary: Path) -> None:
        self.shell.title("4. A collector, declared as a variable")
        self._write_config("200ms")
        self.shell.run(
            f"var put -out none resources/otel/collector/edge mode=deployment driver=raw_exec binary={binary} "
            f"config=@{self.folder / 'edge.yaml'}"
        )
        seconds = self.shell.wait("a ready collector", self._ready, seconds=90)
        self.shell.run("get collector edge")
        self.shell.run("describe collector edge")
        self.shell.say(f"  Ready after {seconds:.1f} s")

    def send_span(self) -> None:
        self.shell.title("5. One span, by OTLP/HTTP, to the address in the resource's status")
        endpoint = self._endpoint()
        self.shell.say(f"$ curl -H 'Content-Type: application/json' -d @span.json http://{endpoint}/v1/traces")
        request = urllib.request.Request(
            f"http://{endpoint}/v1/traces", data=_span().encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            self.shell.say(f"  {answer.status} {answer.read().decode()}")
        allocation = self._allocation()
        self.shell.wait(
            "the span in the collector's log",
            lambda: SPAN_NAME in self.shell.run(f"alloc logs -stderr {allocation}", show=False),
            seconds=15,
        )
        self.shell.say(f"$ nomadctl alloc logs -stderr {allocation} | grep Name")
        for line in self.shell.run(f"alloc logs -stderr {allocation}", show=False).splitlines():
            if SPAN_NAME in line:
                self.shell.say(f"  {line.strip()}")
        self.shell.run(f"alloc exec {allocation} /bin/sh -c 'wc -l $NOMAD_ALLOC_DIR/data/spans.json'", check=False)

    def change(self, binary: Path) -> None:
        self.shell.title("6. A second put: the new config is rolled out")
        before = self._allocation()
        self._write_config("500ms")
        self.shell.run(
            f"var put -force -out none resources/otel/collector/edge mode=deployment driver=raw_exec binary={binary} "
            f"config=@{self.folder / 'edge.yaml'}"
        )
        seconds = self.shell.wait(
            "a ready collector with the new config", lambda: self._ready() and self._allocation() != before, seconds=120
        )
        self.shell.run("job status otel-collector-edge")
        self.shell.run("get collector edge")
        self.shell.say(f"  Ready with the new config after {seconds:.1f} s")

    def purge(self) -> None:
        self.shell.title("7. The variable is purged: everything disappears")
        self.shell.run("var purge resources/otel/collector/edge")
        self.shell.wait(
            "the end of the job",
            lambda: (
                "otel-collector-edge" not in self.shell.run("job status", show=False)
                and "status/otel/collector/edge" not in self.shell.run("var list -out terse status/", show=False, check=False)
            ),
            seconds=60,
        )
        self.shell.run("job status")
        self.shell.run("var list -out terse", check=False)

    def stop(self) -> None:
        """Stop the agent and everything that it runs."""
        if self.agent and self.agent.poll() is None:
            self.agent.send_signal(signal.SIGINT)
            try:
                self.agent.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.agent.pid, signal.SIGKILL)

    def _answers(self) -> bool:
        if self.agent and self.agent.poll() is not None:
            raise StepFailed(f"the agent has ended: {(self.folder / 'agent.log').read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{self.address}/v1/status/leader", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _write_config(self, timeout: str) -> None:
        path = self.folder / "edge.yaml"
        path.write_text(CONFIG % timeout)
        self.shell.say(f"$ cat {path}")
        for line in path.read_text().splitlines():
            self.shell.say(f"  {line}")

    def _resource(self) -> dict[str, object]:
        text = self.shell.run("get -json collector edge", show=False, check=False)
        return json.loads(text) if text.strip() else {}

    def _ready(self) -> bool:
        resource = self._resource()
        status = resource.get("Status") or {}
        conditions = {item["type"]: item for item in status.get("conditions", [])} if isinstance(status, dict) else {}
        ready = conditions.get("Ready")
        return bool(ready and ready["status"] == "True" and ready["observedGeneration"] == resource.get("Generation"))

    def _endpoint(self) -> str:
        status = self._resource()["Status"]
        assert isinstance(status, dict)
        for endpoint in status.get("endpoints", []):
            if endpoint["name"] == "otlp-http":
                return str(endpoint["address"])
        raise StepFailed(f"the status of the collector has no endpoint otlp-http: {status.get('endpoints')}")

    def _allocation(self) -> str:
        found = json.loads(self.shell.run("job allocs -json otel-collector-edge", show=False))
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


def _free_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 4646))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The main job, end to end.")
    parser.add_argument("--keep", action="store_true", help="leave the agent and the collector running")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="nomad-demo-"))
        shell = Shell(folder / "demo.log")
        demo = Demo(shell, folder)
        if not arguments.keep:
            stack.callback(demo.stop)
        try:
            demo.play()
        except StepFailed as error:
            shell.say(f"\nFAILED: {error}\nLogs: {folder}")
            demo.stop()
            return 1
        if arguments.keep:
            shell.say(
                f"\nThe agent goes on at {demo.address}: export NOMAD_ADDR={demo.address} "
                f"NOMAD_TOKEN={shell.environment['NOMAD_TOKEN']}; stop it with kill {demo.agent.pid if demo.agent else ''}"
            )
        shell.say(f"\nDone. Log: {folder / 'demo.log'}")
    return 0


sys.exit(main())
