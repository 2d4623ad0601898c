"""Drift: the wish is the one of last time, and the object is not as it was left, so another has changed it.

The condition `Drifted` says what differs, by the paths of the fields (never their values, which may be secrets):

    True   ChangedByAnother   it is left so: the reconciler only reports
    False  Corrected          it has been put right
    False  InLine             it is right again, by whoever changed it back

It is absent until something has drifted for the first time.
"""

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from operator_kit.conditions import DRIFTED
from operator_kit.status import EventType, OwnedObject, ResourceStatus

Drift = Literal["correct", "report"]
"""What to do about drift: put it right, or only say so."""

MISSING: Final = "(missing)"
"""In place of the paths of fields: the whole object is gone."""


class Teller(Protocol):
    """Who notes down what happened to a resource: its context."""

    def set_condition(self, type: str, status: bool | None, reason: str, message: str = "") -> None: ...

    def event(self, type: EventType, reason: str, message: str) -> None: ...

    async def save(self) -> None: ...


def tell_corrected(teller: Teller, what: str, fields: Sequence[str]) -> None:
    """An object has been put right."""
    teller.event("Normal", "DriftCorrected", f"{what} had been changed by another: {', '.join(fields)}")
    teller.set_condition(DRIFTED, False, "Corrected", f"{what}: {', '.join(fields)}")


def tell_drift(teller: Teller, status: ResourceStatus) -> None:
    """Bring the condition in line with what the status knows of the owned objects."""
    drifted = [f"{_what(entry)}: {', '.join(entry.drifted)}" for entry in status.owned if entry.drifted]
    if drifted:
        teller.set_condition(DRIFTED, True, "ChangedByAnother", "; ".join(drifted))
    elif status.condition(DRIFTED).status == "True":
        teller.set_condition(DRIFTED, False, "InLine", "")


def _what(entry: OwnedObject) -> str:
    return f"{entry.kind} {entry.id}"
