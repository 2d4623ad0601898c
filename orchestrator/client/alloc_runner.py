"""The life of one allocation: the tasks of a group, in their order, with what they share.

Task runners tell of every change; the allocation then lets start whose turn has come, ends who must not go on (a sibling
failed, the leader ended, only sidecars are left), and reports the whole picture.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import structlog

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Node, TaskEvent, TaskGroup, TaskState
from nomad_api.models.allocation import AllocationDeploymentStatus, NetworkStatus
from orchestrator.client import task_events
from orchestrator.client.alloc_dir import AllocDir
from orchestrator.client.drivers.base import AbsentDriver, TaskDriver
from orchestrator.client.errors import NotRestartable, SignalFailed, TaskNotRunning, UnknownTask
from orchestrator.client.files import AllocFiles
from orchestrator.client.health import HealthTerms, HealthTracker
from orchestrator.client.lifecycle import client_status, hook, is_sidecar, may_start
from orchestrator.client.server import AllocationUpdate
from orchestrator.client.service_checks import ServiceChecks
from orchestrator.client.services import AllocServices
from orchestrator.client.state import TaskRecord
from orchestrator.client.task_env import TaskPlace
from orchestrator.client.task_runner import Surroundings, TaskRunner
from orchestrator.client.waiting import first_of
from orchestrator.timestamps import format_time

log = structlog.get_logger(__name__)

MAX_RUN_EXCEEDED = "allocation exceeded max_run_duration"


class AllocRunner:
    """Runs one allocation on this node. `report` is called after every change, with the whole picture."""

    def __init__(
        self,
        allocation: Allocation,
        node: Node,
        region: str,
        root: Path,
        drivers: Mapping[str, TaskDriver],
        around: Surroundings,
        report: Callable[["AllocRunner"], None],
        records: Mapping[str, TaskRecord],
    ) -> None:
        job = allocation.job
        group = job.group(allocation.task_group) if job else None
        if job is None or group is None:
            raise ValueError(f"allocation {allocation.id} comes without its job")
        self.allocation = allocation
        self.directory = AllocDir(root / allocation.id)
        self._node = node
        self._region = region
        self._around = around
        self._report = report
        self._description: tuple[str, str] | None = None
        self._deployment_status = allocation.deployment_status
        self._stopping: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._launched = False
        self._no_delay = asyncio.Event()
        self.checks = ServiceChecks(allocation, group, around.clock, self._changed, self._restart_unhealthy)
        self.tasks = {task.name: task for task in group.tasks or ()}
        places = {name: self._place(allocation, name) for name in self.tasks}
        self._services = AllocServices(next(iter(places.values())), around.server, self.checks)
        self.runners = {
            name: TaskRunner(
                place,
                drivers.get(place.task.driver) or AbsentDriver(place.task.driver),
                around,
                self._services,
                self._changed,
                records.get(name) or _reported(allocation, name, place.task.driver),
            )
            for name, place in places.items()
        }
        self._health = self._health_tracker()
        self._judging: asyncio.Task[None] | None = None

    @property
    def states(self) -> dict[str, TaskState]:
        return {name: runner.state for name, runner in self.runners.items()}

    @property
    def files(self) -> AllocFiles:
        return AllocFiles(self.directory, list(self.tasks))

    @property
    def done(self) -> bool:
        """Whether all tasks are dead."""
        return all(runner.dead for runner in self.runners.values())

    def snapshot(self) -> AllocationUpdate:
        """What there is to report now."""
        status, description = self._description if self._description and self.done else client_status(self.states)
        return AllocationUpdate(self.allocation.id, status, description, self.states, self._deployment_status, NetworkStatus())

    def launch(self) -> None:
        """Begin, or go on with what an earlier agent began."""
        self.directory.build()
        self._launched = True
        for runner in self.runners.values():
            runner.launch()
        self._watch_health()
        self._spawn(self._announce_when_running())
        if limit := self._group_of(self.allocation).max_run_duration:
            self._spawn(self._end_after(limit))
        self._changed()

    def update(self, allocation: Allocation) -> None:
        """The server's view changed: the allocation is to stop, or its job was updated in place."""
        job_changed = allocation.job is not self.allocation.job and _version(allocation) != _version(self.allocation)
        deployment_changed = allocation.deployment_id != self.allocation.deployment_id
        self.allocation = allocation
        if deployment_changed or (allocation.deployment_status and allocation.deployment_status.healthy is not None):
            self._deployment_status = allocation.deployment_status
        if allocation.desired_transition.no_shutdown_delay:
            self._no_delay.set()
            for runner in self.runners.values():
                runner.skip_shutdown_delay()
        if allocation.desired_status in ("stop", "evict"):
            self._stop()
        elif job_changed:
            for name, runner in self.runners.items():
                runner.update(self._place(allocation, name))
            self._spawn(self._services.update(self._place(allocation, next(iter(self.tasks)))))
        if deployment_changed and self._launched and self._stopping is None:
            # Each deployment waits for a verdict of its own, also on what was updated in place for it.
            self._health = self._health_tracker()
            self._watch_health()

    async def stop(self, *, poststop: bool = True) -> None:
        """End all tasks. Returns when they are dead; without `poststop` also those that clean up are not waited for."""
        stopping = self._stop()
        if not poststop:
            cleaning = [runner for name, runner in self.runners.items() if hook(self.tasks[name]) == "poststop"]
            await asyncio.gather(*(runner.finished() for runner in self.runners.values() if runner not in cleaning))
            await asyncio.gather(*(runner.kill(task_events.killing(runner.kill_timeout)) for runner in cleaning))
        await asyncio.shield(stopping)

    async def destroy(self) -> None:
        """End all tasks and remove every trace of the allocation from this node."""
        await self.stop()
        await self._cancel_background()
        await asyncio.to_thread(self.directory.destroy)

    async def abandon(self) -> None:
        """Leave the tasks as they are: the agent goes."""
        if self._stopping:
            self._stopping.cancel()
        await self._cancel_background()
        for runner in self.runners.values():
            await runner.abandon()
        for owner in ("", *self.runners):
            self.checks.stop(owner)

    # What people may ask for

    def runner(self, task: str) -> TaskRunner:
        """Raises UnknownTask."""
        try:
            return self.runners[task]
        except KeyError:
            raise UnknownTask(task) from None

    async def restart(self, task: str) -> None:
        """Restart one task; raises UnknownTask or TaskNotRunning."""
        await self.runner(task).restart("User requested task to restart")

    async def restart_running(self) -> None:
        """Restart all tasks that run; raises TaskNotRunning if none does."""
        running = [runner for runner in self.runners.values() if runner.running]
        if not running:
            raise TaskNotRunning
        await asyncio.gather(*(runner.restart("User requested running tasks to restart") for runner in running))

    async def restart_all(self) -> None:
        """Run the whole group anew, also the tasks that have ended; raises NotRestartable."""
        if self._stopping or self.done:
            raise NotRestartable
        reason = "User requested all tasks to restart"
        again = [runner for name, runner in self.runners.items() if hook(self.tasks[name]) != "poststop"]
        for runner in again:
            runner.may_start.clear()
        running = [runner for runner in again if runner.running]
        for runner in again:
            if runner.dead:
                runner.rerun(reason)
        await asyncio.gather(*(runner.restart(reason) for runner in running))

    async def signal(self, name: str, task: str = "") -> None:
        """Signal one task or all; raises UnknownTask, TaskNotRunning or SignalFailed."""
        if task:
            await self.runner(task).signal(name)
            return
        failures = []
        for other, runner in self.runners.items():
            try:
                await runner.signal(name)
            except SignalFailed as error:
                failures.append(f"\t* Failed to signal task: {other}, err: {error}\n")
        if failures:
            title = "1 error occurred" if len(failures) == 1 else f"{len(failures)} errors occurred"
            raise SignalFailed(f"{title}:\n{''.join(failures)}\n")

    # Reacting to changes

    def _changed(self) -> None:
        if not self._launched:
            return
        states = self.states
        for name, runner in self.runners.items():
            if not runner.may_start.is_set() and may_start(self.tasks[name], self.tasks, states):
                runner.may_start.set()
        if self._stopping is None and (event := self._reason_to_end(states)):
            self._stopping = asyncio.create_task(self._end_tasks(event=event))
        if self._health:
            self._health.changed()
        self._report(self)

    def _reason_to_end(self, states: Mapping[str, TaskState]) -> TaskEvent | None:
        """Why the tasks that still live must end, if they must."""
        counted = {name: state for name, state in states.items() if hook(self.tasks[name]) != "poststop"}
        live = [name for name, state in counted.items() if state.state != "dead"]
        dead = [name for name, state in counted.items() if state.state == "dead"]
        if not live:
            return None
        if any(self.tasks[name].leader and not states[name].failed for name in dead):
            return task_events.leader_dead()
        for name in dead:
            if states[name].failed:
                return task_events.sibling_failed(name)
        mains_ended = all(is_sidecar(self.tasks[name]) for name in live)
        return task_events.main_tasks_dead() if mains_ended and len(live) < len(counted) else None

    def _stop(self) -> "asyncio.Task[None]":
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._end_tasks())
        return self._stopping

    async def _end_tasks(self, *, event: TaskEvent | None = None, reason: str = "") -> None:
        """End all tasks but those that clean up: the leader first, sidecars last. Then wait for those that clean up."""
        ending = {name: runner for name, runner in self.runners.items() if hook(self.tasks[name]) != "poststop"}
        if event:
            for runner in ending.values():
                if not runner.dead:
                    runner.emit(event)
        await self._services.withdraw_group()
        if any(runner.running for runner in ending.values()):
            await self._shutdown_delay()
        leaders = [name for name in ending if self.tasks[name].leader]
        sidecars = [name for name in ending if is_sidecar(self.tasks[name]) and name not in leaders]
        others = [name for name in ending if name not in leaders and name not in sidecars]
        for names in (leaders, others, sidecars):
            await asyncio.gather(*(ending[name].kill(task_events.killing(ending[name].kill_timeout, reason)) for name in names))
        for name, runner in self.runners.items():
            if name not in ending and reason:
                await runner.kill()
            elif name not in ending:
                await runner.finished()

    async def _shutdown_delay(self) -> None:
        if delay := self._group_of(self.allocation).shutdown_delay:
            await first_of(self._around.clock.sleep(delay / SECOND), self._no_delay.wait())

    async def _end_after(self, limit: int) -> None:
        await self._around.clock.sleep(limit / SECOND)
        if not self.done and self._stopping is None:
            self._description = "complete", MAX_RUN_EXCEEDED
            self._stopping = asyncio.create_task(self._end_tasks(reason=MAX_RUN_EXCEEDED))

    async def _announce_when_running(self) -> None:
        """A group's services are there as soon as one of its main tasks runs."""
        mains = [runner for name, runner in self.runners.items() if not hook(self.tasks[name])]
        await asyncio.wait([asyncio.create_task(runner.began.wait()) for runner in mains], return_when=asyncio.FIRST_COMPLETED)
        if self._stopping is None:
            await self._services.announce_group()

    def _health_tracker(self) -> HealthTracker | None:
        """Who gives the verdict on the allocation's health; None where it is given, or nobody asks for it."""
        allocation, group = self.allocation, self._group_of(self.allocation)
        job_type = allocation.job.type if allocation.job else None
        terms = HealthTerms.of(allocation, group, job_type or "service")
        given = self._deployment_status is not None and self._deployment_status.healthy is not None
        if terms is None or given:
            return None
        tasks = {task.name: task for task in group.tasks or ()}
        return HealthTracker(terms, tasks, lambda: self.states, lambda: self.checks.passing, self._judge, self._around.clock)

    def _watch_health(self) -> None:
        if self._judging is not None:
            self._judging.cancel()
        self._judging = self._spawn(self._health.run()) if self._health else None

    def _judge(self, healthy: bool, reason: str) -> None:
        previous = self._deployment_status or AllocationDeploymentStatus()
        self._deployment_status = previous.evolve(healthy=healthy, timestamp=format_time(self._around.clock.now()))
        if reason:
            for runner in self.runners.values():
                if not runner.dead:
                    runner.emit(task_events.unhealthy(reason))
        self._report(self)

    def _restart_unhealthy(self, task: str, reason: str) -> None:
        for name, runner in self.runners.items():
            if task in ("", name) and not hook(self.tasks[name]):
                self._spawn(runner.request_restart(task_events.restart_requested(reason)))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _cancel_background(self) -> None:
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)

    def _place(self, allocation: Allocation, name: str) -> TaskPlace:
        group = self._group_of(allocation)
        task = group.task(name)
        assert allocation.job is not None
        assert task is not None
        return TaskPlace(allocation, allocation.job, group, task, self._node, self._region, self.directory.task(name))

    @staticmethod
    def _group_of(allocation: Allocation) -> TaskGroup:
        assert allocation.job is not None
        group = allocation.job.group(allocation.task_group)
        assert group is not None
        return group


def _version(allocation: Allocation) -> int | None:
    return allocation.job.job_modify_index if allocation.job else None


def _reported(allocation: Allocation, name: str, driver: str) -> TaskRecord | None:
    """What the server knows of a task of an allocation that has ended."""
    state = (allocation.task_states or {}).get(name)
    return TaskRecord(driver, state.evolve(state="dead"), active=False) if state and allocation.client_terminal else None
