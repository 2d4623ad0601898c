"""A command run next to a process of the host: what `exec` means for drivers without isolation."""

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from asyncio import StreamReader
from collections.abc import Sequence
from typing import Self

from orchestrator.client.drivers.base import DriverError


class ProcessExec:
    """An `ExecSession` of a process of its own. With a terminal its streams are the two ends of a pseudo-terminal."""

    def __init__(self, process: asyncio.subprocess.Process, terminal: int | None, stdout: StreamReader) -> None:
        self._process = process
        self._terminal = terminal
        self.stdout = stdout
        self.stderr = process.stderr if terminal is None else None

    @classmethod
    async def start(cls, command: Sequence[str], *, cwd: str, env: dict[str, str], tty: bool) -> Self:
        """Raises DriverError if there is no such program."""
        terminal, inner = os.openpty() if tty else (None, asyncio.subprocess.PIPE)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=inner, stdout=inner, stderr=inner, cwd=cwd, env=env, start_new_session=True
            )
        except OSError as error:
            if terminal is not None:
                os.close(terminal)
            raise DriverError(f'exec: "{command[0]}": {(error.strerror or str(error)).lower()}') from None
        finally:
            if tty:
                os.close(inner)
        if terminal is None:
            assert process.stdout is not None
            return cls(process, None, process.stdout)
        return cls(process, terminal, _read_terminal(terminal))

    async def write(self, data: bytes) -> None:
        if self._terminal is not None:
            os.write(self._terminal, data or b"\x04")
            return
        stdin = self._process.stdin
        assert stdin is not None
        if not data:
            stdin.close()
        elif not stdin.is_closing():
            stdin.write(data)
            await stdin.drain()

    def resize(self, height: int, width: int) -> None:
        if self._terminal is not None:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    async def wait(self) -> int:
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    async def close(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._terminal is not None:
            asyncio.get_running_loop().remove_reader(self._terminal)
            os.close(self._terminal)
            self._terminal = None


def _read_terminal(terminal: int) -> StreamReader:
    """What comes out of a terminal. Its other end being closed shows as an input error, and is the end of file here."""
    reader = StreamReader()
    loop = asyncio.get_running_loop()

    def readable() -> None:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if data:
            reader.feed_data(data)
        else:
            loop.remove_reader(terminal)
            reader.feed_eof()

    loop.add_reader(terminal, readable)
    return reader
