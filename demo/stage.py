"""Where a story is played: a folder, an agent with ACLs on, and its end."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from demo.shell import NOMADCTL, Shell, StepFailed


class Stage:
    """An agent in development mode, and what every story asks of it."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell = shell
        self.folder = folder
        self.agent: subprocess.Popen[bytes] | None = None
        self.address = ""

    def play(self, *, keep: bool = False) -> None:
        """Play all steps; with `keep` the last, in which everything goes away, is left out.

        Raises:
            StepFailed: a step does not do what it should.
        """
        raise NotImplementedError

    def start_agent(self, title: str) -> None:
        """Start the agent, bootstrap its ACLs and wait for its node."""
        self.shell.title(title)
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        config = self.folder / "agent.json"
        config.write_text(json.dumps({"ports": {"http": port}, "log_level": "INFO"}))
        self.shell.say(f"$ nomadctl agent -dev -acl-enabled -config {config} &")
        began = time.monotonic()
        with (self.folder / "agent.log").open("wb") as log:
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

    def resource(self, kind: str, name: str) -> dict[str, object]:
        """A resource with its status, as `nomadctl get -json` prints it; empty while there is none."""
        text = self.shell.run(f"get -json {kind} {name}", show=False, check=False)
        return json.loads(text) if text.strip() else {}

    def is_ready(self, kind: str, name: str) -> bool:
        """Whether the resource is Ready, for the spec that stands in its variable now."""
        resource = self.resource(kind, name)
        status = resource.get("Status") or {}
        conditions = {item["type"]: item for item in status.get("conditions", [])} if isinstance(status, dict) else {}
        ready = conditions.get("Ready")
        return bool(ready and ready["status"] == "True" and ready["observedGeneration"] == resource.get("Generation"))

    def purge(self, group: str, kind: str, name: str, job: str) -> None:
        """Purge the variable and wait until nothing of the resource is left."""
        self.shell.run(f"var purge resources/{group}/{kind}/{name}")
        self.shell.wait(
            "the end of the job",
            lambda: (
                job not in self.shell.run("job status", show=False)
                and f"status/{group}/{kind}/{name}"
                not in self.shell.run("var list -out terse status/", show=False, check=False)
            ),
            seconds=60,
        )
        self.shell.run("job status", check=False)
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


def _free_port() -> int:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 4646))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
