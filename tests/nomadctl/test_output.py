import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomadctl.output import ago, instant, moment, nanoseconds, pairs, size, table

SECOND = 10**9
DAY = 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s ago"),
        (59, "59s ago"),
        (61, "1m1s ago"),
        (3600, "1h ago"),
        (3 * 3600 + 5, "3h5s ago"),
        (2 * DAY + 3600 + 60, "2d1h ago"),
        (45 * DAY, "1mo15d ago"),
        (400 * DAY, "1y1mo ago"),
        (-30, "30s from now"),
    ],
)
def test_the_two_largest_units(seconds: int, text: str) -> None:
    at = 1_700_000_000 * SECOND
    assert ago(at - seconds * SECOND, at) == text


def test_no_time_is_nothing() -> None:
    assert ago(0) == instant(0) == moment(None) == moment("0001-01-01T00:00:00Z") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T00:00:01.000000007Z", SECOND + 7),
        ("1970-01-01T01:00:00.5+01:00", SECOND // 2),
    ],
)
def test_times_of_json(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 B"), (9, "9 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (300 * 2**20, "300 MiB"), (3 * 2**29, "1.5 GiB")],
)
def test_sizes(amount: int, text: str) -> None:
    assert size(amount) == text


def test_a_table_is_aligned_and_has_no_holes() -> None:
    assert table([("ID", "Name"), ("1234567890", ""), ("1", True)]) == "ID          Name\n1234567890  <none>\n1           true"


def test_pairs_are_aligned() -> None:
    assert pairs([("A", 1), ("Long", None)]) == "A    = 1\nLong = <none>"


@given(st.lists(st.tuples(st.text("abc ", max_size=5), st.text("abc", max_size=3)), min_size=1))
def test_every_line_has_every_column(rows: list[tuple[str, str]]) -> None:
    for line in table(rows).splitlines():
        assert len(line.split("  ")) >= 2
