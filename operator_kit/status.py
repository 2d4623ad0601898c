"""The status of a resource: what its operator has seen and done, kept beside the resource in a variable of its own.

A variable holds 64 KiB, so everything here is bounded: messages are cut, the list of events keeps its newest entries. The
last applied spec is what a deletion is carried out from, since the resource itself is gone by then.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from operator_kit.conditions import Condition, find_condition, shortened, unknown
from operator_kit.controls import Deletion
from operator_kit.status_parts import DependentObject, ExternalObject, FirstFailure, FleetRecord, OneOffRun, StatusPart

EventType = Literal["Normal", "Warning"]

MOST_EVENTS: Final = 16
LONGEST_EVENT: Final = 512
REPEAT: Final = timedelta(minutes=1)
"""An event that repeats within this time is the same sighting; otherwise a reconcile that does nothing would write."""


class RecentEvent(StatusPart):
    """Something that happened to the resource, counted while it repeats."""

    type: EventType
    reason: str
    message: Annotated[str, BeforeValidator(lambda text: shortened(text, LONGEST_EVENT))]
    count: int = 1
    first_seen: datetime
    last_seen: datetime


def _is_empty(value: object) -> bool:
    """Whether a field is left out of the variable: most have nothing in it."""
    return not value


class LastApplied(StatusPart):
    """The spec that was last accepted, as plain data, with the labels and the generation it had.

    Attributes:
        version: the version of `spec`, the one that its operator worked with.
        written_as: the version that the items of the resource were in.
        deletion: what is to become of what the resource owns, when it is purged.
    """

    generation: int
    version: str = ""
    written_as: str = ""
    labels: dict[str, str] = {}
    deletion: Deletion = Field(default="background", exclude_if=lambda policy: policy == "background")
    spec: dict[str, Any]


class Seen(StatusPart):
    """What a handler dealt with last: digest of a spec or of a field, empty for nothing yet; a field's value if it is small."""

    digest: str = ""
    value: Any = None


class Handled(StatusPart):
    """What the handlers of a kind have dealt with: the spec that most of them saw last, and who is elsewhere.

    Attributes:
        generation: of that spec.
        spec: its digest.
        fields: those of its fields that handlers follow, by path.
        apart: handlers that saw another spec last, or none.
        deleted: handlers of a deletion that have succeeded.
    """

    generation: int = 0
    spec: str = ""
    fields: dict[str, Seen] = {}
    apart: dict[str, Seen] = {}
    deleted: list[str] = []


class OwnedObject(StatusPart):
    """Something made for the resource.

    Attributes:
        kind: `Job`, `Variable`, `Namespace` …, or `resources/<group>/<kind>`.
        namespace: empty for what lives in none.
        fingerprint: of what was asked for last; empty until it was written for the first time.
        index: the JobModifyIndex (of other kinds the ModifyIndex) at which it was last looked at; 0 if it was not there.
        fields: paths of the fields that are the resource's own, where an object can have several owners.
        shared: only these fields are the resource's, the object as a whole is not.
        drifted: paths of the fields that another has changed, where that is only reported.
    """

    kind: str = "Job"
    id: str
    namespace: str = ""
    fingerprint: str = ""
    index: int = 0
    fields: list[str] = Field(default_factory=list, exclude_if=_is_empty)
    shared: bool = Field(default=False, exclude_if=_is_empty)
    drifted: list[str] = Field(default_factory=list, exclude_if=_is_empty)


class Retry(StatusPart):
    """Failures in a row: when it is tried again, and both the first and the last error, for retries bury the first one.

    Attributes:
        attempts: how often it failed; a failure within the pause of an earlier one does not count again.
        since: when it failed first.
        next_at: when it is tried again at the latest; None if only a change of the spec helps.
    """

    attempts: int
    since: datetime
    next_at: datetime | None
    reason: str
    last_error: Annotated[str, BeforeValidator(shortened)]
    first_error: Annotated[str, BeforeValidator(shortened)]


class ResourceStatus(StatusPart):
    """The base of every kind's `Status`: add fields for what users want to see, and set them in `reconcile`.

    Attributes:
        uid: CreateIndex of the resource that this is the status of; a resource made anew has another one.
        observed_generation: generation of the spec that was last reconciled with success; `Ready` speaks of that one. Older
            than the resource's own: work is going on, or `Accepted` and `Reconciled` say why it is not.
        retry: the failures in a row, None while all is well.
        last_handled_reconcile: the token of the last reconcile on demand that was done (`operator.reconcile=<token>`).
        external: things outside of Nomad, by key.
        runs: jobs that run once, by job ID.
        first_failures: the first error of each job that is in trouble, by job ID.
        fleets: roll-outs over many jobs, by name.
        dependents: what was made for each declared dependent, by its name.
        handled: what handlers have dealt with; None where a kind has no handlers.
    """

    model_config = ConfigDict(validate_assignment=True)

    uid: int = 0
    observed_generation: int = 0
    conditions: list[Condition] = Field(default_factory=list)
    last_applied: LastApplied | None = None
    handled: Handled | None = None
    owned: list[OwnedObject] = Field(default_factory=list)
    events: list[RecentEvent] = Field(default_factory=list)
    retry: Retry | None = None
    last_handled_reconcile: str = ""
    external: dict[str, ExternalObject] = Field(default_factory=dict, exclude_if=_is_empty)
    runs: dict[str, OneOffRun] = Field(default_factory=dict, exclude_if=_is_empty)
    first_failures: dict[str, FirstFailure] = Field(default_factory=dict, exclude_if=_is_empty)
    fleets: dict[str, FleetRecord] = Field(default_factory=dict, exclude_if=_is_empty)
    dependents: dict[str, list[DependentObject]] = Field(default_factory=dict, exclude_if=_is_empty)

    def condition(self, type: str) -> Condition:
        """The condition of that type; one that nobody has set is `Unknown`."""
        return find_condition(self.conditions, type) or unknown(type)

    def record(self, type: EventType, reason: str, message: str, now: datetime) -> None:
        """Note an event: count it up if it is there already, else add it and forget the oldest beyond `MOST_EVENTS`."""
        message = shortened(message, LONGEST_EVENT)
        for event in self.events:
            if (event.type, event.reason, event.message) == (type, reason, message):
                if now - event.last_seen >= REPEAT:
                    event.count += 1
                    event.last_seen = now
                return
        self.events.append(RecentEvent(type=type, reason=reason, message=message, first_seen=now, last_seen=now))
        if len(self.events) > MOST_EVENTS:
            self.events.remove(min(self.events, key=lambda event: event.last_seen))
