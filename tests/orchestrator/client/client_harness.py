"""A server half that holds everything in memory, and jobs to give it."""

import asyncio
import inspect
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil

from nomad_api.models import Allocation, Job, Node, ServiceRegistration, Variable, VariableMetadata, WorkloadIdentity
from nomad_api.models.allocation import (
    AllocatedCPU,
    AllocatedMemory,
    AllocatedPort,
    AllocatedResources,
    AllocatedSharedResources,
    AllocatedTaskResources,
)
from orchestrator.client.server import AllocationUpdate, Change


class FakeServer:
    """Gives out allocations and remembers what it is told of them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.listed: dict[str, Allocation] = {}
        self.updates: dict[str, AllocationUpdate] = {}
        self.sends: list[list[AllocationUpdate]] = []
        self.services: dict[str, ServiceRegistration] = {}
        self.variables: dict[str, dict[str, str]] = {}
        self.forbidden: set[str] = set()
        self.signed = 0
        self._changes: list[asyncio.Queue[Change]] = []
        self._news = asyncio.Condition()

    # Server

    async def register_node(self, node: Node) -> None:
        self.nodes.append(node)
        await self._tell()

    async def allocations(self, node_id: str) -> AsyncIterator[list[Allocation]]:
        last: dict[str, Allocation] | None = None

        def changed() -> bool:
            return last != self.listed

        while True:
            async with self._news:
                await self._news.wait_for(changed)
                last = dict(self.listed)
            yield list(last.values())

    async def update_allocations(self, updates: Sequence[AllocationUpdate]) -> None:
        self.sends.append(list(updates))
        self.updates |= {update.id: update for update in updates}
        await self._tell()

    async def upsert_services(self, registrations: Sequence[ServiceRegistration]) -> None:
        self.services |= {registration.id: registration for registration in registrations}
        await self._change(*(Change("service", registration.service_name) for registration in registrations))

    async def delete_services(self, ids: Collection[str]) -> None:
        gone = [self.services.pop(id_) for id_ in ids if id_ in self.services]
        await self._change(*(Change("service", registration.service_name) for registration in gone))

    async def sign_identity(self, allocation: Allocation, task: str, identity: WorkloadIdentity) -> str:
        self.signed += 1
        return f"token-of-{task}-{identity.name or 'default'}-{self.signed}"

    async def read_variable(self, allocation: Allocation, task: str, path: str) -> Variable | None:
        if path in self.forbidden:
            raise PermissionError("Permission denied")
        items = self.variables.get(path)
        return None if items is None else Variable(namespace="default", path=path, items=items)

    async def list_variables(self, allocation: Allocation, task: str, prefix: str) -> list[VariableMetadata]:
        return [VariableMetadata(namespace="default", path=path) for path in sorted(self.variables) if path.startswith(prefix)]

    async def list_services(self, allocation: Allocation, task: str) -> list[ServiceRegistration]:
        return list(self.services.values())

    @contextmanager
    def changes(self, namespace: str) -> Iterator[AsyncIterator[Change]]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._changes.append(queue)

        async def iterate() -> AsyncIterator[Change]:
            while True:
                yield await queue.get()

        try:
            yield iterate()
        finally:
            self._changes.remove(queue)

    @asynccontextmanager
    async def serve_task_api(self, allocation: Allocation, task: str, socket: Path) -> AsyncIterator[None]:
        socket.write_text("api")
        yield
        socket.unlink(missing_ok=True)

    # What a test does and waits for

    async def place(self, allocation: Allocation) -> None:
        self.listed[allocation.id] = allocation
        await self._tell()

    async def stop(self, allocation_id: str, **transition: bool) -> None:
        allocation = self.listed[allocation_id]
        wanted = allocation.desired_transition.evolve(**transition)
        await self.place(allocation.evolve(desired_status="stop", desired_transition=wanted))

    async def purge(self, allocation_id: str) -> None:
        del self.listed[allocation_id]
        await self._tell()

    async def put(self, path: str, **items: str) -> None:
        self.variables[path] = items
        await self._change(Change("variable", path))

    async def until(self, condition: Any) -> None:
        """Wait until a condition on what was told holds."""
        async with self._news:
            await self._news.wait_for(condition)

    async def until_status(self, allocation_id: str, *statuses: str) -> AllocationUpdate:
        def reached() -> bool:
            update = self.updates.get(allocation_id)
            return update is not None and update.client_status in statuses

        await self.until(reached)
        return self.updates[allocation_id]

    async def until_state(self, allocation_id: str, task: str, **expected: Any) -> AllocationUpdate:
        def reached() -> bool:
            update = self.updates.get(allocation_id)
            state = update.task_states[task] if update else None
            return state is not None and all(getattr(state, key) == value for key, value in expected.items())

        await self.until(reached)
        return self.updates[allocation_id]

    async def _change(self, *changes: Change) -> None:
        for change in changes:
            for queue in self._changes:
                queue.put_nowait(change)
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def allocation(*tasks: dict[str, Any], kind: str = "batch", ports: Sequence[AllocatedPort] = (), **group: Any) -> Allocation:
    """An allocation of a job with one group of the given tasks; more fields go to the group (by their JSON keys)."""
    fields = {"RestartPolicy": {"Attempts": 0, "Mode": "fail"}} | group
    wire = {
        "ID": "demo",
        "Name": "demo",
        "Type": kind,
        "Namespace": "default",
        "TaskGroups": [{"Name": "g", "Count": 1, "Tasks": list(tasks), **fields}],
    }
    resources = AllocatedTaskResources(cpu=AllocatedCPU(cpu_shares=20), memory=AllocatedMemory(memory_mb=16))
    return Allocation(
        id=str(uuid.uuid4()),
        namespace="default",
        name="demo.g[0]",
        job_id="demo",
        job=Job.model_validate(wire),
        task_group="g",
        desired_status="run",
        client_status="pending",
        allocated_resources=AllocatedResources(
            tasks={task["Name"]: resources for task in tasks}, shared=AllocatedSharedResources(ports=list(ports))
        ),
    )


def task(name: str, driver: str = "mock_driver", **fields: Any) -> dict[str, Any]:
    """A task; `config` and more fields by their JSON keys."""
    config = fields.pop("config", {"run_for": "300s"} if driver == "mock_driver" else {})
    return {"Name": name, "Driver": driver, "Config": config, **fields}


def shell(name: str, script: str, **fields: Any) -> dict[str, Any]:
    """A raw_exec task that runs a shell script."""
    return task(name, "raw_exec", config={"command": "/bin/sh", "args": ["-c", script]}, **fields)


def events(update: AllocationUpdate, name: str) -> list[str]:
    """The types of a task's events."""
    return [event.type for event in update.task_states[name].events or ()]


def ended(pid: int) -> bool:
    """Whether a process is over; it may still wait for its parent to ask."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that happens outside this process and tells nobody; the condition may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)
