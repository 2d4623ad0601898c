"""What a task driver is: it starts tasks, finds those again that an earlier agent started, and hands out a `RunningTask`.

Drivers keep no state of their own. Everything of a run hangs on its place (allocation and task name), so a driver finds a
task again without having been told anything, even if the agent died between starting it and writing that down.
"""

from abc import ABC, abstractmethod
from asyncio import StreamReader
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nomad_api.models import TaskEvent
from nomad_api.models.allocation import AllocatedPort
from nomad_api.models.node import DriverInfo
from orchestrator.client.alloc_dir import TaskDir
from orchestrator.client.drivers.schema import Schema


class DriverError(Exception):
    """A driver could not do what it was asked. `recoverable`: it may well succeed another time."""

    def __init__(self, message: str, *, recoverable: bool = False) -> None:
        super().__init__(message)
        self.recoverable = recoverable


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How much of a task's output is kept, for each of its two streams."""

    max_files: int
    max_bytes: int


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """Everything a driver needs to start a task. All texts are interpolated, `config` has passed the driver's schema."""

    allocation_id: str
    name: str
    directory: TaskDir
    labels: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    logs: LogLimits | None = None
    cpu_shares: int = 0
    memory_mb: int = 0
    memory_max_mb: int = 0
    ports: Sequence[AllocatedPort] = ()
    network_mode: str = ""
    dns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    emit: Callable[[TaskEvent], None] = lambda event: None
    """Adds to the task's history what the driver does before the task runs."""


@dataclass(frozen=True, slots=True)
class ExitResult:
    """How a task ended. `message` is set when there is more to say than the numbers do."""

    exit_code: int = 0
    signal: int = 0
    oom_killed: bool = False
    message: str = ""

    @property
    def successful(self) -> bool:
        return self.exit_code == 0 and self.signal == 0 and not self.message


@dataclass(frozen=True, slots=True)
class TaskUsage:
    """What a task uses: bytes of memory, seconds of processor time since its start, and its processes."""

    rss: int = 0
    user_seconds: float = 0.0
    system_seconds: float = 0.0
    pids: Mapping[int, "TaskUsage"] = field(default_factory=dict)
    memory_measured: tuple[str, ...] = ("RSS", "Swap")
    cpu_measured: tuple[str, ...] = ("System Mode", "User Mode", "Percent")


class ExecSession(Protocol):
    """A command that runs inside a task, with its streams. With a terminal everything comes on `stdout`."""

    stdout: StreamReader
    stderr: StreamReader | None

    async def write(self, data: bytes) -> None:
        """Send standard input; an empty `data` closes it."""

    def resize(self, height: int, width: int) -> None: ...

    async def wait(self) -> int:
        """The exit code, once the command has ended."""

    async def close(self) -> None:
        """End the command if it still runs, and free everything."""


class RunningTask(ABC):
    """A task that was started. Waiting for it may be cancelled at any time and leaves the task alone."""

    network_address: str = ""
    """The task's own address, where it has one that is not the host's."""

    @abstractmethod
    async def wait(self) -> ExitResult:
        """How it ended, once it has; the same answer every time."""

    @abstractmethod
    async def stop(self, signal: str, grace: float) -> None:
        """Ask it to end (by a signal, or by the driver's own default if that is empty), and make it after `grace` seconds.

        Returns when it has ended.
        """

    @abstractmethod
    async def signal(self, name: str) -> TaskEvent | None:
        """Send a signal; returns what is worth remembering of it.

        Raises:
            DriverError: it cannot be sent.
        """

    @abstractmethod
    async def exec(self, command: Sequence[str], *, tty: bool) -> ExecSession:
        """Run a command inside the task."""

    @abstractmethod
    async def usage(self) -> TaskUsage | None:
        """What it uses now, None if that is not known."""

    async def detach(self) -> None:  # noqa: B027 (most need nothing)
        """Leave the task alone and stop watching it: the agent goes."""

    @abstractmethod
    async def release(self) -> None:
        """Free what the ended task still holds: from now on it cannot be found again."""


class TaskDriver(ABC):
    """Starts tasks of one kind."""

    name: str
    schema: Schema
    container: bool = False
    """Whether tasks see their folders as `/alloc`, `/local` and `/secrets`."""

    @abstractmethod
    async def fingerprint(self) -> DriverInfo:
        """Whether the node can run tasks of this kind. Takes little time, also when the answer is no."""

    @abstractmethod
    async def start(self, task: TaskConfig) -> RunningTask:
        """Start a task. Raises DriverError."""

    @abstractmethod
    async def recover(self, task: TaskConfig) -> RunningTask | None:
        """The task that an earlier agent started at this place, running or ended; None if there is none."""

    async def close(self) -> None:  # noqa: B027 (most drivers hold nothing)
        """Free what the driver itself holds."""


class AbsentDriver(TaskDriver):
    """Stands for a driver that this node does not have: tasks are not placed there, but a node may lose one."""

    schema = Schema({})

    def __init__(self, name: str) -> None:
        self.name = name

    async def fingerprint(self) -> DriverInfo:
        return DriverInfo()

    async def start(self, task: TaskConfig) -> RunningTask:
        raise DriverError(f'the driver "{self.name}" is not available on this node')

    async def recover(self, task: TaskConfig) -> RunningTask | None:
        return None
