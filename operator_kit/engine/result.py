"""How a reconcile can end: a `Result`, or an exception whose class says whether trying again can help.

    returns None or Result()       well; the next look comes with the next change, or the regular resync
    returns Result(requeue_after)  well, and another look is wanted by then; it never counts as a failure
    raises TemporaryError          not now: again after `delay`, or after the growing pauses of failures
    raises PermanentError          trying again is pointless until the spec changes
    raises anything else           a failure of passing nature, as far as anybody knows: again, with growing pauses

Nothing that fails is ever dropped.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile ended well.

    Attributes:
        requeue_after: seconds after which to look again, at the latest; None leaves it to events and the regular resync.
        priority: of that next look; None for the ordinary one. Higher comes first.
    """

    requeue_after: float | None = None
    priority: int | None = None


class TemporaryError(Exception):
    """Not now: try again, after `delay` seconds if given, else after the growing pauses of other failures."""

    def __init__(self, message: str, delay: float | None = None, *, reason: str = "TemporaryError") -> None:
        super().__init__(message)
        self.delay = delay
        self.reason = reason


class PermanentError(Exception):
    """Trying again is pointless until the spec changes (or the operator is started anew)."""

    def __init__(self, message: str, *, reason: str = "PermanentError") -> None:
        super().__init__(message)
        self.reason = reason
