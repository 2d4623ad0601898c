"""The one node of this agent: it takes the allocations that the server gives it, runs them, and tells what became of them."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from typing import Any

import structlog

from nomad_api.models import Allocation, Node
from nomad_api.models.node import DriverInfo
from orchestrator.client.alloc_dir import AllocDir
from orchestrator.client.alloc_runner import AllocRunner
from orchestrator.client.alloc_sync import AllocSync
from orchestrator.client.clock import Clock
from orchestrator.client.config import ClientConfig
from orchestrator.client.drivers.base import ExecSession, TaskConfig, TaskDriver
from orchestrator.client.drivers.docker import Docker
from orchestrator.client.drivers.mock import MockDriver
from orchestrator.client.drivers.raw_exec import RawExec
from orchestrator.client.errors import PathError, TaskNotStarted, UnknownAllocation
from orchestrator.client.files import AllocFiles
from orchestrator.client.fingerprint import fingerprint, with_drivers
from orchestrator.client.hooks import task_hooks
from orchestrator.client.log_files import Frame, Origin, read_file, read_logs
from orchestrator.client.server import Server
from orchestrator.client.state import ClientState
from orchestrator.client.statistics import CpuMeter, allocation_stats, host_stats
from orchestrator.client.supervisor.rotation import indexes
from orchestrator.client.task_runner import Surroundings

log = structlog.get_logger(__name__)

FINGERPRINT_SECONDS = 30.0
"""How often is looked whether a driver has come or gone."""


class Client:
    """Runs the allocations of one node.

    All operations on an allocation raise UnknownAllocation if it is not here, and UnknownTask if it has no such task.
    """

    def __init__(self, config: ClientConfig, server: Server, clock: Clock | None = None) -> None:
        self.config = config
        self.node = Node(id="")
        self._server = server
        self._clock = clock or Clock()
        self._state = ClientState(config.state_dir)
        runs = (config.state_dir or config.alloc_dir) / "runs"
        known: list[TaskDriver] = [Docker(config, runs), RawExec(runs), MockDriver(self._clock)]
        self._drivers = {driver.name: driver for driver in known if driver.name in config.drivers}
        self._sync = AllocSync(server, self._clock)
        self._around = Surroundings(server, self._clock, self._state, task_hooks, config.max_kill_timeout)
        self._runners: dict[str, AllocRunner] = {}
        self._removing: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Fingerprint the host, register the node, and begin to run what the server says.

        Drivers that take their time (an engine that may not answer) are added when they have answered.
        """
        self.config.alloc_dir.mkdir(parents=True, exist_ok=True)
        self.node = fingerprint(self.config, self.config.node_id or self._state.node_id(), self._clock)
        self._meter = CpuMeter(self._clock, int((self.node.attributes or {})["cpu.frequency"]))
        quick = {name: await driver.fingerprint() for name, driver in self._drivers.items() if not driver.container}
        slow = {name: DriverInfo(attributes={}) for name, driver in self._drivers.items() if driver.container}
        self.node = with_drivers(self.node, quick | slow, self._clock)
        await self._server.register_node(self.node)
        self._loops = [
            asyncio.create_task(self._watch_drivers()),
            asyncio.create_task(self._sync.run()),
            asyncio.create_task(self._watch_allocations()),
        ]

    async def stop(self) -> None:
        """The agent goes. In dev mode all tasks end first, else they are left running for the next agent."""
        if self._loops:
            self._loops.pop().cancel()
        if not self._state.kept:
            await asyncio.gather(*(runner.stop(poststop=False) for runner in self._runners.values()))
            await self._sync.flush()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*(runner.abandon() for runner in self._runners.values()))
        for removing in self._removing:
            removing.cancel()
        await asyncio.gather(*self._loops, *self._removing, return_exceptions=True)
        for driver in self._drivers.values():
            await driver.close()

    # What people ask of an allocation

    def logs(
        self, allocation_id: str, task: str, kind: str, *, origin: Origin = "start", offset: int = 0, follow: bool = False
    ) -> AsyncIterator[Frame]:
        """The output of a task (`kind`: stdout or stderr). Raises TaskNotStarted if it has not run yet."""
        runner = self._runner(allocation_id)
        task_runner = runner.runner(task)
        folder = runner.directory.logs
        name = f"{task}.{kind}"
        if not task_runner.started_once and not indexes(str(folder), name):
            raise TaskNotStarted(task)
        return read_logs(folder, name, "alloc/logs", origin=origin, offset=offset, follow=follow, clock=self._clock)

    def files(self, allocation_id: str) -> AllocFiles:
        """The files of an allocation: list, stat and read."""
        return self._runner(allocation_id).files

    def stream(
        self, allocation_id: str, path: str, *, origin: Origin = "start", offset: int = 0, follow: bool = True
    ) -> AsyncIterator[Frame]:
        """One file of an allocation; raises PathError if it may not be read."""
        if not path:
            raise PathError("must provide a file name")
        file = self._runner(allocation_id).files.readable(path)
        return read_file(file, path.lstrip("/"), origin=origin, offset=offset, follow=follow, clock=self._clock)

    async def exec(self, allocation_id: str, task: str, command: Sequence[str], *, tty: bool = False) -> ExecSession:
        """Run a command inside a task; raises TaskNotRunning or DriverError. The session must be closed."""
        return await self._runner(allocation_id).runner(task).exec(command, tty=tty)

    async def restart(self, allocation_id: str, task: str = "", *, all_tasks: bool = False) -> None:
        """Restart a task, all running tasks, or (`all_tasks`) also those that have ended.

        Raises TaskNotRunning or NotRestartable.
        """
        runner = self._runner(allocation_id)
        if all_tasks:
            await runner.restart_all()
        elif task:
            await runner.restart(task)
        else:
            await runner.restart_running()

    async def signal(self, allocation_id: str, signal: str, task: str = "") -> None:
        """Signal a task, or all; raises TaskNotRunning or SignalFailed."""
        await self._runner(allocation_id).signal(signal, task)

    async def alloc_stats(self, allocation_id: str, task: str = "") -> dict[str, Any]:
        """What the tasks of an allocation use; an unknown task gives no tasks at all."""
        runner = self._runner(allocation_id)
        wanted = [task] if task in runner.runners else [] if task else list(runner.runners)
        usages = {name: await runner.runners[name].usage() for name in wanted}
        return allocation_stats(allocation_id, usages, self._meter, self._clock)

    def host_stats(self) -> dict[str, Any]:
        return host_stats(self.config.alloc_dir, self._meter, self._clock)

    def checks(self, allocation_id: str) -> dict[str, dict[str, object]]:
        """The latest results of the allocation's service checks, by the check's ID."""
        return {result.id: result.to_wire() for result in self._runner(allocation_id).checks.results.values()}

    async def gc(self, allocation_id: str = "") -> None:
        """Remove the folders of one ended allocation, or of all of them. What still runs is left alone."""
        chosen = [self._runner(allocation_id)] if allocation_id else list(self._runners.values())
        for runner in chosen:
            if runner.done:
                await self._remove(runner)

    async def set_meta(self, meta: dict[str, str]) -> None:
        """Replace the node's metadata."""
        self.node = self.node.evolve(meta=meta)
        await self._server.register_node(self.node)

    def _runner(self, allocation_id: str) -> AllocRunner:
        try:
            return self._runners[allocation_id]
        except KeyError:
            raise UnknownAllocation(allocation_id) from None

    # Following the server

    async def _watch_allocations(self) -> None:
        first = True
        async for allocations in self._server.allocations(self.node.id):
            listed = {allocation.id: allocation for allocation in allocations}
            if first:
                await self._remove_leftovers(listed)
                first = False
            for allocation in allocations:
                if runner := self._runners.get(allocation.id):
                    runner.update(allocation)
                else:
                    self._add(allocation)
            for allocation_id in self._runners.keys() - listed.keys():
                removing = asyncio.create_task(self._remove(self._runners[allocation_id]))
                self._removing.add(removing)
                removing.add_done_callback(self._removing.discard)

    def _add(self, allocation: Allocation) -> None:
        if allocation.client_terminal and not (self.config.alloc_dir / allocation.id).exists():
            return
        records = self._state.tasks(allocation.id)
        try:
            runner = AllocRunner(
                allocation,
                self.node,
                self.config.region,
                self.config.alloc_dir,
                self._drivers,
                self._around,
                self._report,
                records,
            )
            self._runners[allocation.id] = runner
            runner.launch()
            runner.update(allocation)
        except (OSError, ValueError) as error:
            log.error("allocation cannot run", allocation=allocation.id, error=str(error))

    def _report(self, runner: AllocRunner) -> None:
        self._sync.report(runner.snapshot(), runner.snapshot)

    async def _remove(self, runner: AllocRunner) -> None:
        allocation_id = runner.allocation.id
        await runner.destroy()
        self._runners.pop(allocation_id, None)
        self._sync.forget(allocation_id)
        self._state.forget(allocation_id)
        self._meter.forget(allocation_id)

    async def _remove_leftovers(self, listed: dict[str, Allocation]) -> None:
        """End what an earlier agent ran of allocations that the server has forgotten meanwhile."""
        for allocation_id in set(self._state.allocations()) - listed.keys():
            folder = self.config.alloc_dir / allocation_id
            for name, record in self._state.tasks(allocation_id).items():
                driver = self._drivers.get(record.driver)
                place = TaskConfig(allocation_id=allocation_id, name=name, directory=AllocDir(folder).task(name))
                running = await driver.recover(place) if driver and record.active else None
                if running:
                    await running.stop("", 0)
                    await running.release()
            shutil.rmtree(folder, ignore_errors=True)
            self._state.forget(allocation_id)

    async def _watch_drivers(self) -> None:
        while True:
            found = {name: await driver.fingerprint() for name, driver in self._drivers.items()}
            if _health(found) != _health(self.node.drivers or {}):
                self.node = with_drivers(self.node, found, self._clock)
                await self._server.register_node(self.node)
            await self._clock.sleep(FINGERPRINT_SECONDS)


def _health(drivers: dict[str, DriverInfo]) -> dict[str, tuple[bool, bool, dict[str, str] | None]]:
    return {name: (driver.detected, driver.healthy, driver.attributes) for name, driver in drivers.items()}
