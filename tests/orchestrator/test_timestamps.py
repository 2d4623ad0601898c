import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.duration import SECOND
from orchestrator.timestamps import format_time, parse_time


@given(st.integers(1, 4_000_000_000 * SECOND))
def test_what_is_written_can_be_read(nanoseconds):
    assert parse_time(format_time(nanoseconds)) == nanoseconds


def test_times_look_as_go_prints_them():
    assert format_time(1_700_000_000 * SECOND) == "2023-11-14T22:13:20Z"
    assert format_time(1_700_000_000 * SECOND + 500_000_000) == "2023-11-14T22:13:20.5Z"


def test_no_time_is_zero():
    assert parse_time(None) == parse_time("0001-01-01T00:00:00Z") == 0


def test_a_zone_is_taken_into_account():
    assert parse_time("2023-11-14T23:13:20+01:00") == 1_700_000_000 * SECOND


def test_what_is_no_time_is_refused():
    with pytest.raises(ValueError, match="write it like"):
        parse_time("yesterday")
