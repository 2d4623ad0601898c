"""`alloc logs`."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, BinaryIO, Final

from nomadctl.allocation_lookup import check_task, find_allocation, only_task
from nomadctl.failure import Failure, wording
from nomadctl.framework import Call, command, flag, number, option, takes

if TYPE_CHECKING:
    from nomad_api.client import Nomad

_TAIL_LINES: Final = 10
_BYTES_PER_LINE: Final = 120
"""How far back to look for a line, on average."""

_PAUSE: Final = 0.5
"""Seconds without output after which the lines of a tail are complete."""


@command(
    "alloc logs",
    takes(0, 2, "This command takes one or two arguments"),
    flag("stderr", "Show what the task wrote to stderr."),
    flag("stdout", "Show what the task wrote to stdout (the default)."),
    flag("f", "Go on as more is written."),
    flag("tail", "Only the end."),
    number("n", "How many lines of the end, 10 if not given.", default=-1),
    number("c", "How many bytes of the end.", default=-1),
    flag("job", "The argument is a job: take one of its allocations."),
    option("task", "The task, if not the second argument.", default=""),
    option("group", "With -job: an allocation of this group.", default=""),
    flag("verbose", "Show whole IDs."),
)
async def logs(
    call: Call,
    prefix: str = "",
    name: str | None = None,
    *,
    stderr: bool,
    stdout: bool,
    f: bool,
    tail: bool,
    n: int,
    c: int,
    job: bool,
    task: str,
    group: str,
    verbose: bool,
) -> None:
    """Show what a task has written."""
    from nomad_api.errors import NomadError

    if not prefix:
        raise Failure("A job ID is required" if job else "An allocation ID is required", hint=True)
    nomad, allocation = await find_allocation(call, prefix, of_job=job, group=group, verbose=verbose)
    try:
        if task:
            check_task(allocation, task)
        elif name == "":
            raise Failure("Task name required")
        else:
            task = name or only_task(allocation)
    except ValueError as error:
        raise Failure(f"Failed to validate task: {error}") from error

    if f and not (stderr or stdout or tail or n > 0 or c > 0):
        await _follow_both(nomad, allocation.id, task)
        return
    if stderr and stdout:
        raise Failure("Unable to support both stdout and stderr")
    which = "stderr" if stderr else "stdout"
    if tail and n != -1 and c != -1:
        raise Failure(f"Failed to read {which} file: both -n and -c set")
    lines = (n if n != -1 else _TAIL_LINES) if tail and c == -1 else None
    offset, origin = (c if lines is None else lines * _BYTES_PER_LINE, "end") if tail else (0, "start")
    output = nomad.allocations.logs(allocation.id, task, stderr=stderr, follow=f, offset=offset, origin=origin)
    try:
        await _write(output if lines is None else _last_lines(output, lines), sys.stdout.buffer)
    except NomadError as error:
        doing = "error tailing file" if tail else "error reading file"
        raise Failure(f"Failed to read {which} file: {doing}: {wording(error)}") from error


async def _follow_both(nomad: "Nomad", id: str, task: str) -> None:
    """Both outputs from now on, each to its own stream."""
    from nomad_api.errors import NomadError

    streams = ((False, sys.stdout.buffer), (True, sys.stderr.buffer))
    try:
        async with asyncio.TaskGroup() as group:
            for stderr, target in streams:
                output = nomad.allocations.logs(id, task, stderr=stderr, follow=True, origin="end")
                group.create_task(_write(output, target))
    except* NomadError as errors:
        reason = errors.exceptions[0]
        raise Failure(f"Failed to tail stdout and stderr files: {reason}") from reason


async def _write(output: AsyncIterator[bytes], target: BinaryIO) -> None:
    async for data in output:
        target.write(data)
        target.flush()


async def _last_lines(output: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    """The last lines of what is there, then all that comes after."""
    chunks = aiter(output)
    seen = bytearray()
    following: asyncio.Task[bytes] | None = None
    while True:
        following = following or asyncio.ensure_future(anext(chunks))
        done, _ = await asyncio.wait([following], timeout=_PAUSE)
        if not done:
            break
        try:
            seen += following.result()
        except StopAsyncIteration:
            following = None
            break
        following = None
    yield b"".join(deque(bytes(seen).splitlines(keepends=True), maxlen=count))
    if following is not None:
        yield await following
        async for data in chunks:
            yield data
