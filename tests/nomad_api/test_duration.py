"""Durations: Go's text, integers of nanoseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.duration import HOUR, MINUTE, SECOND, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30 * SECOND),
        ("1h30m", HOUR + 30 * MINUTE),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("-2m", -2 * MINUTE),
        ("+1s", SECOND),
        ("250ms", 250_000_000),
        ("7µs", 7_000),
        ("7us", 7_000),
        ("1ns", 1),
        ("2562047h", 2562047 * HOUR),
    ],
)
def test_go_durations_are_read(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "30", "1d", "soon", "1h 2m", "s", "1.s.", "-", "--1s", "9999999h"])
def test_what_go_refuses_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (1_500_000, "1.5ms"),
        (SECOND, "1s"),
        (90 * SECOND, "1m30s"),
        (HOUR, "1h0m0s"),
        (24 * HOUR + 1, "24h0m0.000000001s"),
        (-90 * SECOND, "-1m30s"),
    ],
)
def test_durations_are_written_as_go_writes_them(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_what_is_written_is_read_back(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds
