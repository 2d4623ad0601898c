"""An operator as a process: who leads, how it stops, what it tells of itself."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import pytest

from nomad_api.errors import Forbidden, Unreachable
from operator_kit import Context, Manager
from operator_kit.manager import GRACE
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing

PATH = "resources/test/widget/one"
LOCK = "locks/operator"


@asynccontextmanager
async def process(
    nomad: MemoryNomad, reconciler: WidgetReconciler, identity: str
) -> AsyncIterator[tuple[Manager, asyncio.Task[None]]]:
    """One of several processes of the operator, killed at the end of the block if it still runs."""
    manager = Manager(nomad, [reconciler], name="operator", identity=identity, random=Random(1), now=loop_time)
    task = asyncio.create_task(manager.run())
    try:
        yield manager, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_of_two_processes_one_leads_and_hands_over_when_it_stops() -> None:
    first_nomad = MemoryNomad()
    second_nomad = MemoryNomad(cluster=first_nomad.cluster)
    first_work, second_work = WidgetReconciler(nothing), WidgetReconciler(nothing)
    async with process(first_nomad, first_work, "a") as (first, first_task):
        await first.leading.wait()
        async with process(second_nomad, second_work, "b") as (second, _):
            await first_nomad.declare(PATH, size="1")
            await ready(first_nomad, Widget, "one")
            assert (first_work.calls, second_work.calls) == (["reconcile one"], [])
            assert (first_nomad.items(LOCK) or {})["holder"] == "a"
            assert second.unready() == []
            first.stop()
            await first_task
            await eventually(second.leading.is_set, within=12)
            assert (first_nomad.items(LOCK) or {})["holder"] == "b"
            await first_nomad.declare(PATH, size="2")
            await ready(first_nomad, Widget, "one")
    assert first_work.calls == ["reconcile one"]


@virtual_time
async def test_a_leader_that_vanishes_is_replaced_after_twice_the_time_to_live() -> None:
    nomad = MemoryNomad()
    gone = MemoryNomad(cluster=nomad.cluster)
    async with process(gone, WidgetReconciler(nothing), "a") as (first, _):
        await first.leading.wait()
        gone.cut_off = True
    async with process(nomad, WidgetReconciler(nothing), "b") as (second, _):
        started = asyncio.get_running_loop().time()
        await eventually(second.leading.is_set)
        assert 15 < asyncio.get_running_loop().time() - started <= 35


@virtual_time
async def test_a_leader_that_is_cut_off_stops_its_work_before_another_begins() -> None:
    first_nomad = MemoryNomad()
    second_nomad = MemoryNomad(cluster=first_nomad.cluster)
    hands: list[str] = []

    def slow(name: str) -> WidgetReconciler:
        async def act(widget: Widget, ctx: Context[Widget]) -> None:
            assert not hands, "both lead"
            hands.append(name)
            try:
                await asyncio.sleep(18)
            finally:
                hands.remove(name)

        return WidgetReconciler(act)

    await first_nomad.declare(PATH, size="1")
    async with process(first_nomad, slow("a"), "a") as (first, _), process(second_nomad, slow("b"), "b") as (second, _):
        await eventually(lambda: hands == ["a"])
        first_nomad.cut_off = True
        await eventually(lambda: not first.leading.is_set())
        assert not second.leading.is_set()
        await eventually(second.leading.is_set)
        first_nomad.cut_off = False
        await asyncio.sleep(100)
        assert [first.leading.is_set(), second.leading.is_set()] == [False, True]


@virtual_time
async def test_what_is_in_hand_may_finish_when_the_operator_stops() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await asyncio.sleep(GRACE - 1)
        widget.status.seen = 5

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: nomad.items("status/test/widget/one") is not None)
    status = status_of(nomad, Widget, "one")
    assert status is not None
    assert status.seen == 5
    assert "Lock" not in nomad.cluster.variables[LOCK]


@virtual_time
async def test_what_takes_longer_than_the_time_of_grace_is_cancelled_and_nothing_new_begins() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await asyncio.sleep(18)

    reconciler = WidgetReconciler(act)
    async with running(nomad, reconciler):
        for number in range(30):
            await nomad.declare(f"resources/test/widget/w{number}", size="1")
        await eventually(lambda: len(reconciler.calls) == reconciler.workers)
        stopped = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - stopped == pytest.approx(GRACE, abs=0.5)
    assert len(reconciler.calls) == reconciler.workers
    assert "Lock" not in nomad.cluster.variables[LOCK]


@virtual_time
async def test_the_kind_is_published_before_any_work() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(nothing)) as manager:
        await manager.leading.wait()
        assert nomad.items("crds/test/widget")


@virtual_time
async def test_an_operator_that_may_not_lead_says_so_and_goes_on_trying() -> None:
    nomad = MemoryNomad()

    def fault(method: str, path: str) -> None:
        if method == "PUT" and path.startswith("/v1/var/locks/"):
            raise Forbidden(403, "Permission denied", method, path)

    nomad.cluster.fault = fault
    async with running(nomad, WidgetReconciler(nothing)) as manager:
        await asyncio.sleep(100)
        assert not manager.leading.is_set()
        nomad.cluster.fault = None
        await eventually(manager.leading.is_set)


@virtual_time
async def test_readiness_tells_which_source_is_in_trouble() -> None:
    nomad = MemoryNomad()

    def fault(method: str, path: str) -> None:
        raise Unreachable("connection refused")

    async with running(nomad, WidgetReconciler(nothing)) as manager:
        await manager.leading.wait()
        assert manager.unready() == []
        nomad.cluster.fault = fault
        nomad.cluster.cut_streams()
        await asyncio.sleep(60)
        assert len(manager.unready()) == 4
        assert "resources/test/widget/: connection refused" in manager.unready()[0]
        nomad.cluster.fault = None
        await eventually(lambda: manager.unready() == [])


@virtual_time
async def test_a_reconcile_that_nothing_can_cancel_makes_the_process_unhealthy() -> None:
    nomad = MemoryNomad()
    forever = asyncio.Event()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        while not forever.is_set():
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                continue

    async with running(nomad, WidgetReconciler(act)) as manager:
        await nomad.declare(PATH, size="1")
        await asyncio.sleep(30)
        assert manager.stuck() == []
        await asyncio.sleep(15)
        assert manager.stuck()[0].startswith("test/widget: a reconcile has been running for 4")
        forever.set()


async def test_the_health_server_answers_and_the_metrics_are_all_there() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(nothing), health=("127.0.0.1", 0)) as manager:
        await manager.leading.wait()
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
        assert manager.health_port is not None
        base = f"http://127.0.0.1:{manager.health_port}"
        async with aiohttp.ClientSession() as session:
            for path in ("/healthz", "/readyz"):
                async with session.get(base + path) as answer:
                    assert (answer.status, await answer.text()) == (200, "ok\n")
            async with session.get(base + "/metrics") as answer:
                metrics = await answer.text()
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    assert values['controller_runtime_reconcile_total{controller="test/widget",result="success"}'] == "1.0"
    assert values['controller_runtime_reconcile_total{controller="test/widget",result="error"}'] == "0.0"
    assert values['leader_election_master_status{name="operator"}'] == "1.0"
    assert values['workqueue_depth{controller="test/widget"}'] == "0.0"
    assert values['workqueue_adds_total{controller="test/widget"}'] == "1.0"
    assert float(values['operator_source_age_seconds{source="resources/test/widget/"}']) < 5
    for name in ("workqueue_retries_total", "workqueue_put_off", "workqueue_longest_running_processor_seconds"):
        assert f'{name}{{controller="test/widget"}}' in values
    for name in ("controller_runtime_reconcile_time_seconds", "workqueue_queue_duration_seconds"):
        assert f'{name}_count{{controller="test/widget"}}' in values


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_in_order_when_it_is_asked_to(number: signal.Signals) -> None:
    environment = {"NOMAD_ADDR": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen([sys.executable, "-m", "examples.website"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        assert "connection refused" in first
        process.send_signal(number)
        _, rest = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert '"event": "stopped"' in rest.splitlines()[-1]
