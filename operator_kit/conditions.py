"""Conditions: what is true of a resource, by the conventions of the Kubernetes API.

A condition is an observation, not a state of a machine. The list is a map by `type`; an absent condition is `Unknown`.
`lastTransitionTime` moves only when `status` does: reason, message and observed generation may change without it, so that
"Ready since 09:12" stays true while the message counts allocations.

The kit itself keeps six of them:

    Accepted     the spec can be read and is valid (False: nothing is done until it changes)
    Reconciled   the last attempt to bring the world in line with the spec succeeded
    Ready        the summary a user waits for; the reconciler's own, True after a success that says nothing else
    Stalled      no progress without help: a permanent error or a timeout (present only while True)
    Drifted      another has changed what was made for the resource (absent until that happens for the first time)
    Paused       nothing is done, because somebody asked for that (present only while True)
"""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

ConditionStatus = Literal["True", "False", "Unknown"]

ACCEPTED: Final = "Accepted"
DRIFTED: Final = "Drifted"
RECONCILED: Final = "Reconciled"
READY: Final = "Ready"
STALLED: Final = "Stalled"
PAUSED: Final = "Paused"

LONGEST_MESSAGE: Final = 1024
"""Characters of a message that are kept: a status must fit into a variable."""


def shortened(message: str, limit: int = LONGEST_MESSAGE) -> str:
    """The message, cut to `limit` characters with an ellipsis where it was longer."""
    return message if len(message) <= limit else message[: limit - 1] + "…"


class Condition(BaseModel):
    """One observation. `reason` is a CamelCase word for programs, `message` a sentence for people."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    type: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    status: ConditionStatus
    reason: str = Field(pattern=r"^[A-Z][A-Za-z0-9]*$")
    message: Annotated[str, BeforeValidator(shortened)] = ""
    observed_generation: int = 0
    last_transition_time: datetime


def find_condition(conditions: list[Condition], type: str) -> Condition | None:
    """The condition of that type, None if it is absent."""
    for condition in conditions:
        if condition.type == type:
            return condition
    return None


def unknown(type: str) -> Condition:
    """What an absent condition means."""
    return Condition(type=type, status="Unknown", reason="Unknown", last_transition_time=datetime.fromtimestamp(0, UTC))


def set_condition(conditions: list[Condition], condition: Condition) -> bool:
    """Put a condition into the list in place of the one of its type; whether anything changed.

    The time of the last transition is kept from the old one while the status is the same.
    """
    for position, old in enumerate(conditions):
        if old.type == condition.type:
            if old.status == condition.status:
                condition = condition.model_copy(update={"last_transition_time": old.last_transition_time})
            conditions[position] = condition
            return condition != old
    conditions.append(condition)
    return True


def remove_condition(conditions: list[Condition], type: str) -> bool:
    """Take the condition of that type out of the list; whether it was there."""
    if (found := find_condition(conditions, type)) is None:
        return False
    conditions.remove(found)
    return True


def status_text(value: bool | None) -> ConditionStatus:
    """A condition's status: True, False, or Unknown for None."""
    return "Unknown" if value is None else "True" if value else "False"


def utc_now() -> datetime:
    """Now, in whole seconds as the conventions have it."""
    return datetime.now(UTC).replace(microsecond=0)
