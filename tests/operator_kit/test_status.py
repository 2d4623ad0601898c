"""A status stays within bounds, and its events are counted, not repeated."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from operator_kit.status import LONGEST_EVENT, MOST_EVENTS, REPEAT, ResourceStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Status(ResourceStatus):
    url: str = ""
    ready_replicas: int = 0


def test_an_event_that_repeats_is_counted() -> None:
    status = Status()
    status.record("Normal", "Scaled", "to 3", NOON)
    status.record("Normal", "Scaled", "to 3", NOON + REPEAT)
    (event,) = status.events
    assert (event.count, event.first_seen, event.last_seen) == (2, NOON, NOON + REPEAT)


def test_a_repetition_within_a_minute_changes_nothing() -> None:
    status = Status()
    status.record("Warning", "Failed", "no luck", NOON)
    before = status.model_dump()
    status.record("Warning", "Failed", "no luck", NOON + timedelta(seconds=59))
    assert status.model_dump() == before


def test_only_the_newest_events_are_kept_and_long_ones_are_cut() -> None:
    status = Status()
    for number in range(MOST_EVENTS + 5):
        status.record("Normal", "Step", f"{number} " + "x" * 2000, NOON + timedelta(seconds=number))
    assert len(status.events) == MOST_EVENTS
    assert status.events[0].message.startswith("5 ")
    assert all(len(event.message) == LONGEST_EVENT for event in status.events)


def test_a_wrong_value_is_refused_where_it_is_set() -> None:
    status = Status()
    with pytest.raises(ValidationError):
        status.ready_replicas = "many"  # type: ignore[assignment]
    assert status.ready_replicas == 0


def test_an_absent_condition_is_unknown() -> None:
    assert Status().condition("Ready").status == "Unknown"
