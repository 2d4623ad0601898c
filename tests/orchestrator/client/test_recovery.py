"""Tasks outlive the agent: one that is killed and started again takes them over, loses no line and starts nothing twice."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from client_harness import allocation, ended, shell, task, until

from nomad_api.models import Allocation
from orchestrator.client.drivers.docker.engine import Engine

COUNT = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done"


class Agents:
    """Agents one after the other in the same folder."""

    def __init__(self, folder: Path, *drivers: str) -> None:
        self.folder = folder
        self._drivers = drivers
        self._process: subprocess.Popen[bytes] | None = None

    def give(self, *allocations: Allocation) -> None:
        (self.folder / "allocations.json").write_text(json.dumps([one.to_wire() for one in allocations]))

    def start(self) -> None:
        (self.folder / "updates.jsonl").unlink(missing_ok=True)
        script = Path(__file__).with_name("agent_process.py")
        self._process = subprocess.Popen([sys.executable, script, self.folder, *self._drivers])

    def kill(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    async def until(self, placed: Allocation, **expected: Any) -> dict[str, Any]:
        """The first report of an allocation with these values."""
        found: dict[str, Any] = {}

        def reported() -> bool:
            file = self.folder / "updates.jsonl"
            for line in file.read_text().splitlines() if file.exists() else ():
                update = json.loads(line)
                if update["id"] == placed.id and all(update[key] == value for key, value in expected.items()):
                    found.update(update)
                    return True
            return False

        await until(reported)
        return found

    def logs(self, placed: Allocation, name: str) -> Path:
        return self.folder / "alloc" / placed.id / "alloc/logs" / f"{name}.stdout.0"


@pytest.fixture
def agents(tmp_path: Path) -> Iterator[Agents]:
    agents = Agents(tmp_path, "raw_exec")
    yield agents
    agents.kill()
    for process in psutil.process_iter(["cmdline"]):
        if process.info["cmdline"] and str(tmp_path) in " ".join(process.info["cmdline"]):
            process.kill()


async def lines(file: Path, least: int) -> list[int]:
    """The numbers in a log, once there are so many."""
    await until(lambda: file.exists() and len(file.read_text().splitlines()) >= least)
    text = file.read_text()
    return [int(line) for line in text[: text.rfind("\n")].splitlines()]


async def test_a_task_is_taken_over_with_its_log_whole(agents: Agents) -> None:
    placed = allocation(shell("t", f"echo $$ > local/pid; {COUNT}"), kind="service")
    agents.give(placed)
    agents.start()
    await agents.until(placed, status="running")
    pid_file = agents.folder / "alloc" / placed.id / "t/local/pid"
    before = await lines(agents.logs(placed, "t"), 5)
    pid = int(pid_file.read_text())
    agents.kill()
    assert not ended(pid)
    agents.start()
    update = await agents.until(placed, status="running")
    assert update["states"] == {"t": ["running", 0]}
    assert update["events"] == {"t": ["Received", "Task Setup", "Started"]}
    after = await lines(agents.logs(placed, "t"), len(before) + 20)
    assert after == list(range(1, len(after) + 1))
    assert int(pid_file.read_text()) == pid
    agents.kill()
    agents.give(placed.evolve(desired_status="stop"))
    agents.start()
    update = await agents.until(placed, status="complete")
    assert update["events"]["t"][-3:] == ["Killing", "Terminated", "Killed"]
    assert ended(pid)


async def test_a_task_that_ended_meanwhile_is_told_as_it_was(agents: Agents) -> None:
    placed = allocation(shell("t", "echo one; while [ ! -e local/go ]; do sleep 0.01; done; echo two; exit 7"))
    agents.give(placed)
    agents.start()
    await agents.until(placed, status="running")
    agents.kill()
    (agents.folder / "alloc" / placed.id / "t/local/go").touch()
    await until(lambda: agents.logs(placed, "t").read_text() == "one\ntwo\n")
    agents.start()
    update = await agents.until(placed, status="failed")
    assert update["events"]["t"] == ["Received", "Task Setup", "Started", "Terminated", "Not Restarting"]


async def test_a_task_whose_supervisor_was_killed_is_started_again_and_runs_once(agents: Agents) -> None:
    placed = allocation(shell("t", "echo $$ >> local/pids; exec sleep 300"), kind="service")
    agents.give(placed)
    agents.start()
    await agents.until(placed, status="running")
    pids = agents.folder / "alloc" / placed.id / "t/local/pids"
    await until(lambda: pids.exists() and pids.read_text())
    first = int(pids.read_text())
    supervisor = psutil.Process(first).parent()
    agents.kill()
    assert supervisor is not None
    supervisor.kill()
    agents.start()
    await until(lambda: len(pids.read_text().splitlines()) == 2)
    assert ended(first)
    update = await agents.until(placed, states={"t": ["running", 1]})
    assert update["status"] == "running"


async def test_tasks_of_forgotten_allocations_are_ended(agents: Agents) -> None:
    placed = allocation(shell("t", "echo $$; exec sleep 300"), kind="service")
    agents.give(placed)
    agents.start()
    await agents.until(placed, status="running")
    (pid,) = await lines(agents.logs(placed, "t"), 1)
    agents.kill()
    agents.give()
    agents.start()
    await until(lambda: ended(pid))
    await until(lambda: not (agents.folder / "alloc" / placed.id).exists())


async def test_a_container_is_taken_over_with_its_log_whole(tmp_path: Path, engine: Engine) -> None:
    agents = Agents(tmp_path, "docker")
    config = {"image": "busybox:1", "command": "sh", "args": ["-c", COUNT], "network_mode": "none"}
    limits = {"MaxFiles": 10, "MaxFileSizeMB": 1}
    placed = allocation(task("t", "docker", config=config, LogConfig=limits), kind="service")
    agents.give(placed)
    try:
        agents.start()
        await agents.until(placed, status="running")
        before = await lines(agents.logs(placed, "t"), 5)
        found = await engine.request("GET", f"/containers/t-{placed.id}/json")
        for _ in range(3):
            agents.kill()
            agents.start()
            update = await agents.until(placed, status="running")
            assert update["states"] == {"t": ["running", 0]}
            before = await lines(agents.logs(placed, "t"), len(before) + 20)
            assert before == list(range(1, len(before) + 1))
        again = await engine.request("GET", f"/containers/t-{placed.id}/json")
        assert (again["Id"], again["State"]["Pid"]) == (found["Id"], found["State"]["Pid"])
    finally:
        agents.kill()
        await engine.request("DELETE", f"/containers/t-{placed.id}", params={"force": "1"})
