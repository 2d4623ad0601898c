"""One call of an author's code, with a limit of time: every way in which it can end becomes an `Attempt`.

A call that never ends is the fault that hides best: a worker stands still, and nothing turns red. So the limit is on by
default. It is a cancellation, and code that swallows cancellations can outlive it; the health server tells of those.

A cancellation comes to a call where it waits for something. Most reconciles find nothing to do and never wait, so a call is
begun first, and its limit set when it does.
"""

import asyncio
from collections.abc import Awaitable, Generator
from dataclasses import dataclass
from typing import Any, Final, Literal

from nomad_api.errors import NomadError
from operator_kit.engine.result import PermanentError, Result, TemporaryError

Outcome = Literal["success", "requeue_after", "error", "terminal", "gone"]
"""What a look came to: `success`; `requeue_after`, a success that wants another look; `error`, another look is due;
`terminal`, only a change helps; `gone`, there is nothing any more."""

OUTCOMES: Final[tuple[Outcome, ...]] = ("success", "requeue_after", "error", "terminal", "gone")


@dataclass(frozen=True, slots=True)
class Attempt:
    """How a look ended, and when to look again.

    Attributes:
        outcome: see `Outcome`.
        after: seconds until the next look; None for the default of the outcome.
        priority: of the next look; None for the ordinary one.
        reason, message: why it failed, made for a condition; empty where it did not.
        stalled: whether it will not get further by itself: a permanent error, or a limit of time that it ran into.
        timed_out: whether it ran into its limit of time.
        panicked: whether it raised what nobody foresaw.
        error: the exception; whoever called tells of it, for only it knows what must not be told.
    """

    outcome: Outcome
    after: float | None = None
    priority: int | None = None
    reason: str = ""
    message: str = ""
    stalled: bool = False
    timed_out: bool = False
    panicked: bool = False
    error: BaseException | None = None

    @property
    def failed(self) -> bool:
        return self.outcome in ("error", "terminal")


SUCCESS: Final = Attempt("success")
GONE: Final = Attempt("gone")


async def attempt(call: Awaitable[Result | None], seconds: float) -> Attempt:
    """Await the call for at most that long; raises nothing but the cancellation of its own task."""
    limit: asyncio.Timeout | None = None
    began = asyncio.get_running_loop().time()
    try:
        begun = _Begun(call)
        if begun.waits:
            async with asyncio.timeout_at(began + seconds) as limit:
                await begun
        result = begun.result
    except PermanentError as error:
        return Attempt("terminal", reason=error.reason, message=str(error), stalled=True, error=error)
    except TemporaryError as error:
        return Attempt("error", error.delay, reason=error.reason, message=str(error), error=error)
    except TimeoutError as error:
        if limit is not None and limit.expired():
            message = f"it took longer than {seconds:g} seconds"
            return Attempt("error", reason="Timeout", message=message, stalled=True, timed_out=True, error=error)
        return Attempt("error", reason="TimeoutError", message=str(error) or "something took too long", error=error)
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        message = "something that it waited for was cancelled"
        return Attempt("error", reason="InternalError", message=message, panicked=True, error=error)
    except NomadError as error:
        reason = "NomadUnavailable" if error.retryable else type(error).__name__
        return Attempt("error", reason=reason, message=str(error), error=error)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return Attempt("error", reason="InternalError", message=message, panicked=True, error=error)
    if result is None or result.requeue_after is None:
        return SUCCESS
    return Attempt("requeue_after", result.requeue_after, result.priority)


class _Begun:
    """A call up to where it waits for the first time; awaited, the rest of it.

    Attributes:
        waits: whether it has not ended yet.
        result: what it returned, once it has.
    """

    def __init__(self, call: Awaitable[Result | None]) -> None:
        self._steps = call.__await__()
        self.waits = True
        self.result: Result | None = None
        self._go_on()

    def __await__(self) -> Generator[Any, None, None]:
        while self.waits:
            try:
                yield self._waits_for
            except BaseException as error:
                self._go_on(error)
            else:
                self._go_on()

    def _go_on(self, thrown: BaseException | None = None) -> None:
        try:
            self._waits_for = next(self._steps) if thrown is None else self._steps.throw(thrown)
        except StopIteration as returned:
            self.result, self.waits = returned.value, False


def is_cancelled() -> bool:
    """Whether a `CancelledError` is meant for the current task, and not just that of something which it waited for.

    The two look alike, and a worker that takes the one for the other ends without a sound.
    """
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
