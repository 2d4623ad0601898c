"""Inside a task that runs somewhere: run a command in it, read what it has written, and learn why it fails.

    done = await run_command(ctx, rollout.allocations[0], ["pg_isready"], within=5)
    if done.exit_code:
        ...

All of this goes through the client node of the allocation, which may be slow, cut off or gone. So each call has a deadline of
its own, keeps a bounded part of what it gets, and says which task of which allocation it was about when it fails. A failure is
a `TemporaryError`: the reconcile ends, the status tells why, and the next one tries again.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from nomad_api.errors import NomadError, NotFound
from nomad_api.models import Allocation, AllocationStub, Job
from operator_kit.context import Context
from operator_kit.engine.result import PermanentError, TemporaryError
from operator_kit.failures import TaskFailure, task_failures

PATIENCE: Final = 10.0
"""Seconds that reading a log may take."""

MOST_OUTPUT: Final = 64 * 1024
"""Bytes of a command's output, or of a log, that are kept."""

AnyAllocation = Allocation | AllocationStub


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has come to its end. Of long output the last `MOST_OUTPUT` bytes are kept."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Why the tasks of a job fail: the first failure that Nomad still knows of, and the last.

    Attributes:
        first_lines: what the task that failed first had to say at its start.
        last_lines: what the task that failed last has said last.
    """

    first: TaskFailure
    last: TaskFailure
    first_lines: tuple[str, ...]
    last_lines: tuple[str, ...]


async def run_command(
    ctx: Context[Any],
    allocation: AnyAllocation,
    command: Sequence[str],
    *,
    task: str = "",
    stdin: bytes = b"",
    within: float = 30.0,
) -> Finished:
    """Run a command inside a task and wait for its end. An exit code other than 0 is an ordinary answer.

    Args:
        task: may be left out where the allocation has only one.
        within: seconds; after them the session is closed, which ends the command where the task's driver can do that.

    Raises:
        TemporaryError: it did not end in time (`CommandTimeout`), or could not be run (`CommandFailed`).
        PermanentError: there is no such task, or it is not clear which is meant.
    """
    name = _task_of(allocation, task)
    what = f'the command "{" ".join(command)}" in {_place(allocation, name)}'
    kept = {False: _Tail(), True: _Tail()}
    async with _deadline(within, what, "CommandTimeout", "CommandFailed"):
        async with ctx.nomad.allocations.exec(allocation.id, name, command, stdin=_once(stdin)) as session:
            async for output in session:
                kept[output.stderr].add(output.data)
        assert session.exit_code is not None
        return Finished(session.exit_code, kept[False].text(), kept[True].text())


async def read_log(
    ctx: Context[Any],
    allocation: AnyAllocation,
    *,
    task: str = "",
    stderr: bool = False,
    lines: int = 20,
    origin: Literal["start", "end"] = "end",
    within: float = PATIENCE,
) -> list[str]:
    """The last lines that a task has written, or with `origin="start"` the first; none if it has never started.

    A task that is restarted goes on in the same log, so the first lines are those of its first try (until Nomad rotates them
    away).

    Raises:
        TemporaryError: the log could not be read, at least not in time (`LogUnavailable`).
        PermanentError: there is no such task, or it is not clear which is meant.
    """
    name = _task_of(allocation, task)
    tail = _Tail()
    offset = MOST_OUTPUT if origin == "end" else 0
    pieces = ctx.nomad.allocations.logs(allocation.id, name, stderr=stderr, offset=offset, origin=origin)
    async with _deadline(within, f"the log of {_place(allocation, name)}", "LogUnavailable", "LogUnavailable"):
        try:
            async with aclosing(pieces):  # type: ignore[type-var]
                async for piece in pieces:
                    tail.add(piece)
                    if origin == "start" and tail.full:
                        break
        except NotFound as error:
            if "not started" not in error.message:
                raise
    written = tail.text().splitlines()
    return written[:lines] if origin == "start" else written[-lines:]


async def report_failure(
    ctx: Context[Any], job: Job | str, *, lines: int = 20, within: float = PATIENCE
) -> FailureReport | None:
    """Why the current version of a job fails, with the output of its first failure and of its last; None if none is known.

    Output that cannot be had (the node is gone, the log is collected) is replaced by a line that says so.

    Args:
        lines: of stderr, or of stdout where stderr is empty.
        within: seconds for each log.

    Raises:
        NomadError: the job or its allocations cannot be read.
    """
    job_id = job if isinstance(job, str) else job.id or ""
    version = (await ctx.nomad.jobs.get(job_id)).version
    allocations = {one.id: one for one in await ctx.nomad.jobs.allocations(job_id) if one.job_version == version}
    failures = task_failures(allocations.values())
    if not failures:
        return None
    first, last = failures[0], failures[-1]
    return FailureReport(
        first,
        last,
        await _output(ctx, allocations[first.allocation], first.task, lines, "start", within),
        await _output(ctx, allocations[last.allocation], last.task, lines, "end", within),
    )


async def _output(
    ctx: Context[Any], allocation: AnyAllocation, task: str, lines: int, origin: Literal["start", "end"], within: float
) -> tuple[str, ...]:
    try:
        for stderr in (True, False):
            if text := await read_log(ctx, allocation, task=task, stderr=stderr, lines=lines, origin=origin, within=within):
                return tuple(text)
    except TemporaryError as error:
        return (f"({error})",)
    return ()


def _task_of(allocation: AnyAllocation, task: str) -> str:
    names = sorted(allocation.task_states or {})
    if task in names or (task and not names):
        return task
    if not task and len(names) == 1:
        return names[0]
    known = f"it has {', '.join(names)}" if names else "its tasks are not known yet"
    problem = f'there is no task "{task}"' if task else "the task must be named"
    raise PermanentError(f"{problem} in allocation {allocation.name or allocation.id}: {known}", reason="NoSuchTask")


def _place(allocation: AnyAllocation, task: str) -> str:
    return f"task {task} of allocation {allocation.name or 'of no name'} ({allocation.id[:8]})"


@asynccontextmanager
async def _deadline(seconds: float, what: str, late: str, failed: str) -> AsyncIterator[None]:
    """Give the block so many seconds; `late` and `failed` are the reasons of what is raised instead of its errors."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TemporaryError(f"{what} took longer than {seconds:g} seconds", reason=late) from error
    except NomadError as error:
        raise TemporaryError(f"{what}: {error}", reason=failed) from error


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


class _Tail:
    """The last bytes of what is added."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._cut = False

    @property
    def full(self) -> bool:
        return len(self._data) >= MOST_OUTPUT

    def add(self, data: bytes) -> None:
        self._data += data
        if len(self._data) > 2 * MOST_OUTPUT:
            self._shorten()

    def text(self) -> str:
        """As text; a line that has lost its beginning is left out."""
        self._shorten()
        whole = self._data.partition(b"\n")[2] if self._cut and b"\n" in self._data else self._data
        return whole.decode(errors="replace")

    def _shorten(self) -> None:
        if len(self._data) > MOST_OUTPUT:
            del self._data[:-MOST_OUTPUT]
            self._cut = True
