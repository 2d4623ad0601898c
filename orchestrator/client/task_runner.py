"""The life of one task: made ready, started, watched, restarted as its policy has it, and ended.

    pending ──► hooks ──► driver starts it ──► running ──► it ends ──► dead
       ▲                                          │
       └───────────── Restarting ◄────────────────┘

One coroutine leads the task through this; everybody else only sets a wish (`kill`, `request_restart`) and lets the coroutine
notice. Cancelling the coroutine means that the agent goes: the task is left as it is, for the next agent to adopt.
"""

import asyncio
import pwd
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from nomad_api.duration import SECOND
from nomad_api.models import TaskEvent, TaskState
from nomad_api.models.job import RestartPolicy
from orchestrator.client import task_events
from orchestrator.client.clock import Clock
from orchestrator.client.drivers.base import (
    DriverError,
    ExecSession,
    ExitResult,
    RunningTask,
    TaskConfig,
    TaskDriver,
    TaskUsage,
)
from orchestrator.client.drivers.schema import InvalidConfig
from orchestrator.client.errors import SignalFailed, TaskNotRunning
from orchestrator.client.hooks.base import HookError, TaskHook, TaskScope
from orchestrator.client.restarts import Decision, Next, RestartTracker, restarts_on_success
from orchestrator.client.server import Server
from orchestrator.client.state import ClientState, TaskRecord
from orchestrator.client.task_config import task_config
from orchestrator.client.task_env import TaskEnvironment, TaskPlace
from orchestrator.client.waiting import first_of
from orchestrator.timestamps import format_time

log = structlog.get_logger(__name__)

_LOST = "Task was lost while the agent was away"


class TaskServices(Protocol):
    """The services of a task: announced while it runs."""

    async def announce(self, task: str) -> None: ...

    async def withdraw(self, task: str) -> None: ...


@dataclass(frozen=True)
class Surroundings:
    """What all tasks of a node share."""

    server: Server
    clock: Clock
    state: ClientState
    hooks: Callable[[TaskScope], list[TaskHook]]
    max_kill_timeout: int
    chance: Callable[[], float] = random.random


