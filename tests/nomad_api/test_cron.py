from datetime import UTC, datetime

import pytest

from nomad_api.cron import Cron


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", "2026-03-01T10:00:30", "2026-03-01T10:01:00"),
        ("*/15 * * * *", "2026-03-01T10:00:00", "2026-03-01T10:15:00"),
        ("3-59/15 * * * *", "2026-03-01T10:04:00", "2026-03-01T10:18:00"),
        ("0 0 1 1 *", "2026-03-01T10:00:00", "2027-01-01T00:00:00"),
        ("30 3 * * mon-fri", "2026-02-28T00:00:00", "2026-03-02T03:30:00"),
        ("0 0 * * 7", "2026-03-02T00:00:00", "2026-03-08T00:00:00"),
        ("0 12 13 * 5", "2026-03-01T00:00:00", "2026-03-06T12:00:00"),
        ("0 0 l * *", "2026-02-10T00:00:00", "2026-02-28T00:00:00"),
        ("0 0 15w * *", "2026-08-01T00:00:00", "2026-08-14T00:00:00"),
        ("0 0 1w * *", "2026-07-31T00:00:00", "2026-08-03T00:00:00"),
        ("0 0 lw * *", "2026-05-01T00:00:00", "2026-05-29T00:00:00"),
        ("0 0 * * 5l", "2026-03-01T00:00:00", "2026-03-27T00:00:00"),
        ("0 0 * * fri#2", "2026-03-01T00:00:00", "2026-03-13T00:00:00"),
        ("@daily", "2026-03-01T10:00:00", "2026-03-02T00:00:00"),
        ("0 0 29 2 * 2028", "2026-03-01T10:00:00", "2028-02-29T00:00:00"),
        ("5,35 * * * * * *", "2026-03-01T10:00:06", "2026-03-01T10:00:35"),
    ],
)
def test_the_next_time(expression: str, after: str, expected: str) -> None:
    next_time = Cron.parse(expression).next(datetime.fromisoformat(after).replace(tzinfo=UTC))
    assert next_time == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_no_next_time() -> None:
    assert Cron.parse("0 0 1 1 * 2020").next(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("expression", ["", "* * * *", "61 * * * *", "* * * * mond", "*/0 * * * *", "a b c d e"])
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        Cron.parse(expression)
