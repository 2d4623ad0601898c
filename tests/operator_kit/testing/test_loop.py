"""Time that jumps: exact, ordered, and honest about a deadlock."""

import asyncio

import pytest

from operator_kit.testing import eventually, simulate, virtual_time
from operator_kit.testing.loop import NothingHappens


def test_a_day_takes_no_time_and_timers_keep_their_order() -> None:
    async def day() -> tuple[float, list[int]]:
        order: list[int] = []

        async def step(number: int, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(number)

        await asyncio.gather(step(3, 86_400), step(1, 0.1), step(2, 3_600))
        return asyncio.get_running_loop().time(), order

    assert simulate(day()) == (pytest.approx(86_400), [1, 2, 3])


def test_timeouts_go_by_the_same_clock() -> None:
    async def late() -> None:
        async with asyncio.timeout(5):
            await asyncio.sleep(6)

    with pytest.raises(TimeoutError):
        simulate(late())


def test_waiting_for_what_never_comes_is_an_error_not_a_hang() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(NothingHappens):
        simulate(never())


@virtual_time
async def test_eventually_waits_for_functions_and_coroutines_and_not_for_ever() -> None:
    started = asyncio.get_running_loop().time()

    async def later() -> bool:
        return asyncio.get_running_loop().time() > started + 3

    await eventually(later)
    await eventually(lambda: asyncio.get_running_loop().time() > started + 5)
    with pytest.raises(TimeoutError):
        await eventually(lambda: False, within=2)


@pytest.mark.parametrize("begin", [0.1, 30.128, 86_400.3, 1e8])
def test_a_timer_never_goes_off_before_its_time(begin: float) -> None:
    """Who waits for a moment, and looks at the clock when woken, must not find it a hair too early again and again."""

    async def wait() -> int:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(begin)
        due, wakes = loop.time() + 1 / 3, 0
        while (pause := due - loop.time()) > 0:
            wakes += 1
            await asyncio.sleep(pause)
        return wakes

    assert simulate(wait()) <= 2
