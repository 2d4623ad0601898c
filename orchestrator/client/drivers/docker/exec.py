"""A command run inside a container."""

import asyncio
import contextlib
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from typing import Self

from orchestrator.client.drivers.base import DriverError
from orchestrator.client.drivers.docker.engine import STDERR, Engine, EngineError, frames


class ContainerExec:
    """An `ExecSession` over a connection that the engine turned into a raw stream."""

    def __init__(self, engine: Engine, exec_id: str, reader: StreamReader, writer: StreamWriter, *, tty: bool) -> None:
        self._engine = engine
        self._id = exec_id
        self._reader = reader
        self._writer = writer
        self.stdout = StreamReader()
        self.stderr = None if tty else StreamReader()
        self._copying = asyncio.create_task(self._copy())
        self._resizing: asyncio.Task[object] | None = None

    @classmethod
    async def start(cls, engine: Engine, container: str, command: Sequence[str], *, tty: bool) -> Self:
        """Raises DriverError."""
        wanted = {"AttachStdin": True, "AttachStdout": True, "AttachStderr": True, "Tty": tty, "Cmd": list(command)}
        try:
            created = await engine.request("POST", f"/containers/{container}/exec", body=wanted)
            reader, writer = await engine.hijack(f"/exec/{created['Id']}/start", {"Detach": False, "Tty": tty})
        except EngineError as error:
            raise DriverError(str(error)) from None
        return cls(engine, created["Id"], reader, writer, tty=tty)

    async def write(self, data: bytes) -> None:
        if self._writer.is_closing():
            return
        with contextlib.suppress(ConnectionError):
            if data:
                self._writer.write(data)
                await self._writer.drain()
            elif self._writer.can_write_eof():
                self._writer.write_eof()

    def resize(self, height: int, width: int) -> None:
        params = {"h": str(height), "w": str(width)}
        self._resizing = asyncio.create_task(self._ignoring_errors("POST", f"/exec/{self._id}/resize", params))

    async def wait(self) -> int:
        await asyncio.shield(self._copying)
        try:
            found = await self._engine.request("GET", f"/exec/{self._id}/json")
        except EngineError:
            return 1
        return int(found["ExitCode"] or 0)

    async def close(self) -> None:
        self._copying.cancel()
        self._writer.close()
        await asyncio.wait([self._copying])
        if self._resizing:
            await asyncio.wait([self._resizing])

    async def _copy(self) -> None:
        try:
            if self.stderr is None:
                while data := await self._reader.read(65536):
                    self.stdout.feed_data(data)
            else:
                async for kind, data in frames(self._reader):
                    (self.stderr if kind == STDERR else self.stdout).feed_data(data)
        except ConnectionError:
            pass
        finally:
            self.stdout.feed_eof()
            if self.stderr:
                self.stderr.feed_eof()

    async def _ignoring_errors(self, method: str, path: str, params: dict[str, str]) -> None:
        with contextlib.suppress(EngineError):
            await self._engine.request(method, path, params=params)
