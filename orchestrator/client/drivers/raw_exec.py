"""The driver raw_exec: a task is a process of the host, without any isolation.

Between agent and task stands a supervisor of its own for each task (`orchestrator.client.supervisor`), so that the task, its
log files and its exit status survive the agent. The folder of a run holds all that both share; its FIFO `alive` tells an
agent, also a later one, when the supervisor is gone.
"""

import asyncio
import contextlib
import errno
import json
import os
import pwd
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from nomad_api.models import TaskEvent
from nomad_api.models.node import DriverInfo
from orchestrator.client import supervisor
from orchestrator.client.drivers.base import (
    DriverError,
    ExecSession,
    ExitResult,
    RunningTask,
    TaskConfig,
    TaskDriver,
    TaskUsage,
)
from orchestrator.client.drivers.process_exec import ProcessExec
from orchestrator.client.drivers.process_usage import process_usage
from orchestrator.client.drivers.schema import Kind, Schema
from orchestrator.client.signals import NAMES

_SUPERVISOR: Final = str(Path(supervisor.__file__).parent)
_LAUNCH_ERROR: Final = "failed to launch command with executor: rpc error: code = Unknown desc = "


class RawExec(TaskDriver):
    """Starts processes of the host. `runs` is where the folders of their runs lie."""

    name = "raw_exec"
    schema = Schema(
        {
            "command": Kind.STRING,
            "args": Kind.STRINGS,
            "work_dir": Kind.STRING,
            "cgroup_v2_override": Kind.STRING,
            "cgroup_v1_override": Kind.MAP,
            "oom_score_adj": Kind.NUMBER,
            "denied_envvars": Kind.STRINGS,
        },
        required=("command",),
    )

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._supervisors: list[int] = []

    async def fingerprint(self) -> DriverInfo:
        return DriverInfo(attributes={"driver.raw_exec": "1"}, detected=True, healthy=True, health_description="Healthy")

    async def start(self, task: TaskConfig) -> RunningTask:
        run = self._run(task)
        command = _find(task)
        denied = task.config.get("denied_envvars", ())
        log = task.logs
        streams = {
            stream: log
            and {
                "directory": str(task.directory.logs),
                "name": f"{task.name}.{stream}",
                "max_files": log.max_files,
                "max_bytes": log.max_bytes,
            }
            for stream in ("stdout", "stderr")
        }
        document = {
            "directory": str(run),
            "command": command,
            "args": task.config.get("args", []),
            "cwd": task.config.get("work_dir") or str(task.directory.root),
            "env": {key: value for key, value in task.env.items() if key not in denied},
            "user": _user(task.user),
            "oom_score_adj": task.config.get("oom_score_adj", 0),
            **streams,
        }
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True, mode=0o700)
        os.mkfifo(run / "alive", 0o600)
        supervising, answer = await asyncio.to_thread(_launch, document)
        self._supervisors.append(supervising)
        if error := answer.get("error"):
            shutil.rmtree(run, ignore_errors=True)
            raise DriverError(f"{_LAUNCH_ERROR}{error}")
        return _Process(run, task, self._reap)

    async def recover(self, task: TaskConfig) -> RunningTask | None:
        run = self._run(task)
        try:
            alive = _supervisor_lives(run)
        except FileNotFoundError:
            return None
        while alive and not (run / "started.json").exists():
            # The agent before us died within the few milliseconds of a start.
            await asyncio.sleep(0.005)
            alive = _supervisor_lives(run)
        process = _Process(run, task, self._reap)
        if not alive and process.exit_result() is None:
            # Nobody is left who could tell how the task ends: it must not go on unseen.
            process.send(signal.SIGKILL)
            shutil.rmtree(run, ignore_errors=True)
            return None
        return process

    def _run(self, task: TaskConfig) -> Path:
        return self._runs / task.allocation_id / task.name

    def _reap(self) -> None:
        """Wait for the supervisors that have ended, or they stay as zombies."""
        self._supervisors = [pid for pid in self._supervisors if os.waitpid(pid, os.WNOHANG) == (0, 0)]


