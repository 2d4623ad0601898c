"""Who leads, for how long, and how leadership goes from one process to the next."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from nomad_api.client.variables import Variables
from nomad_api.models import Job, Task, TaskGroup
from nomad_api.models.variable import Variable
from operator_kit import Context
from operator_kit.manager import GRACE
from operator_kit.process.leadership import LOOK_AT_HOLDER
from operator_kit.process.pause import developing, set_paused
from operator_kit.testing import MemoryNomad, eventually, ready, virtual_time
from operator_kit.testing.faults import AnswerLost, Fault, Faults
from operator_kit.testing.variables import expire_lock
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing
from tests.operator_kit.process.processes import LOCK, OPERATOR, Process, processes, seconds_until

PATH = "resources/test/widget/one"


def idle() -> WidgetReconciler:
    return WidgetReconciler(nothing)


class Busy:
    """An `act` that takes long, and what became of it."""

    def __init__(self, seconds: float) -> None:
        self.began: list[float] = []
        self.finished: list[float] = []
        self.cancelled: list[float] = []
        self._seconds = seconds

    async def __call__(self, widget: Widget, ctx: Context[Widget]) -> None:
        loop = asyncio.get_running_loop()
        self.began.append(loop.time())
        try:
            await asyncio.sleep(self._seconds)
        except asyncio.CancelledError:
            self.cancelled.append(loop.time())
            raise
        self.finished.append(loop.time())


# Handing over


@virtual_time
async def test_a_standby_leads_within_a_moment_when_the_leader_stops(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        first = start(idle(), "a")
        await first.manager.leading.wait()
        second = start(idle(), "b")
        await asyncio.sleep(60)
        assert not second.leads
        await first.stop()
        assert await seconds_until(eventually(lambda: second.leads)) < 1


@virtual_time
async def test_without_events_and_in_company_a_standby_leads_within_a_moment_too(nomad: MemoryNomad) -> None:
    nomad.cluster.variable_topic = False
    async with processes(nomad.cluster) as start:
        started = [start(idle(), identity) for identity in "abcd"]
        await eventually(lambda: any(process.leads for process in started))
        for _ in range(3):
            leader = next(process for process in started if process.leads)
            started.remove(leader)
            await asyncio.sleep(30)
            await leader.stop()
            assert await seconds_until(eventually(lambda: any(process.leads for process in started))) < 1
            assert sum(process.leads for process in started) == 1


@virtual_time
async def test_a_process_that_is_stopped_before_it_led_never_leads(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        first = start(idle(), "a")
        await first.manager.leading.wait()
        second = start(idle(), "b")
        await set_paused(nomad, OPERATOR, True)
        await asyncio.sleep(10)
        nomad.cluster.requests.clear()
        await second.stop()
        assert ("PUT", f"/v1/var/{LOCK}") not in nomad.cluster.requests


# Dead holders


def job() -> Job:
    return Job(
        id="operator", type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[Task(name="main", driver="exec")])]
    )


async def allocation_of(nomad: MemoryNomad) -> str:
    """The allocation of the operator's job."""
    await nomad.jobs.register(job())
    return (await nomad.jobs.allocations("operator"))[0].id


async def stop_allocation(nomad: MemoryNomad, allocation: str) -> None:
    await nomad.allocations.stop(allocation)


async def forget_allocation(nomad: MemoryNomad, allocation: str) -> None:
    await nomad.jobs.deregister("operator", purge=True)


async def end_allocation(nomad: MemoryNomad, allocation: str) -> None:
    nomad.cluster.allocations[allocation]["ClientStatus"] = "failed"


@virtual_time
@pytest.mark.parametrize("end", [stop_allocation, forget_allocation, end_allocation])
@pytest.mark.parametrize("shown", [True, False])
async def test_the_lock_of_an_allocation_that_is_over_is_released_by_whoever_waits(
    monkeypatch: pytest.MonkeyPatch, end: Callable[[MemoryNomad, str], Awaitable[None]], shown: bool
) -> None:
    """Its identity ended with it, so it cannot do so itself. Nomad shows locks to few tokens; the key is in the items."""
    nomad = MemoryNomad()
    allocation = await allocation_of(nomad)
    if not shown:
        monkeypatch.setattr(Variables, "get", _without_lock(Variables.get))
    async with processes(nomad.cluster) as start:
        monkeypatch.setenv("NOMAD_ALLOC_ID", allocation)
        first = start(idle(), "a")
        await first.manager.leading.wait()
        monkeypatch.setenv("NOMAD_ALLOC_ID", "another")
        second = start(idle(), "b")
        await asyncio.sleep(30)
        assert not second.leads, "the holder lives"
        await first.kill()
        await end(nomad, allocation)
        assert await seconds_until(eventually(lambda: second.leads)) < LOOK_AT_HOLDER + 1


def _without_lock(get: Any) -> Any:
    async def hidden(self: Variables, id: str, **params: Any) -> Variable:
        variable: Variable = await get(self, id, **params)
        return variable.model_copy(update={"lock": None})

    return hidden


