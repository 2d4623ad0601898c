"""What a work queue knows of a key: that it is wanted, in hand, or put off; and who is told of what happens to it."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST_REASONS: Final = 8
"""Reasons that are kept for a key; they are for people."""


@dataclass(slots=True)
class Wish:
    """That a key be looked at.

    Attributes:
        since: when it was first asked for, by the queue's clock.
        priority: the highest that was asked for.
        reasons: why, for people; each once, at most `MOST_REASONS`.
        lined_up: when its place in the line begins: then, or when it went out of hand.
    """

    since: float
    priority: int
    reasons: list[str] = field(default_factory=list)
    lined_up: float = 0.0
    ticket: int = 0

    def join(self, priority: int, reasons: "list[str] | tuple[str, ...]") -> None:
        """Take over what is asked for once more."""
        self.priority = max(self.priority, priority)
        for reason in reasons:
            if reason and reason not in self.reasons and len(self.reasons) < MOST_REASONS:
                self.reasons.append(reason)


class Hand(NamedTuple):
    """A key in hand: since when, for how long it had waited, and why it is looked at."""

    since: float
    waited: float
    priority: int
    reasons: tuple[str, ...]


class Appointment(NamedTuple):
    """A key that is put off until `due`."""

    due: float
    ticket: int
    priority: int
    reason: str


class QueueObserver:
    """Told of what happens to a queue; for metrics."""

    def added(self) -> None:
        """A key became dirty."""

    def joined(self) -> None:
        """A key was asked for that was dirty already."""

    def taken(self, waited: float) -> None:
        """A key went into a hand, so many seconds after it became dirty."""

    def finished(self, worked: float) -> None:
        """A key left a hand after so many seconds."""

    def retried(self, pause: float) -> None:
        """A key was put off for so many seconds because it failed."""