class TaskRunner:
    """Leads one task through its life. `changed` is called after everything worth reporting."""

    def __init__(
        self,
        place: TaskPlace,
        driver: TaskDriver,
        around: Surroundings,
        services: TaskServices,
        changed: Callable[[], None],
        record: TaskRecord | None = None,
    ) -> None:
        self.place = place
        self.environment = TaskEnvironment(place, container=driver.container)
        self.server = around.server
        self.clock = around.clock
        self.owner = None if driver.container else _owner(place.task.user)
        self.state = record.state if record else TaskState()
        self.may_start = asyncio.Event()
        self.began = asyncio.Event()
        self._driver = driver
        self._around = around
        self._services = services
        self._changed = changed
        self._active = record.active if record else False
        self._running: RunningTask | None = None
        self._hooks = around.hooks(self)
        self._pending_hooks = list(self._hooks)
        self._restarts = RestartTracker(
            place.task.restart_policy or place.group.restart_policy or RestartPolicy(),
            on_success=restarts_on_success(place.job.type or "service", place.task.lifecycle),
            clock=self.clock,
            chance=around.chance,
        )
        self._killed = asyncio.Event()
        self._no_delay = asyncio.Event()
        self._restart_wanted = False
        self._life: asyncio.Task[None] | None = None
        if record is None:
            self.emit(task_events.received())

    # What others may ask and see

    @property
    def name(self) -> str:
        return self.place.task.name

    @property
    def running(self) -> bool:
        return self._running is not None

    @property
    def dead(self) -> bool:
        return self.state.state == "dead"

    @property
    def kill_timeout(self) -> int:
        """Nanoseconds between asking the task to end and making it."""
        wanted = self.place.task.kill_timeout
        return min(5 * SECOND if wanted is None else wanted, self._around.max_kill_timeout)

    @property
    def started_once(self) -> bool:
        return self.state.started_at is not None

    def launch(self) -> None:
        """Begin to lead the task. A task that was dead already stays so."""
        if not self.dead:
            self._life = asyncio.create_task(self._live(), name=f"{self.place.allocation.id}/{self.name}")

    async def kill(self, event: TaskEvent | None = None) -> None:
        """End the task for good. Returns when it is dead."""
        if self.dead:
            return
        if event:
            self.emit(event)
        self._killed.set()
        await self.finished()

    async def finished(self) -> None:
        """Wait until the task is dead."""
        if self._life:
            await asyncio.wait([self._life])

    def skip_shutdown_delay(self) -> None:
        """End at once where `shutdown_delay` would be waited for."""
        self._no_delay.set()

    async def abandon(self) -> None:
        """Leave the task alone from now on: the agent goes."""
        if self._life:
            self._life.cancel()
            await asyncio.wait([self._life])
        if self._running:
            await self._running.detach()
        await self._stop_hooks()

    async def restart(self, reason: str) -> None:
        """Restart the running task. Returns when its old process has ended; raises TaskNotRunning."""
        if self._running is None:
            raise TaskNotRunning
        await self.request_restart(task_events.restart_requested(reason))

    def rerun(self, reason: str) -> None:
        """Let a dead task run once more."""
        self.emit(task_events.restart_requested(reason))
        self._killed.clear()
        self._pending_hooks = list(self._hooks)
        self._prepare_restart(Decision(Next.RESTART))
        self.launch()

    async def signal(self, name: str) -> None:
        """Raises TaskNotRunning or SignalFailed."""
        running = self._running
        if running is None:
            raise TaskNotRunning
        self.emit(task_events.signaling(name))
        try:
            await running.signal(name)
        except DriverError as error:
            raise SignalFailed(str(error)) from None

    async def exec(self, command: Sequence[str], *, tty: bool) -> ExecSession:
        """Run a command inside the task; raises TaskNotRunning or DriverError."""
        if self._running is None:
            raise TaskNotRunning
        return await self._running.exec(command, tty=tty)

    async def usage(self) -> TaskUsage | None:
        return await self._running.usage() if self._running else None

    def update(self, place: TaskPlace) -> None:
        """The job changed in a way that leaves the task running."""
        self.place = place
        self.environment.place = place
        self._restarts.policy = place.task.restart_policy or place.group.restart_policy or RestartPolicy()

    # What its hooks may ask (TaskScope)

    def emit(self, event: TaskEvent) -> None:
        self._become(event=event)

    async def request_restart(self, event: TaskEvent) -> None:
        running = self._running
        if running is None or self._killed.is_set():
            return
        self.emit(event)
        self._restart_wanted = True
        await self._end(running)

    async def request_signal(self, name: str, event: TaskEvent) -> None:
        if self._running is None:
            return
        self.emit(event)
        try:
            await self._running.signal(name)
        except DriverError as error:
            log.warning("signal not delivered", task=self.name, signal=name, error=str(error))

    async def run_inside(self, command: list[str], seconds: float) -> tuple[int, bytes]:
        session = await self.exec(command, tty=False)
        try:
            async with asyncio.timeout(seconds):
                await session.write(b"")
                output = await session.stdout.read()
                return await session.wait(), output
        finally:
            await session.close()

    def fail(self, event: TaskEvent) -> None:
        self._become(event=event, failed=True)
        self._killed.set()

    # The life

    async def _live(self) -> None:
        try:
            await self._lead()
        except Exception as error:
            log.exception("task runner failed", allocation=self.place.allocation.id, task=self.name)
            self._become(event=task_events.setup_failure(f"internal error: {error}"), failed=True)
        await self._stop_hooks()
        self._become(state="dead", finished_at=format_time(self.clock.now()))

    async def _lead(self) -> None:
        await self._adopt()
        while True:
            if self._running is None:
                if not await self._unless_killed(self.may_start.wait()):
                    return
                decision = await self._start()
            else:
                decision = await self._follow(self._running)
            if self._killed.is_set() and self._running is None:
                self.emit(task_events.killed())
                return
            if decision is None:
                continue
            if decision.next is Next.DONE:
                return
            if decision.next is Next.FAIL:
                self._become(event=task_events.not_restarting(decision.reason), failed=True)
                return
            self._prepare_restart(decision)
            if not await self._unless_killed(self.clock.sleep(decision.delay / SECOND)):
                return

    async def _adopt(self) -> None:
        """Take over what an earlier agent started, if there is anything."""
        if not self._active:
            return
        self._running = await self._driver.recover(self._config({}, self.environment.build()))
        if self._running is None:
            self._active = False
            self._prepare_restart(Decision(Next.RESTART, _LOST))
            return
        if self.state.state != "running":
            self._become(state="running", started_at=format_time(self.clock.now()), event=task_events.started())
        for hook in self._hooks:
            try:
                await hook.prestart(restored=True)
            except HookError as error:
                log.warning("hook of an adopted task failed", task=self.name, hook=type(hook).__name__, error=str(error))
        self._pending_hooks = []
        self.began.set()
        await self._services.announce(self.name)
        self._changed()

    async def _start(self) -> Decision | None:
        """Run the hooks and the driver. None: it runs, or it was killed before."""
        try:
            if not self.place.directory.root.exists():
                self.emit(task_events.setup())
                self.place.directory.build(isolated=self._driver.container, owner=self.owner)
            while self._pending_hooks:
                if not await self._unless_killed(self._pending_hooks[0].prestart(restored=False)):
                    return None
                del self._pending_hooks[0]
            environment = self.environment.build()
            config = self._driver.schema.check(self.environment.interpolate_config(self.place.task.config, environment))
            self._active = True
            self._save()
            self._running = await self._driver.start(self._config(config, environment))
        except HookError as error:
            self.emit(error.event)
            return self._restarts.not_started(recoverable=error.recoverable)
        except InvalidConfig as error:
            self.emit(task_events.failed_validation(str(error)))
            return self._restarts.not_started(recoverable=False)
        except DriverError as error:
            self._active = False
            self.emit(task_events.driver_failure(str(error)))
            return self._restarts.not_started(recoverable=error.recoverable)
        self._become(state="running", started_at=format_time(self.clock.now()), finished_at=None, event=task_events.started())
        self.began.set()
        await self._services.announce(self.name)
        return None

    async def _follow(self, running: RunningTask) -> Decision:
        """Wait for the end of the running task, and bring it about if it is to be killed."""
        if not await self._unless_killed(running.wait()):
            await self._end(running)
        result = await running.wait()
        self._active = False
        self._running = None
        self.emit(task_events.terminated(result.exit_code, result.signal, result.message, result.oom_killed))
        await running.release()
        await self._services.withdraw(self.name)
        return self._decide(result)

    def _decide(self, result: ExitResult) -> Decision:
        if self._restart_wanted:
            self._restart_wanted = False
            return Decision(Next.RESTART)
        return self._restarts.exited(successful=result.successful)

    async def _end(self, running: RunningTask) -> None:
        """Take the task out of its services, give its clients time to notice, and stop it."""
        await self._services.withdraw(self.name)
        if delay := self.place.task.shutdown_delay:
            if not self._no_delay.is_set():
                self.emit(task_events.waiting_for_shutdown_delay(delay))
            await first_of(self.clock.sleep(delay / SECOND), self._no_delay.wait())
        await running.stop(self.place.task.kill_signal, self.kill_timeout / SECOND)

    async def _unless_killed(self, work: Awaitable[Any]) -> bool:
        """Wait for something; False if the task was to be killed before that was done."""
        return await first_of(work, self._killed.wait())

    async def _stop_hooks(self) -> None:
        for hook in reversed(self._hooks):
            await hook.stop()

    def _prepare_restart(self, decision: Decision) -> None:
        self._become(
            state="pending",
            restarts=self.state.restarts + 1,
            last_restart=format_time(self.clock.now()),
            event=task_events.restarting(decision.delay, decision.reason),
        )

    def _become(self, *, event: TaskEvent | None = None, **changes: Any) -> None:
        """Change the task's state, remember it, and tell."""
        if event:
            stamped = event.evolve(time=self.clock.now())
            changes["events"] = [*(self.state.events or ()), stamped][-task_events.KEPT :]
        self.state = self.state.evolve(**changes)
        self._save()
        self._changed()

    def _save(self) -> None:
        record = TaskRecord(self._driver.name, self.state, self._active)
        self._around.state.save(self.place.allocation.id, self.name, record)

    def _config(self, config: dict[str, Any], environment: dict[str, str]) -> TaskConfig:
        user = self.environment.interpolate(self.place.task.user, environment)
        return task_config(self.place, config, environment, user, self.emit)


def _owner(user: str) -> tuple[int, int] | None:
    try:
        entry = pwd.getpwnam(user) if user else None
    except KeyError:
        return None  # the driver will say so
    return (entry.pw_uid, entry.pw_gid) if entry else None
