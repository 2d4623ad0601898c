"""A real agent for tests: `nomadctl agent -dev` as a process of its own, on free ports, gone with the block.

    with DevelopmentAgent() as agent:
        async with Nomad(agent.address) as nomad:
            ...

It holds everything in memory, and its work in a directory that is removed at the end.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

START_TIMEOUT: Final = 30.0
"""Seconds until the agent must be ready."""

STOP_TIMEOUT: Final = 20.0
"""Seconds until it must have ended before it is killed."""


class DevelopmentAgent:
    """See the module's text.

    Attributes:
        address: `http://127.0.0.1:<port>`.
        token: a management token, empty without ACLs.
    """

    def __init__(self, *, acl: bool = False, name: str = "test-1") -> None:
        """Start it, and wait until its node is ready.

        Raises:
            FileNotFoundError: there is no `nomadctl`, neither beside this Python nor on the PATH.
            RuntimeError: it ended at once, or is not ready in time; with what it said.
        """
        command = find_command("nomadctl")
        self.token = ""
        self._directory = Path(tempfile.mkdtemp(prefix="agent-"))
        http, rpc, serf = _free_ports(3)
        self.address = f"http://127.0.0.1:{http}"
        configuration = {
            "name": name,
            "log_level": "WARN",
            "ports": {"http": http, "rpc": rpc, "serf": serf},
            "acl": {"enabled": acl},
        }
        path = self._directory / "agent.json"
        path.write_text(json.dumps(configuration))
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [command, "agent", "-dev", "-config", path], stdout=log, stderr=log, cwd=self._directory
            )
        try:
            if acl:
                self.token = self._until(self._bootstrapped)
            self._until(self._ready)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, and all that runs on it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _until(self, step: Callable[[], str]) -> str:
        """Try a step until it gives something."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            ended, late = self._process.poll() is not None, time.monotonic() > deadline
            if ended or late:
                what = "ended at once" if ended else f"is not ready after {START_TIMEOUT:g} s"
                raise RuntimeError(f"the agent {what}:\n{(self._directory / 'log').read_text()}")
            with suppress(OSError):
                if found := step():
                    return found
            time.sleep(0.05)

    def _bootstrapped(self) -> str:
        return str(self._request("POST", "/v1/acl/bootstrap")["SecretID"])

    def _ready(self) -> str:
        return next((node["ID"] for node in self._request("GET", "/v1/nodes") if node["Status"] == "ready"), "")

    def _request(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.address + path, method=method, headers={"X-Nomad-Token": self.token})
        with urllib.request.urlopen(request, timeout=5) as response:
            return json.load(response)


def find_command(name: str) -> str:
    """A command that is installed beside this Python, or else on the PATH.

    Raises:
        FileNotFoundError: it is not.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"there is no {name} beside {sys.executable}, and none on the PATH")
    return found


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
