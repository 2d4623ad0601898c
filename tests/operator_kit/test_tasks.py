"""Commands and logs of tasks: bounded in time and size, and clear about what failed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from nomad_api.client import Output
from nomad_api.errors import BadRequest, NotFound, StreamClosed, Unreachable
from nomad_api.models import AllocationStub
from operator_kit import Context, PermanentError, TemporaryError
from operator_kit.tasks import MOST_OUTPUT, PATIENCE, read_log, report_failure, run_command
from operator_kit.testing import MemoryNomad, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, widget_job


class Session:
    """A command that writes `outputs` and ends with `exit_code`; `error` or `hangs` instead."""

    def __init__(self, outputs: Sequence[Output], code: int, error: Exception | None, hangs: bool) -> None:
        self.exit_code: int | None = None
        self._end = (outputs, code, error, hangs)

    async def __aiter__(self) -> AsyncIterator[Output]:
        outputs, code, error, hangs = self._end
        for output in outputs:
            yield output
        if hangs:
            await asyncio.sleep(3600)
        if error is not None:
            raise error
        self.exit_code = code


class Inside:
    """What is inside the allocations: `nomad.allocations` of a test."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.outputs: list[Output] = []
        self.code = 0
        self.error: Exception | None = None
        self.hangs = False
        self.log: dict[bool, bytes] = {}
        self.closed = False

    @asynccontextmanager
    async def exec(self, id: str, task: str, command: Sequence[str], *, stdin: AsyncIterator[bytes]) -> AsyncIterator[Session]:
        self.asked.append((id, task, list(command), b"".join([piece async for piece in stdin])))
        try:
            yield Session(self.outputs, self.code, self.error, self.hangs)
        finally:
            self.closed = True

    async def logs(self, id: str, task: str, *, stderr: bool, offset: int, origin: str) -> AsyncIterator[bytes]:
        self.asked.append((id, task, origin, offset))
        if self.hangs:
            await asyncio.sleep(3600)
        if self.error is not None:
            raise self.error
        written = self.log.get(stderr, b"")
        yield written[-offset:] if origin == "end" else written


class Nomad(MemoryNomad):
    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self.inside = inside

    @property
    def allocations(self) -> Any:
        return self.inside


def context(inside: Inside) -> Context[Widget]:
    return Context(Widget("one", Widget.Spec()), Nomad(inside), None, now=loop_time)


def allocation(*tasks: str) -> AllocationStub:
    states = {task: {"State": "running"} for task in tasks} or None
    return AllocationStub.model_validate({"ID": "0123456789abcdef", "Name": "web.g[0]", "TaskStates": states})


WEB = allocation("web")


@virtual_time
async def test_a_command_gives_its_exit_code_and_both_outputs() -> None:
    inside = Inside()
    inside.outputs, inside.code = [Output(b"one "), Output(b"oops", stderr=True), Output(b"two")], 3
    done = await run_command(context(inside), WEB, ["psql", "-c", "x"], stdin=b"input")
    assert (done.exit_code, done.stdout, done.stderr) == (3, "one two", "oops")
    assert inside.asked == [(WEB.id, "web", ["psql", "-c", "x"], b"input")]


@virtual_time
async def test_a_command_that_does_not_end_in_time_is_left() -> None:
    inside = Inside()
    inside.hangs = True
    with pytest.raises(
        TemporaryError, match=r'command "sleep 9" in task web of allocation web.g\[0\] \(01234567\) took longer'
    ) as raised:
        await run_command(context(inside), WEB, ["sleep", "9"], within=5)
    assert raised.value.reason == "CommandTimeout"
    assert asyncio.get_running_loop().time() == pytest.approx(5)
    assert inside.closed


@pytest.mark.parametrize(
    "error", [StreamClosed("it broke"), BadRequest(400, "no such file", "GET", "/exec"), Unreachable("connection refused")]
)
@virtual_time
async def test_a_command_that_cannot_be_run_says_where_and_why(error: Exception) -> None:
    inside = Inside()
    inside.error = error
    with pytest.raises(TemporaryError, match="task web of allocation") as raised:
        await run_command(context(inside), WEB, ["ls"])
    assert raised.value.reason == "CommandFailed"
    assert str(error) in str(raised.value)


