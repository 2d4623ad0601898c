"""`alloc exec`."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Final

from nomadctl.allocation_lookup import check_task, find_allocation, only_task
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, option, takes

if TYPE_CHECKING:
    from nomad_api.client import ExecSession

_CHUNK: Final = 32 * 1024


def _interactive() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


@command(
    "alloc exec",
    takes(0, None, ""),
    flag("job", "The argument is a job: take one of its allocations."),
    flag("i", "Pass stdin to the command.", default=True),
    flag("t", "Give the command a terminal.", default=_interactive()),
    option(
        "e", "The character that, after a new line and before a dot, ends the session; none for no such thing.", default="~"
    ),
    option("task", "The task; needed if the allocation has several.", default=""),
    option("group", "With -job: an allocation of this group.", default=""),
)
async def exec_(call: Call, *words: str, job: bool, i: bool, t: bool, e: str, task: str, group: str) -> int:
    """Run a command inside a task."""
    if not words:
        raise Failure("A job ID is required" if job else "An allocation ID is required", hint=True)
    if not job and len(words[0]) == 1:
        raise Failure("Alloc ID must contain at least two characters")
    if len(words) < 2:
        raise Failure("A command is required", hint=True)
    if t and not i:
        raise Failure("-i must be enabled if running with tty")
    if e != "none" and len(e) > 1:
        raise Failure("-e requires 'none' or a single character")
    nomad, allocation = await find_allocation(call, words[0], of_job=job, group=group)
    try:
        if task:
            check_task(allocation, task)
        task = task or only_task(allocation)
    except ValueError as error:
        raise Failure(str(error)) from error

    escape = e.encode() if t and e != "none" else b""
    with failing("failed to exec into task"), _raw_terminal(t):
        async with nomad.allocations.exec(allocation.id, task, words[1:], tty=t) as session:
            pump = asyncio.create_task(_pump(session, i, escape))
            if t:
                await _watch_size(session)
            output = asyncio.create_task(_print(session))
            await asyncio.wait([output, *([pump] if escape else [])], return_when=asyncio.FIRST_COMPLETED)
            if not output.done() and pump.result():
                output.cancel()
                call.warn("\nConnection closed")
                return 1
            pump.cancel()
            await output
        return session.exit_code or 0


async def _print(session: "ExecSession") -> None:
    async for output in session:
        target = sys.stderr.buffer if output.stderr else sys.stdout.buffer
        target.write(output.data)
        target.flush()


async def _pump(session: "ExecSession", wanted: bool, escape: bytes) -> bool:
    """Pass stdin on; whether the user has typed the escape sequence."""
    fresh_line = True
    if wanted:
        async for data in _stdin():
            if escape and fresh_line and data.startswith(escape + b"."):
                return True
            fresh_line = data.endswith((b"\r", b"\n")) or (fresh_line and data == escape)
            await session.write(data)
    await session.close_stdin()
    if escape:
        await asyncio.Event().wait()
    return False


async def _stdin() -> AsyncIterator[bytes]:
    """What arrives on stdin, read in another thread."""
    loop = asyncio.get_running_loop()
    while data := await loop.run_in_executor(None, os.read, sys.stdin.fileno(), _CHUNK):
        yield data


async def _watch_size(session: "ExecSession") -> None:
    """Tell the command the size of the terminal, now and whenever it changes."""
    loop = asyncio.get_running_loop()
    pending: set[asyncio.Task[None]] = set()

    def tell() -> None:
        width, height = shutil.get_terminal_size()
        pending.add(loop.create_task(session.resize(height, width)))

    tell()
    loop.add_signal_handler(signal.SIGWINCH, tell)


@contextlib.contextmanager
def _raw_terminal(wanted: bool) -> Iterator[None]:
    """A terminal that passes every key on as it is, while a command has it."""
    if not (wanted and sys.stdin.isatty()):
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
