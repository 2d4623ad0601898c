"""Every way in which an author's code can end is an `Attempt`, and only the cancellation of its own task goes through."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nomad_api.errors import Forbidden, Unreachable
from operator_kit.engine.attempt import GONE, OUTCOMES, SUCCESS, Attempt, attempt
from operator_kit.engine.result import PermanentError, Result, TemporaryError
from operator_kit.testing import virtual_time


async def returning(result: Result | None) -> Result | None:
    return result


async def raising(error: BaseException) -> Result | None:
    raise error


@virtual_time
@pytest.mark.parametrize("result", [None, Result(), Result(priority=5)])
async def test_what_asks_for_nothing_is_a_success(result: Result | None) -> None:
    assert await attempt(returning(result), 10) is SUCCESS


@virtual_time
@pytest.mark.parametrize("seconds", [0.0, 7.5])
async def test_what_asks_for_another_look_is_no_failure(seconds: float) -> None:
    ended = await attempt(returning(Result(requeue_after=seconds, priority=3)), 10)
    assert ended == Attempt("requeue_after", seconds, 3)
    assert not ended.failed


@virtual_time
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (TemporaryError("later", 5, reason="Busy"), ("error", 5, "Busy", "later", False, False)),
        (TemporaryError("later"), ("error", None, "TemporaryError", "later", False, False)),
        (PermanentError("never", reason="NoSuchSize"), ("terminal", None, "NoSuchSize", "never", True, False)),
        (Unreachable("no route"), ("error", None, "NomadUnavailable", "no route", False, False)),
        (Forbidden(403, "no", "GET", "/v1/jobs"), ("error", None, "Forbidden", "GET /v1/jobs: no (403)", False, False)),
        (TimeoutError(), ("error", None, "TimeoutError", "something took too long", False, False)),
        (ZeroDivisionError("oops"), ("error", None, "InternalError", "ZeroDivisionError: oops", False, True)),
    ],
)
async def test_errors_are_told_by_their_kind(error: Exception, expected: tuple[object, ...]) -> None:
    ended = await attempt(raising(error), 10)
    assert (ended.outcome, ended.after, ended.reason, ended.message, ended.stalled, ended.panicked) == expected
    assert ended.failed
    assert ended.error is error
    assert not ended.timed_out


@virtual_time
async def test_what_takes_too_long_is_cancelled_and_stalled() -> None:
    cancelled = False

    async def slow() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled = True
            raise

    ended = await attempt(slow(), 2.5)
    assert asyncio.get_running_loop().time() == pytest.approx(2.5)
    assert (ended.outcome, ended.reason, ended.message) == ("error", "Timeout", "it took longer than 2.5 seconds")
    assert (ended.stalled, ended.timed_out, cancelled) == (True, True, True)


async def of_a_task() -> None:
    task = asyncio.create_task(asyncio.sleep(100))
    task.cancel()
    await task


async def of_its_own() -> None:
    raise asyncio.CancelledError


@virtual_time
@pytest.mark.parametrize("call", [of_a_task, of_its_own])
async def test_the_cancellation_of_what_it_waits_for_is_an_ordinary_failure(call: Callable[[], Awaitable[None]]) -> None:
    """Else it would end the worker, and nobody would be told."""
    ended = await attempt(call(), 10)
    assert (ended.outcome, ended.reason, ended.panicked) == ("error", "InternalError", True)
    assert ended.message == "something that it waited for was cancelled"


@virtual_time
async def test_the_cancellation_of_the_caller_goes_through() -> None:
    task = asyncio.create_task(attempt(asyncio.sleep(100), 200))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_outcomes_that_are_no_failures() -> None:
    assert [outcome for outcome in OUTCOMES if Attempt(outcome).failed] == ["error", "terminal"]
    assert not GONE.failed