@virtual_time
async def test_of_long_output_the_end_is_kept() -> None:
    inside = Inside()
    inside.outputs = [Output(b"%07d\n" % number) for number in range(30_000)]
    done = await run_command(context(inside), WEB, ["yes"])
    assert len(done.stdout) <= MOST_OUTPUT
    assert done.stdout.endswith("0029999\n")
    assert all(len(line) == 7 for line in done.stdout.splitlines()), "no line has lost its beginning"


@pytest.mark.parametrize(
    ("tasks", "task", "problem"),
    [
        (("web", "sidecar"), "", "the task must be named .*: it has sidecar, web"),
        (("web",), "wbe", 'no task "wbe" .*: it has web'),
        ((), "", "not known yet"),
    ],
)
@virtual_time
async def test_the_task_must_be_clear(tasks: tuple[str, ...], task: str, problem: str) -> None:
    with pytest.raises(PermanentError, match=problem):
        await read_log(context(Inside()), allocation(*tasks), task=task)


@virtual_time
async def test_a_log_is_read_from_its_end_or_from_its_start() -> None:
    inside = Inside()
    inside.log = {False: b"".join(b"line %d\n" % number for number in range(100))}
    assert await read_log(context(inside), WEB, lines=2) == ["line 98", "line 99"]
    assert await read_log(context(inside), WEB, lines=2, origin="start") == ["line 0", "line 1"]
    assert await read_log(context(inside), WEB, stderr=True) == []
    assert inside.asked[:2] == [(WEB.id, "web", "end", MOST_OUTPUT), (WEB.id, "web", "start", 0)]


@virtual_time
async def test_a_task_that_has_not_started_has_written_nothing() -> None:
    inside = Inside()
    inside.error = NotFound(404, 'task "web" not started yet. No logs available', "GET", "/logs")
    assert await read_log(context(inside), WEB) == []
    inside.error = NotFound(404, "unknown allocation", "GET", "/logs")
    with pytest.raises(TemporaryError, match="unknown allocation"):
        await read_log(context(inside), WEB)


@virtual_time
async def test_a_node_that_does_not_answer_costs_no_more_than_the_deadline() -> None:
    inside = Inside()
    inside.hangs = True
    with pytest.raises(TemporaryError, match="took longer than 10 seconds") as raised:
        await read_log(context(inside), WEB)
    assert raised.value.reason == "LogUnavailable"
    assert asyncio.get_running_loop().time() == pytest.approx(PATIENCE)


async def failing_job(inside: Inside, *events: tuple[str, str]) -> Context[Widget]:
    ctx = context(inside)
    await ctx.nomad.jobs.register(widget_job(Widget("one", Widget.Spec())))
    (row,) = ctx.nomad.cluster.allocations.values()  # type: ignore[attr-defined]
    state = {"State": "dead", "Failed": True, "Events": [{"Type": type, "DisplayMessage": text} for type, text in events]}
    row["TaskStates"] = {"main": state}
    return ctx


@virtual_time
async def test_a_report_has_the_first_failure_and_the_last_with_their_output() -> None:
    inside = Inside()
    inside.log = {True: b"first words\n" + b"noise\n" * 50 + b"last words\n"}
    ctx = await failing_job(inside, ("Driver Failure", "no such image"), ("Started", ""), ("Terminated", "Exit Code: 1"))
    report = await report_failure(ctx, "widget-one", lines=1)
    assert report is not None
    assert (report.first.message, report.last.message) == ("no such image", "Exit Code: 1")
    assert (report.first_lines, report.last_lines) == (("first words",), ("last words",))


@virtual_time
async def test_a_report_falls_back_on_stdout_and_says_what_is_missing() -> None:
    inside = Inside()
    inside.log = {False: b"on stdout\n"}
    ctx = await failing_job(inside, ("Terminated", "Exit Code: 1"))
    report = await report_failure(ctx, "widget-one")
    assert report is not None
    assert report.last_lines == ("on stdout",)
    inside.error = Unreachable("the node is gone")
    report = await report_failure(ctx, "widget-one")
    assert report is not None
    assert "the node is gone" in report.last_lines[0]


@virtual_time
async def test_there_is_nothing_to_report_of_a_job_that_has_not_failed() -> None:
    ctx = await failing_job(Inside(), ("Started", ""))
    assert await report_failure(ctx, "widget-one") is None
