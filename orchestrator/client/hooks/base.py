"""The contract of a task hook, and what it sees of the task it works for."""

from abc import ABC, abstractmethod
from typing import Protocol

from nomad_api.models import TaskEvent
from orchestrator.client.clock import Clock
from orchestrator.client.server import Server
from orchestrator.client.task_env import TaskEnvironment, TaskPlace


class HookError(Exception):
    """A task cannot be made ready. `recoverable`: it may well succeed another time; `event` is what the task remembers."""

    def __init__(self, event: TaskEvent, *, recoverable: bool) -> None:
        super().__init__(event.display_message)
        self.event = event
        self.recoverable = recoverable


class TaskScope(Protocol):
    """A task, as its hooks see it."""

    place: TaskPlace
    environment: TaskEnvironment
    server: Server
    clock: Clock
    owner: tuple[int, int] | None
    """User and group of a task on the host, if they are not the agent's."""

    @property
    def running(self) -> bool: ...

    def emit(self, event: TaskEvent) -> None:
        """Add an event to the task's history."""

    async def request_restart(self, event: TaskEvent) -> None:
        """Restart the task, if it runs, without counting it as a failure."""

    async def request_signal(self, name: str, event: TaskEvent) -> None:
        """Signal the task, if it runs."""

    async def run_inside(self, command: list[str], seconds: float) -> tuple[int, bytes]:
        """Run a command inside the task; its exit code and output. Raises TimeoutError after `seconds`."""

    def fail(self, event: TaskEvent) -> None:
        """Give the task up: it is killed and counts as failed."""


class TaskHook(ABC):
    """Makes something ready before the task starts the first time, and keeps it up until the task is over."""

    def __init__(self, scope: TaskScope) -> None:
        self.scope = scope

    @abstractmethod
    async def prestart(self, *, restored: bool) -> None:
        """Make ready. `restored`: the task runs already, since an earlier agent started it.

        Raises:
            HookError: the task cannot start.
        """

    async def stop(self) -> None:
        """The task will not run again."""
        return
