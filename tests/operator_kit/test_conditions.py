"""Conditions follow the conventions: a map by type, and a transition time that moves only with the status."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from operator_kit.conditions import (
    LONGEST_MESSAGE,
    Condition,
    ConditionStatus,
    find_condition,
    remove_condition,
    set_condition,
    status_text,
    unknown,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def condition(status: ConditionStatus = "True", *, at: datetime = NOON, message: str = "", reason: str = "Fine") -> Condition:
    return Condition(type="Ready", status=status, reason=reason, message=message, last_transition_time=at)


def test_the_transition_time_stays_while_the_status_does() -> None:
    conditions = [condition()]
    assert set_condition(conditions, condition(at=NOON + timedelta(hours=1), message="3 of 3", reason="Healthy"))
    assert conditions == [condition(message="3 of 3", reason="Healthy")]


def test_the_transition_time_moves_with_the_status() -> None:
    conditions = [condition()]
    later = NOON + timedelta(hours=1)
    assert set_condition(conditions, condition("False", at=later))
    assert conditions[0].last_transition_time == later


def test_setting_what_is_already_so_changes_nothing() -> None:
    conditions = [condition()]
    assert not set_condition(conditions, condition(at=NOON + timedelta(hours=1)))
    assert conditions == [condition()]


def test_there_is_one_condition_of_a_type() -> None:
    conditions: list[Condition] = []
    set_condition(conditions, condition())
    set_condition(conditions, condition("False"))
    assert [entry.status for entry in conditions] == ["False"]
    assert remove_condition(conditions, "Ready")
    assert not remove_condition(conditions, "Ready")
    assert find_condition(conditions, "Ready") is None


def test_an_absent_condition_is_unknown() -> None:
    assert unknown("Ready").status == status_text(None) == "Unknown"
    assert (status_text(True), status_text(False)) == ("True", "False")


@pytest.mark.parametrize("reason", ["", "not camel case", "lower", "Has.Dot"])
def test_a_reason_is_one_camel_case_word(reason: str) -> None:
    with pytest.raises(ValidationError):
        condition(reason=reason)


def test_a_long_message_is_cut() -> None:
    assert len(condition(message="x" * 5000).message) == LONGEST_MESSAGE
    assert condition(message="x" * 5000).message.endswith("…")


def test_keys_are_those_of_the_convention() -> None:
    assert condition().model_dump(mode="json", by_alias=True) == {
        "type": "Ready",
        "status": "True",
        "reason": "Fine",
        "message": "",
        "observedGeneration": 0,
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
