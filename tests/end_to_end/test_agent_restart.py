"""An agent that is killed and started again: the state is as before, the same tasks go on, nothing is started twice."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nomad_api.client import Nomad
from nomad_api.errors import NomadError
from nomad_api.models import Job, Resources, Task, TaskGroup
from operator_kit.testing import eventually

NOMADCTL = Path(sys.executable).parent / "nomadctl"
COUNT = "echo pid $$; i=0; while true; do i=$((i+1)); echo line $i; sleep 0.05; done"


class DurableAgent:
    """An agent with a data directory, as a process that can be killed."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._config = folder / "agent.json"
        settings = {
            "data_dir": str(folder / "data"),
            "bind_addr": "127.0.0.1",
            "ports": {"http": self.port},
            "server": {"enabled": True},
            "client": {"enabled": True},
            "plugin": {"raw_exec": {"config": {"enabled": True}}},
            "log_level": "WARN",
        }
        self._config.write_text(json.dumps(settings))
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._spawn()
        async with Nomad(address=self.address) as nomad:
            await eventually(lambda: _has_ready_node(nomad), within=20)

    def _spawn(self) -> None:
        self._process = subprocess.Popen([NOMADCTL, "agent", "-config", str(self._config)], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """As a power cut does it."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


async def _has_ready_node(nomad: Nomad) -> bool:
    try:
        return any(node.status == "ready" for node in await nomad.nodes.list())
    except NomadError:
        return False


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[DurableAgent]:
    agent = DurableAgent(tmp_path)
    await agent.start()
    yield agent
    async with Nomad(address=agent.address) as nomad:
        for job in await nomad.jobs.list():
            await nomad.jobs.deregister(job.id, purge=True)
        await eventually(lambda: _nothing_runs(nomad), within=20)
    agent.kill()


async def _nothing_runs(nomad: Nomad) -> bool:
    return not [alloc for alloc in await nomad.allocations.list() if alloc.client_status == "running"]


def job(name: str, driver: str, config: dict[str, object]) -> Job:
    task = Task(name="count", driver=driver, config=config, resources=Resources(cpu=10, memory_mb=20), kill_timeout=1)
    return Job(id=name, type="service", datacenters=["*"], task_groups=[TaskGroup(name="g", tasks=[task])])


async def lines_of(nomad: Nomad, allocation: str) -> list[str]:
    return b"".join([piece async for piece in nomad.allocations.logs(allocation, "count")]).decode().splitlines()


async def running(nomad: Nomad, name: str) -> str:
    """The ID of the one allocation of the job, once it runs."""
    async with asyncio.timeout(20):
        async for snapshot in nomad.watch(f"job/{name}/allocations", lambda value: value):
            if [alloc["ClientStatus"] for alloc in snapshot.value] == ["running"]:
                return str(snapshot.value[0]["ID"])
    raise AssertionError("the watch ended")


async def longer_log(nomad: Nomad, allocation: str, than: int) -> list[str]:
    lines: list[str] = []

    async def is_longer() -> bool:
        lines[:] = await lines_of(nomad, allocation)
        return len(lines) > than

    await eventually(is_longer, within=20)
    return lines


async def goes_on(agent: DurableAgent, wanted: Job) -> None:
    name = str(wanted.id)
    async with Nomad(address=agent.address) as nomad:
        await nomad.variables.put("app/config", {"k": "v"})
        await nomad.jobs.register(wanted)
        allocation = await running(nomad, name)
        before = await longer_log(nomad, allocation, 5)
        job_before = await nomad.jobs.get(name)
    agent.kill()
    await agent.start()
    async with Nomad(address=agent.address) as nomad:
        assert (await nomad.variables.get("app/config")).items == {"k": "v"}
        assert (await nomad.jobs.get(name)).job_modify_index == job_before.job_modify_index
        assert await running(nomad, name) == allocation
        after = await longer_log(nomad, allocation, len(before) + 20)
        assert after == [after[0], *(f"line {number}" for number in range(1, len(after)))]
        assert [line for line in after if line.startswith("pid")] == before[:1]
        state = (await nomad.allocations.get(allocation)).task_states or {}
        assert (state["count"].state, state["count"].restarts) == ("running", 0)


async def test_a_process_goes_on(agent: DurableAgent) -> None:
    await goes_on(agent, job("counter", "raw_exec", {"command": "/bin/sh", "args": ["-c", COUNT]}))


async def test_a_container_goes_on(agent: DurableAgent, busybox_image: str) -> None:
    config: dict[str, object] = {"image": busybox_image, "command": "sh", "args": ["-c", COUNT], "network_mode": "none"}
    await goes_on(agent, job("container", "docker", config))
