"""Schedules emit ids at their times, spread, and behind whatever is fresh."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from operator_kit.engine.schedules import Cron, Every
from operator_kit.engine.stream import Stream
from operator_kit.engine.workqueue import LOW
from operator_kit.testing import virtual_time
from tests.operator_kit.engine.emitted import Emitted

SUMMER: datetime = datetime(2026, 7, 1, 12, tzinfo=UTC)


async def emitted_by(stream: Stream, seconds: float, known: Iterable[str] = ()) -> Emitted:
    """What a stream emits within a time."""
    emitted = Emitted(tuple(known))
    task = asyncio.create_task(stream.run(emitted))
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return emitted


@virtual_time
async def test_all_known_ids_come_at_every_interval_and_can_wait() -> None:
    emitted = await emitted_by(Every(300), 901, known="ba")
    assert [(emission.id, emission.time) for emission in emitted] == [
        (id, time) for time in (300, 600, 900) for id in ("a", "b")
    ]
    assert {(emission.priority, emission.reason) for emission in emitted} == {(LOW, "every 300 s")}


@virtual_time
async def test_a_round_is_spread_over_a_part_of_its_interval() -> None:
    emitted = await emitted_by(Every(100, spread=0.5), 101, known="abcde")
    assert [emission.due for emission in emitted] == [100, 110, 120, 130, 140]


@virtual_time
async def test_a_function_tells_the_ids_anew_each_time() -> None:
    accounts = ["x"]

    async def list_accounts() -> list[str]:
        return accounts

    asyncio.get_running_loop().call_later(65, accounts.append, "y")
    emitted = await emitted_by(Every(60, ids=list_accounts, spread=0), 121, known="ignored")
    assert [(emission.id, emission.time) for emission in emitted] == [("x", 60), ("x", 120), ("y", 120)]


@virtual_time
async def test_the_first_round_comes_at_once_where_that_is_asked_for() -> None:
    emitted = await emitted_by(Every(60, at_once=True), 61, known="a")
    assert [emission.time for emission in emitted] == [0, 60]


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_interval_is_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"Every: an interval of {seconds} s is not positive"):
        Every(seconds)


# Cron


class Calendar:
    """A calendar that goes with the loop's clock, and can be set."""

    def __init__(self, start: datetime) -> None:
        self.start = start

    def __call__(self) -> datetime:
        return self.start + timedelta(seconds=asyncio.get_running_loop().time())


@virtual_time
async def test_a_cron_expression_emits_at_its_times() -> None:
    emitted = await emitted_by(Cron("*/15 * * * *", now=Calendar(SUMMER + timedelta(minutes=10))), 3_600, known="ba")
    assert [emission.time / 60 for emission in emitted] == [5, 5, 20, 20, 35, 35, 50, 50]
    assert emitted.ids == ["a", "b"] * 4
    assert {(emission.priority, emission.reason) for emission in emitted} == {(LOW, "cron */15 * * * *")}


@virtual_time
async def test_a_cron_expression_goes_by_its_time_zone_and_its_summer_time() -> None:
    """Three o'clock in Berlin is one o'clock UTC in summer, two o'clock in winter; summer time ends on October 25."""
    zone = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 24, 0, tzinfo=UTC)
    emitted = await emitted_by(Cron("0 3 * * *", time_zone="Europe/Berlin", now=Calendar(start)), 3 * 86_400, known="a")
    times = [start + timedelta(seconds=emission.time) for emission in emitted]
    assert [(time.day, time.hour) for time in times] == [(24, 1), (25, 2), (26, 2)]
    assert [time.astimezone(zone).hour for time in times] == [3, 3, 3]


@virtual_time
async def test_a_calendar_in_the_zone_of_the_expression_is_no_trouble() -> None:
    zone = ZoneInfo("Europe/Berlin")

    def now() -> datetime:
        return Calendar(datetime(2026, 10, 25, 0, tzinfo=UTC))().astimezone(zone)

    emitted = await emitted_by(Cron("0 3 * * *", time_zone="Europe/Berlin", now=now), 86_400, known="a")
    assert [emission.time for emission in emitted] == [2 * 3_600]


@virtual_time
async def test_a_clock_that_is_set_back_makes_nothing_come_early() -> None:
    calendar = Calendar(SUMMER)

    def set_back() -> None:
        calendar.start -= timedelta(minutes=30)

    asyncio.get_running_loop().call_later(600, set_back)
    emitted = await emitted_by(Cron("0 13 * * *", now=calendar), 7_200, known="a")
    assert [emission.time for emission in emitted] == [90 * 60]


@virtual_time
async def test_an_expression_without_a_next_time_ends() -> None:
    stream = Cron("0 0 1 1 * 2020", now=Calendar(SUMMER))
    await asyncio.wait_for(stream.run(Emitted("a")), 1)


@pytest.mark.parametrize(
    ("expression", "zone", "problem"),
    [
        ("61 * * * *", "UTC", 'the minute "61" is not within 0-59'),
        ("every day", "UTC", '"every day" is not a cron expression: write five fields'),
        ("0 3 * * *", "Mars/Base", 'Cron: there is no time zone "Mars/Base"; write one such as Europe/Berlin'),
        ("0 3 * * *", "../etc", 'Cron: there is no time zone "../etc"'),
    ],
)
def test_what_is_not_understood_is_said_at_once(expression: str, zone: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("*", r"\*")):
        Cron(expression, time_zone=zone)