@virtual_time
async def test_the_lock_of_a_killed_process_whose_allocation_lives_is_left_to_time(monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = MemoryNomad()
    monkeypatch.setenv("NOMAD_ALLOC_ID", await allocation_of(nomad))
    async with processes(nomad.cluster) as start:
        first = start(idle(), "a")
        await first.manager.leading.wait()
        second = start(idle(), "b")
        await asyncio.sleep(1)
        await first.kill()
        assert 10 < await seconds_until(eventually(lambda: second.leads)) < 35


# A lock that is lost


@virtual_time
async def test_when_the_lock_is_lost_everything_in_hand_is_cancelled_at_once(nomad: MemoryNomad) -> None:
    busy = Busy(18)
    async with processes(nomad.cluster) as start:
        await nomad.declare(PATH, size="1")
        process = start(WidgetReconciler(busy), "a")
        await eventually(lambda: len(busy.began) == 1)
        expire_lock(nomad.cluster, LOCK)
        await eventually(lambda: len(busy.cancelled) == 1, within=8)  # the next renewal tells
        await eventually(lambda: process.leads, within=20)
        await eventually(lambda: len(busy.finished) == 1)
    assert len(busy.began) == 2
    assert busy.finished[0] - busy.began[1] == pytest.approx(18)


@virtual_time
async def test_a_process_that_cannot_renew_stops_before_anybody_else_may_lead(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        first = start(idle(), "a")
        await first.manager.leading.wait()
        second = start(idle(), "b")
        await asyncio.sleep(1)
        first.nomad.cut_off = True
        assert await seconds_until(eventually(lambda: not first.leads)) <= 10.1
        assert await seconds_until(eventually(lambda: second.leads)) >= 9


# People's switch


@virtual_time
async def test_a_pause_lets_what_is_in_hand_finish_and_the_end_of_it_looks_at_everything(nomad: MemoryNomad) -> None:
    busy = Busy(GRACE - 1)
    async with processes(nomad.cluster) as start:
        await nomad.declare(PATH, size="1")
        process = start(WidgetReconciler(busy), "a")
        await eventually(lambda: len(busy.began) == 1)
        await set_paused(nomad, OPERATOR, True)
        await eventually(lambda: not process.leads)
        assert (len(busy.finished), busy.cancelled) == (1, [])
        assert "Lock" not in nomad.cluster.variables[LOCK]
        await nomad.declare(PATH, size="2")
        await asyncio.sleep(1_000)
        assert len(busy.began) == 1
        assert process.manager.unready() == [], "it follows its sources all the time"
        await set_paused(nomad, OPERATOR, False)
        await ready(nomad, Widget, "one")
    assert len(busy.began) == 2


@virtual_time
async def test_what_takes_longer_than_a_pause_allows_is_cancelled(nomad: MemoryNomad) -> None:
    busy = Busy(18)
    async with processes(nomad.cluster) as start:
        await nomad.declare(PATH, size="1")
        start(WidgetReconciler(busy), "a")
        await eventually(lambda: len(busy.began) == 1)
        await set_paused(nomad, OPERATOR, True)
        paused = asyncio.get_running_loop().time()
        await asyncio.sleep(10)
    assert busy.cancelled == pytest.approx([paused + GRACE], abs=0.1)


@virtual_time
async def test_a_developer_takes_the_operator_over_and_gives_it_back(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        deployed = start(idle(), "deployed")
        await deployed.manager.leading.wait()
        async with developing(nomad, OPERATOR, "alice"):
            own = start(idle(), "alice")
            assert await seconds_until(eventually(lambda: own.leads)) < 1
            assert not deployed.leads
            await asyncio.sleep(300)
            assert (own.leads, deployed.leads) == (True, False)
            await own.stop()
        assert await seconds_until(eventually(lambda: deployed.leads)) < 1


# Answers that do not come


def losing_first_answer(path: str) -> Faults:
    """The first write of that path is done, but not answered."""
    lost: list[int] = []

    def choose(number: int, method: str, asked: str) -> Fault | None:
        if (method, asked) != ("PUT", path) or lost:
            return None
        lost.append(number)
        return AnswerLost()

    return Faults(choose)


@virtual_time
async def test_a_lock_that_was_got_without_an_answer_is_given_back_by_whoever_stops(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        process = start(idle(), "a", faults=losing_first_answer(f"/v1/var/{LOCK}"))
        await eventually(lambda: "Lock" in nomad.cluster.variables.get(LOCK, {}))
        assert not process.leads
        await process.stop()
        assert "Lock" not in nomad.cluster.variables[LOCK]


@virtual_time
async def test_a_lock_that_was_got_without_an_answer_is_taken_by_its_key(nomad: MemoryNomad) -> None:
    async with processes(nomad.cluster) as start:
        process = start(idle(), "a", faults=losing_first_answer(f"/v1/var/{LOCK}"))
        await eventually(lambda: process.leads, within=12)


@virtual_time
async def test_the_lock_says_who_holds_it(nomad: MemoryNomad, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOMAD_ALLOC_ID", "some-allocation")
    async with processes(nomad.cluster) as start:
        process: Process = start(idle(), "a")
        await process.manager.leading.wait()
        items = nomad.items(LOCK) or {}
        assert str(uuid.UUID(items.pop("lock"))) == nomad.cluster.variables[LOCK]["Lock"]["ID"]
        assert items == {"holder": "a", "operator": OPERATOR, "allocation": "some-allocation"}
