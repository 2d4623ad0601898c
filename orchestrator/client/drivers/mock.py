"""The driver mock_driver: tasks that do nothing, in whatever way they are told to. For tests of everything around a task."""

import asyncio
from asyncio import StreamReader
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nomad_api.duration import SECOND, parse_duration
from nomad_api.models import TaskEvent
from nomad_api.models.node import DriverInfo
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
from orchestrator.client.drivers.schema import Kind, Schema
from orchestrator.client.supervisor.rotation import RotatingFile

_COMMAND = {
    "run_for": Kind.STRING,
    "exit_code": Kind.NUMBER,
    "exit_signal": Kind.NUMBER,
    "exit_err_msg": Kind.STRING,
    "signal_error": Kind.STRING,
    "stdout_string": Kind.STRING,
    "stdout_repeat": Kind.NUMBER,
    "stdout_repeat_duration": Kind.STRING,
    "stderr_string": Kind.STRING,
    "stderr_repeat": Kind.NUMBER,
    "stderr_repeat_duration": Kind.STRING,
}


@dataclass(frozen=True)
class _Command:
    """What a mock task or a command inside it does. Durations are seconds."""

    run_for: float
    result: ExitResult
    outputs: Mapping[str, tuple[bytes, int, float]]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> "_Command":
        result = ExitResult(
            int(config.get("exit_code", 0)), int(config.get("exit_signal", 0)), message=config.get("exit_err_msg", "")
        )
        outputs = {
            stream: (
                config.get(f"{stream}_string", "").encode(),
                int(config.get(f"{stream}_repeat", 0)),
                _seconds(config, f"{stream}_repeat_duration"),
            )
            for stream in ("stdout", "stderr")
        }
        return cls(_seconds(config, "run_for"), result, outputs)


class MockDriver(TaskDriver):
    """Starts nothing. Its tasks live in the agent's memory and end with it."""

    name = "mock_driver"
    schema = Schema(
        _COMMAND
        | {
            "start_error": Kind.STRING,
            "start_error_recoverable": Kind.BOOL,
            "start_block_for": Kind.STRING,
            "kill_after": Kind.STRING,
            "plugin_exit_after": Kind.STRING,
            "driver_ip": Kind.STRING,
            "driver_advertise": Kind.BOOL,
            "driver_port_map": Kind.STRING,
            "exec_command": Kind.BLOCK,
        }
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def fingerprint(self) -> DriverInfo:
        return DriverInfo(attributes={"driver.mock_driver": "1"}, detected=True, healthy=True, health_description="Healthy")

    async def start(self, task: TaskConfig) -> RunningTask:
        config = task.config
        command = _Command.read(config)
        kill_after = _seconds(config, "kill_after")
        if error := config.get("start_error"):
            raise DriverError(error, recoverable=bool(config.get("start_error_recoverable")))
        await self._clock.sleep(_seconds(config, "start_block_for"))
        return _MockTask(task, command, kill_after, self._clock)

    async def recover(self, task: TaskConfig) -> RunningTask | None:
        return None


class _MockTask(RunningTask):
    def __init__(self, task: TaskConfig, command: _Command, kill_after: float, clock: Clock) -> None:
        self._config = task.config
        self._clock = clock
        self._kill_after = kill_after
        self._logs = {}
        if limits := task.logs:
            folder = str(task.directory.logs)
            for stream in command.outputs:
                self._logs[stream] = RotatingFile(folder, f"{task.name}.{stream}", limits.max_files, limits.max_bytes)
        if self._config.get("driver_advertise"):
            self.network_address = self._config.get("driver_ip", "")
        self._command = command
        self._running = asyncio.create_task(self._run())

    async def wait(self) -> ExitResult:
        try:
            return await asyncio.shield(self._running)
        except asyncio.CancelledError:
            if self._running.cancelled():
                return ExitResult()
            raise

    async def stop(self, signal: str, grace: float) -> None:
        if self._kill_after:
            await self._clock.sleep(min(self._kill_after, grace))
        self._running.cancel()
        await self.wait()

    async def signal(self, name: str) -> TaskEvent | None:
        if error := self._config.get("signal_error"):
            raise DriverError(error)
        return None

    async def exec(self, command: Sequence[str], *, tty: bool) -> ExecSession:
        settings = self._config.get("exec_command")
        if not settings:
            raise DriverError("no command specified")
        return _MockExec(_Command.read(settings[0]), self._clock)

    async def usage(self) -> TaskUsage | None:
        return None

    async def detach(self) -> None:
        await self.release()

    async def release(self) -> None:
        self._running.cancel()
        for log in self._logs.values():
            log.close()

    async def _run(self) -> ExitResult:
        async with asyncio.TaskGroup() as group:
            for stream, log in self._logs.items():
                group.create_task(_say(self._command, stream, log.write, self._clock))
            await self._clock.sleep(self._command.run_for)
        return self._command.result


class _MockExec:
    """An `ExecSession` of a command that does not exist."""

    def __init__(self, command: _Command, clock: Clock) -> None:
        self.stdout = StreamReader()
        self.stderr: StreamReader | None = StreamReader()
        self._code = command.result.exit_code
        self._running = asyncio.create_task(self._run(command, self.stdout, self.stderr, clock))

    async def write(self, data: bytes) -> None:
        pass

    def resize(self, height: int, width: int) -> None:
        pass

    async def wait(self) -> int:
        await self._running
        return self._code

    async def close(self) -> None:
        self._running.cancel()

    async def _run(self, command: _Command, stdout: StreamReader, stderr: StreamReader, clock: Clock) -> None:
        await _say(command, "stdout", stdout.feed_data, clock)
        await _say(command, "stderr", stderr.feed_data, clock)
        await clock.sleep(command.run_for)
        stdout.feed_eof()
        stderr.feed_eof()


async def _say(command: _Command, stream: str, write: Any, clock: Clock) -> None:
    text, repeat, pause = command.outputs[stream]
    if text:
        write(text)
        for _ in range(repeat):
            await clock.sleep(pause)
            write(text)


def _seconds(config: Mapping[str, Any], name: str) -> float:
    text = config.get(name) or "0s"
    try:
        return parse_duration(text) / SECOND
    except ValueError:
        raise DriverError(f'{name} {text} not a valid duration: time: invalid duration "{text}"') from None
