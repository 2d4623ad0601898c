"""The small parts: rotation and reading of logs, files, restarts, health, driver options, fingerprint, reporting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from client_harness import FakeServer, allocation, task
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.duration import SECOND
from nomad_api.models import TaskState
from nomad_api.models.allocation import NetworkStatus
from nomad_api.models.job import RestartPolicy
from orchestrator.client import ClientConfig
from orchestrator.client.alloc_dir import AllocDir
from orchestrator.client.alloc_sync import AllocSync
from orchestrator.client.clock import Clock
from orchestrator.client.drivers.schema import InvalidConfig, Kind, Schema
from orchestrator.client.errors import PathError
from orchestrator.client.files import AllocFiles
from orchestrator.client.fingerprint import fingerprint
from orchestrator.client.health import HealthTerms, HealthTracker
from orchestrator.client.log_files import Frame, read_file, read_logs
from orchestrator.client.restarts import Next, RestartTracker
from orchestrator.client.server import AllocationUpdate
from orchestrator.client.state import ClientState, TaskRecord
from orchestrator.client.supervisor.rotation import RotatingFile, indexes
from orchestrator.timestamps import format_time


class ManualClock(Clock):
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> int:
        return int(self.seconds * SECOND)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0)
        await asyncio.sleep(0)


async def texts(frames: AsyncIterator[Frame]) -> list[tuple[str, int, bytes]]:
    return [(frame.file, frame.offset, frame.data) async for frame in frames]


# Rotation


@given(
    st.lists(st.binary(min_size=1, max_size=40).map(lambda data: data.replace(b"\x00", b"\n")), max_size=20), st.integers(1, 30)
)
def test_rotation_keeps_every_byte_in_order_and_files_within_their_size(
    tmp_path_factory, parts: list[bytes], size: int
) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("logs")
    log = RotatingFile(str(folder), "t.stdout", 10_000, size)
    for part in parts:
        log.write(part)
    log.close()
    files = [(folder / f"t.stdout.{index}").read_bytes() for index in indexes(str(folder), "t.stdout")]
    assert b"".join(files) == b"".join(parts)
    assert all(len(data) <= size for data in files)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rotation_keeps_lines_whole_and_the_newest_files(tmp_path: Path) -> None:
    log = RotatingFile(str(tmp_path), "t.stdout", 2, 10)
    log.write(b"first\nsecond\nthird\n")
    assert contents(tmp_path) == {"t.stdout.1": b"second\n", "t.stdout.2": b"third\n"}
    log.close()
    again = RotatingFile(str(tmp_path), "t.stdout", 2, 10)
    again.write(b"more" + b"x" * 20)
    again.close()
    assert contents(tmp_path) == {"t.stdout.3": b"xxxxxxxxxx", "t.stdout.4": b"xxxxxxxxxx"}


def test_a_log_whose_folder_is_gone_is_dropped(tmp_path: Path) -> None:
    RotatingFile(str(tmp_path / "none"), "t.stdout", 2, 10).write(b"x" * 100)


# Reading


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for index, text in ((3, "0123\n"), (4, "4567\n"), (5, "89\n")):
        (tmp_path / f"t.stdout.{index}").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("origin", "offset", "expected"),
    [
        ("start", 0, "0123\n4567\n89\n"),
        ("start", 2, "23\n4567\n89\n"),
        ("start", 6, "567\n89\n"),
        ("start", 99, ""),
        ("start", -4, "\n89\n"),
        ("end", 0, "89\n"),
        ("end", 2, "9\n"),
        ("end", 7, "567\n89\n"),
        ("end", 99, "0123\n4567\n89\n"),
    ],
)
async def test_logs_are_read_from_where_one_wants(logs: Path, origin: str, offset: int, expected: str) -> None:
    frames = read_logs(logs, "t.stdout", "alloc/logs", origin=origin, offset=offset, follow=False, clock=ManualClock())
    assert b"".join([frame.data async for frame in frames]).decode() == expected


async def test_frames_name_the_file_and_the_position_after_their_data(logs: Path) -> None:
    frames = read_logs(logs, "t.stdout", "alloc/logs", origin="end", offset=4, follow=False, clock=ManualClock())
    assert await texts(frames) == [("alloc/logs/t.stdout.4", 5, b"\n"), ("alloc/logs/t.stdout.5", 3, b"89\n")]


async def test_followed_logs_go_on_in_the_next_file_and_beat_when_silent(logs: Path) -> None:
    frames = read_logs(logs, "t.stdout", "l", origin="end", offset=0, follow=True, clock=ManualClock())
    assert (await anext(frames)).data == b"89\n"
    assert await anext(frames) == Frame()
    with (logs / "t.stdout.5").open("a") as file:
        file.write("10\n")
    assert await anext(frames) == Frame("l/t.stdout.5", 6, b"10\n")
    (logs / "t.stdout.6").write_text("next\n")
    assert await anext(frames) == Frame("l/t.stdout.6", 5, b"next\n")
    await frames.aclose()


async def test_a_followed_file_that_is_deleted_says_so_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("1\n")
    frames = read_file(file, "t/local/f", origin="start", offset=0, follow=True, clock=ManualClock())
    assert await anext(frames) == Frame("t/local/f", 2, b"1\n")
    file.unlink()
    assert await anext(frames) == Frame("t/local/f", 2, event="file deleted")
    assert [frame async for frame in frames] == []


# Files


@pytest.fixture
def files(tmp_path: Path) -> AllocFiles:
    directory = AllocDir(tmp_path / "a")
    directory.build()
    directory.task("t").build(isolated=False)
    (directory.task("t").local / "digits.txt").write_text("0123456789")
    (directory.task("t").secrets / "token").write_text("x")
    (tmp_path / "outside").write_text("no")
    (directory.shared / "link").symlink_to(tmp_path / "outside")
    return AllocFiles(directory, ["t"])


def test_files_are_listed_described_and_read(files: AllocFiles) -> None:
    assert [info.name for info in files.list("/")] == ["alloc", "t"]
    info = files.stat("t/local/digits.txt")
    assert (info.size, info.is_dir, info.mode, info.content_type) == (10, False, "-rw-r--r--", "text/plain; charset=utf-8")
    assert files.read("t/local/digits.txt") == b"0123456789"
    assert files.read("/t/local/digits.txt", 3, 2) == b"34"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("t/secrets/token", "Reading secret file prohibited: t/secrets/token"),
        ("../outside", "Path escapes the alloc directory"),
        ("alloc/link", "Path escapes the alloc directory"),
        ("t/local", 'file "t/local" is a directory'),
        ("nonsense", "no such file or directory"),
    ],
)
def test_files_that_may_not_be_read(files: AllocFiles, path: str, error: str) -> None:
    with pytest.raises(PathError) as caught:
        files.read(path)
    assert error in str(caught.value)


# Restarts


def tracker(clock: Clock, *, on_success: bool = True, **policy: object) -> RestartTracker:
    return RestartTracker(RestartPolicy(**policy), on_success=on_success, clock=clock, chance=lambda: 0.5)


def test_restarts_within_the_policy_are_delayed_with_jitter() -> None:
    restarts = tracker(ManualClock(), attempts=2, interval=10 * SECOND, delay=8, mode="fail")
    decision = restarts.exited(successful=False)
    assert (decision.next, decision.reason, decision.delay) == (Next.RESTART, "Restart within policy", 9)
    assert restarts.exited(successful=True).next is Next.RESTART
    last = restarts.exited(successful=False)
    assert (last.next, last.reason) == (Next.FAIL, 'Exceeded allowed attempts 2 in interval 10s and mode is "fail"')


def test_in_mode_delay_the_next_interval_is_waited_for() -> None:
    clock = ManualClock()
    restarts = tracker(clock, attempts=1, interval=10 * SECOND, delay=1, mode="delay")
    restarts.exited(successful=False)
    clock.seconds += 4
    decision = restarts.exited(successful=False)
    assert (decision.next, decision.delay) == (Next.RESTART, 6 * SECOND)
    clock.seconds += 7
    assert restarts.exited(successful=False).reason == "Restart within policy"


def test_batch_tasks_end_with_success_and_errors_may_be_final() -> None:
    assert tracker(ManualClock(), on_success=False, attempts=3).exited(successful=True).next is Next.DONE
    assert tracker(ManualClock(), attempts=3).not_started(recoverable=False).reason == "Error was unrecoverable"
    assert tracker(ManualClock(), attempts=0).not_started(recoverable=True).reason == "Policy allows no restarts"


# Health


async def verdict(states: list[dict[str, TaskState]], terms: HealthTerms, *, passing: bool = True) -> tuple[bool, str]:
    """The verdict when the tasks go through these states, one a look, and then stay as they are."""
    placed = allocation(task("t"))
    tasks = {one.name: one for one in placed.job.task_groups[0].tasks}
    found: list[tuple[bool, str]] = []
    tracker = HealthTracker(
        terms,
        tasks,
        lambda: states.pop(0) if len(states) > 1 else states[0],
        lambda: passing,
        lambda healthy, reason: found.append((healthy, reason)),
        ManualClock(),
    )
    await tracker.run()
    return found[0]


RUNNING = {"t": TaskState(state="running", started_at="2026-01-01T00:00:00Z")}
PENDING = {"t": TaskState()}
DEAD = {"t": TaskState(state="dead")}
TERMS = HealthTerms(True, 10 * SECOND, 60 * SECOND)


@pytest.mark.parametrize(
    ("states", "passing", "expected"),
    [
        ([RUNNING], True, (True, "")),
        ([DEAD], True, (False, "")),
        ([PENDING], True, (False, "Task not running by healthy_deadline of 1m0s")),
        ([RUNNING], False, (False, "Service checks not passing by healthy_deadline of 1m0s")),
    ],
)
async def test_verdicts(states: list[dict[str, TaskState]], passing: bool, expected: tuple[bool, str]) -> None:
    assert await verdict(list(states), TERMS, passing=passing) == expected


def test_whose_health_nobody_asks_for() -> None:
    group = allocation(task("t")).job.task_groups[0]
    assert HealthTerms.of(allocation(task("t")), group, "batch") is None
    assert HealthTerms.of(allocation(task("t")), group, "service") == HealthTerms(True, 10 * SECOND, 300 * SECOND)
    assert HealthTerms.of(allocation(task("t")).evolve(deployment_id="d"), group, "service") is None


# Options of drivers


SCHEMA = Schema({"s": Kind.STRING, "n": Kind.NUMBER, "b": Kind.BOOL, "l": Kind.STRINGS, "m": Kind.MAP}, required=("s",))


def test_values_are_converted_as_hcl_does() -> None:
    given = {"s": 1, "n": "80", "b": "true", "l": [1, True], "m": [{"a": 1}]}
    assert SCHEMA.check(given) == {"s": "1", "n": 80, "b": True, "l": ["1", "true"], "m": {"a": "1"}}


def test_all_errors_are_told_together() -> None:
    with pytest.raises(InvalidConfig) as caught:
        SCHEMA.check({"n": [], "x": 1})
    assert str(caught.value).startswith("4 errors occurred:\n\t* failed to parse config: \n\t* Missing required argument")
    assert "number required, but have tuple." in str(caught.value)


@given(
    st.dictionaries(st.sampled_from("snblmx"), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
)
def test_any_config_is_checked_or_refused(config: dict[str, object]) -> None:
    with contextlib.suppress(InvalidConfig):
        SCHEMA.check(config)


# The node


def test_the_fingerprint_has_nomads_names(tmp_path: Path) -> None:
    node = fingerprint(ClientConfig(alloc_dir=tmp_path / "not/there/yet", name="n1"), "id", Clock())
    for name in ("kernel.name", "cpu.totalcompute", "memory.totalbytes", "os.name", "unique.hostname", "nomad.version"):
        assert node.attributes[name]
    assert (node.name, node.datacenter, node.status, node.scheduling_eligibility) == ("n1", "dc1", "ready", "eligible")
    assert node.node_resources["Cpu"]["CpuShares"] > 0
    assert node.node_resources["Memory"]["MemoryMB"] > 0


def test_a_node_keeps_its_identity(tmp_path: Path) -> None:
    state = ClientState(tmp_path)
    assert state.node_id() == ClientState(tmp_path).node_id()
    record = TaskRecord("raw_exec", TaskState(state="running", restarts=2), active=True)
    state.save("a", "t", record)
    assert ClientState(tmp_path).tasks("a") == {"t": record}
    state.forget("a")
    assert ClientState(tmp_path).allocations() == []


def test_times_print_as_go_prints_them() -> None:
    assert format_time(1_500_000_000) == "1970-01-01T00:00:01.5Z"
    assert format_time(0) == "1970-01-01T00:00:00Z"


# Reporting


def update_of(status: str, *events: str) -> AllocationUpdate:
    state = TaskState(state="running", events=[{"Type": kind} for kind in events])
    return AllocationUpdate("a", status, "", {"t": state}, None, NetworkStatus())


async def test_news_go_at_once_and_history_a_little_later(server: FakeServer) -> None:
    sync = AllocSync(server, Clock())
    running = asyncio.create_task(sync.run())
    first, history, news = update_of("pending"), update_of("pending", "Signaling"), update_of("running")
    sync.report(first, lambda: first)
    await server.until(lambda: len(server.sends) == 1)
    sync.report(history, lambda: history)
    await asyncio.sleep(0.01)
    assert len(server.sends) == 1
    sync.report(news, lambda: news)
    await server.until(lambda: len(server.sends) == 2)
    assert server.updates["a"] is news
    running.cancel()


async def test_what_the_server_does_not_take_is_sent_again(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    taken, refusals = server.update_allocations, [OSError("away"), OSError("away")]

    async def update_allocations(updates: list[AllocationUpdate]) -> None:
        if refusals:
            raise refusals.pop()
        await taken(updates)

    monkeypatch.setattr(server, "update_allocations", update_allocations)
    sync = AllocSync(server, ManualClock())
    running = asyncio.create_task(sync.run())
    sync.report(update_of("running"), lambda: update_of("running"))
    await server.until(lambda: server.updates)
    running.cancel()
