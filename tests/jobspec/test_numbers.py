"""Numbers with 512 bits of precision."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobspec.numbers import format_number, parse_number, plain_number, rounded


@given(st.integers(-(2**512) + 1, 2**512 - 1))
def test_whole_numbers_are_exact(number: int) -> None:
    assert rounded(Fraction(number)) == number
    assert parse_number(str(number)) == number
    assert format_number(number) == str(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60))
def test_decimals_read_back_as_they_were_written(number: object) -> None:
    text = f"{number:f}"
    parsed = parse_number(text)
    assert parsed is not None
    assert Fraction(format_number(parsed)) == Fraction(text)


@example(Fraction(2977, 26541737125))  # needs all 156 digits
@given(st.fractions())
def test_the_shortest_text_tells_the_number(number: Fraction) -> None:
    nearest = rounded(number)
    assert parse_number(format_number(nearest)) == nearest


@pytest.mark.parametrize(("text", "formatted"), [("1e21", "1" + "0" * 21), ("1.50", "1.5"), ("-0", "0"), ("1e-7", "0.0000001")])
def test_no_exponents_in_text(text: str, formatted: str) -> None:
    parsed = parse_number(text)
    assert parsed is not None
    assert format_number(parsed) == formatted


@pytest.mark.parametrize("text", ["", "x", "1_000", "0x10", "1e99999999", "--1", " 1"])
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None


def test_json_has_no_infinity() -> None:
    with pytest.raises(OverflowError):
        plain_number(10**400)