class _Process(RunningTask):
    def __init__(self, run: Path, task: TaskConfig, reap: Callable[[], None]) -> None:
        self._run = run
        self._task = task
        self._reap = reap
        self._result: ExitResult | None = None
        started = _read(run / "started.json")
        self.pid = started.get("pid", 0)
        self._start_time = started.get("started")

    async def wait(self) -> ExitResult:
        if self._result is None:
            await _end_of(self._run / "alive")
            self._reap()
            lost = ExitResult(message="the supervisor of the task was killed")
            self._result = self.exit_result() or lost
            if self._result is lost:
                self.send(signal.SIGKILL)
        return self._result

    async def stop(self, signal_name: str, grace: float) -> None:
        self.send(NAMES.get(signal_name, signal.SIGINT), leader_only=True)
        try:
            async with asyncio.timeout(grace):
                await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.wait()

    async def signal(self, name: str) -> TaskEvent | None:
        """Like the real one, takes a name that it does not know for an interrupt."""
        self.send(NAMES.get(name, signal.SIGINT), leader_only=True)
        return None

    async def exec(self, command: Sequence[str], *, tty: bool) -> ExecSession:
        return await ProcessExec.start(command, cwd=str(self._task.directory.root), env=dict(self._task.env), tty=tty)

    async def usage(self) -> TaskUsage | None:
        return process_usage(self.pid)

    async def release(self) -> None:
        shutil.rmtree(self._run, ignore_errors=True)

    def exit_result(self) -> ExitResult | None:
        """How the task ended, None while that is not written down."""
        ended = _read(self._run / "exit.json")
        return ExitResult(ended["exit_code"], ended["signal"]) if ended else None

    def send(self, number: int, *, leader_only: bool = False) -> None:
        """Signal the task's first process or its whole group, provided that the process id is still its own."""
        try:
            if self.pid and _start_time(self.pid) == self._start_time:
                (os.kill if leader_only else os.killpg)(self.pid, number)
        except (ProcessLookupError, FileNotFoundError):
            pass


def _launch(document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Start a supervisor: its process id and its answer."""
    request, request_end = os.pipe()
    answer, answer_end = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", _SUPERVISOR],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, request, 0),
                (os.POSIX_SPAWN_DUP2, answer_end, 1),
                (os.POSIX_SPAWN_DUP2, null, 2),
            ],
            setsid=True,
        )
    finally:
        for descriptor in (request, answer_end, null):
            os.close(descriptor)
    with open(request_end, "wb") as to_supervisor, open(answer, "rb") as from_supervisor:
        with contextlib.suppress(BrokenPipeError):
            to_supervisor.write(json.dumps(document).encode())
            to_supervisor.close()
        line = from_supervisor.readline()
    return pid, json.loads(line) if line else {"error": "the supervisor of the task did not start"}


async def _end_of(fifo: Path) -> None:
    """Wait until nobody holds the FIFO open for writing any more."""
    try:
        descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def readable() -> None:
        if not ended.done():
            ended.set_result(None)

    try:
        if not _held(descriptor):
            return
        loop.add_reader(descriptor, readable)
        await ended
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _supervisor_lives(run: Path) -> bool:
    descriptor = os.open(run / "alive", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return _held(descriptor)
    finally:
        os.close(descriptor)


def _held(fifo: int) -> bool:
    """Whether some process has the FIFO open for writing: then there is nothing to read yet, else the end of file."""
    try:
        os.read(fifo, 1)
    except BlockingIOError:
        return True
    return False


def _read(file: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    return value


def _start_time(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[19])


def _find(task: TaskConfig) -> str:
    """The program to run: below the task's folders first, then on the PATH. A file below the task's is made executable."""
    command = str(task.config["command"])
    for folder in (task.directory.local, task.directory.root):
        file = folder / command
        if file.is_file():
            file.chmod(file.stat().st_mode | 0o111)
            return str(file)
    if found := shutil.which(command, path=task.env.get("PATH", os.defpath)):
        return found
    raise DriverError(f'{_LAUNCH_ERROR}binary "{command}" could not be found')


def _user(name: str) -> tuple[str, int, int] | None:
    """The user to become: only an agent that runs as root can."""
    if not name:
        return None
    try:
        entry = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except KeyError:
        raise DriverError(f"{_LAUNCH_ERROR}failed to set command user: user: unknown user {name}") from None
    if entry.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        reason = os.strerror(errno.EPERM).lower()
        raise DriverError(f"{_LAUNCH_ERROR}failed to set command user {name}: {reason}: the agent does not run as root")
    return entry.pw_name, entry.pw_uid, entry.pw_gid
