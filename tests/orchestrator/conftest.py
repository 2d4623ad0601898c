"""A cluster without its client: the tests of jobs, the scheduler and deployments play the node."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Deployment, Evaluation, Job, Namespace, Node, TaskState
from nomad_api.models.allocation import AllocationDeploymentStatus, NetworkStatus
from nomad_api.models.node import DriverInfo
from orchestrator import jobs
from orchestrator.deployments import DeploymentWatcher
from orchestrator.jobs import RegisterResult
from orchestrator.scheduler import Scheduler
from orchestrator.state.store import Store
from orchestrator.timestamps import format_time


class ManualClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class Update:
    id: str
    client_status: str
    client_description: str = ""
    task_states: dict[str, TaskState] = field(default_factory=dict)
    deployment_status: AllocationDeploymentStatus | None = None
    network_status: NetworkStatus | None = None


def make_node(name: str = "n1", **fields: Any) -> Node:
    """A small ready node with two addresses in its default host network."""
    addresses = [{"Alias": "default", "Address": address} for address in ("127.0.0.1", "::1")]
    defaults: dict[str, Any] = {
        "datacenter": "dc1",
        "name": name,
        "node_pool": "default",
        "status": "ready",
        "scheduling_eligibility": "eligible",
        "computed_class": "v1:1",
        "attributes": {"kernel.name": "linux", "nomad.version": "2.0.6", "nomad.service_discovery": "true"},
        "meta": {"rack": "r1"},
        "drivers": {"mock_driver": DriverInfo(detected=True, healthy=True)},
        "node_resources": {
            "Cpu": {"CpuShares": 1000},
            "Memory": {"MemoryMB": 1000},
            "Disk": {"DiskMB": 10_000},
            "Networks": [{"Mode": "host"}],
            "NodeNetworks": [{"Mode": "host", "Addresses": addresses}],
        },
    }
    return Node(id=f"00000000-0000-0000-0000-{name:>012}", **{**defaults, **fields})


def make_job(job_id: str = "web", *, kind: str = "service", **group: Any) -> Job:
    """A job of one group with one small task; `group` are fields of the group in Nomad's JSON."""
    task = {"Name": "t", "Driver": "mock_driver", "Resources": {"CPU": 10, "MemoryMB": 10}}
    body = {"Name": "g", "Tasks": [task], "EphemeralDisk": {"SizeMB": 101}, **group}
    return Job.model_validate({"ID": job_id, "Type": kind, "TaskGroups": [body]})


class Cluster:
    """The server half with one node, and a client that is played by the test."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock)
        self.state = self.store.state
        self.scheduler = Scheduler(self.store, self.clock)
        self.watcher = DeploymentWatcher(self.store, self.clock)

    async def start(self, *nodes: Node) -> None:
        self.store.start()
        await self.store.write("NamespaceUpserted", lambda tx: tx.put(Namespace(name="default")))
        for node in nodes or (make_node(),):
            await self.add(node)
        await self.scheduler.start()
        await self.watcher.start()

    async def stop(self) -> None:
        await self.watcher.stop()
        await self.scheduler.stop()

    async def add(self, node: Node) -> None:
        await self.store.write("NodeRegistration", lambda tx: tx.put(node))

    async def register(self, job: Job, **options: Any) -> RegisterResult:
        """Register a job and wait until its evaluation has been processed."""
        committed = await self.store.write("JobRegistered", lambda tx: jobs.register(tx, job, **options))
        if committed.value.eval_id:
            await self.processed(committed.value.eval_id)
        return committed.value

    async def processed(self, evaluation_id: str) -> Evaluation:
        await self.until(lambda: self.evaluation(evaluation_id).terminal)
        return self.evaluation(evaluation_id)

    def evaluation(self, evaluation_id: str) -> Evaluation:
        found = self.state.evaluations.get(evaluation_id)
        assert found is not None
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for changes of the state until a condition holds."""
        async with asyncio.timeout(5):
            with self.store.watch("evaluations", "allocations", "deployments", "jobs") as watch:
                while not condition():
                    await watch.changed()

    async def settle(self) -> None:
        """Wait until no evaluation is left to process."""
        await self.until(lambda: all(each.status != "pending" or each.wait_until for each in self.state.evaluations))

    def allocations(self, job_id: str = "web") -> list[Allocation]:
        return self.state.allocations.by("job", ("default", job_id))

    def live(self, job_id: str = "web") -> list[Allocation]:
        return [alloc for alloc in self.allocations(job_id) if not alloc.terminal]

    def deployment(self, job_id: str = "web") -> Deployment:
        return max(self.state.deployments.by("job", ("default", job_id)), key=lambda each: each.create_index)

    def job(self, job_id: str = "web") -> Job:
        found = self.state.jobs.get("default", job_id)
        assert found is not None
        return found

    async def report(self, *allocations: Allocation, status: str = "running", healthy: bool | None = None) -> None:
        """Report as the node does."""
        ended = status in ("complete", "failed")
        state = TaskState(
            state="dead" if ended else "running",
            failed=status == "failed",
            finished_at=format_time(self.clock.now) if ended else None,
        )
        health = None
        if healthy is not None:
            health = AllocationDeploymentStatus(healthy=healthy, timestamp=format_time(self.clock.now))
        updates = [Update(alloc.id, status, task_states={"t": state}, deployment_status=health) for alloc in allocations]
        await self.store.write("AllocationUpdated", lambda tx: jobs.apply_client_updates(tx, updates))


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    made = Cluster()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def node() -> Node:
    return make_node()


@pytest.fixture
def new_node() -> Callable[..., Node]:
    return make_node


@pytest.fixture
def new_job() -> Callable[..., Job]:
    return make_job
