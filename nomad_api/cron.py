"""Cron expressions of periodic jobs: when the next launch is.

Five fields (minute, hour, day of month, month, day of week), six with a year after them, or seven with seconds before: lists,
ranges, steps, names of months and days, `L` (last), `W` (nearest weekday), `#` (n-th weekday), and words such as `@daily`.
A day that two fields restrict must fit one of them, as in crontab(5).
"""

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

_WORDS: Final = {
    "@annually": "0 0 0 1 1 * *",
    "@yearly": "0 0 0 1 1 * *",
    "@monthly": "0 0 0 1 * * *",
    "@weekly": "0 0 0 * * 0 *",
    "@daily": "0 0 0 * * * *",
    "@hourly": "0 0 * * * * *",
}
_MONTHS: Final = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS: Final = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
_LAST_YEAR: Final = 2099
_RANGE: Final = re.compile(r"(?:(\*|\?)|(\w+)(?:-(\w+))?)(?:/(\d+))?")

DayRule = Callable[[datetime], bool]


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    months: frozenset[int]
    years: frozenset[int]
    day: DayRule

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read an expression.

        Raises:
            ValueError: it is none; the message names the field.
        """
        fields = _WORDS.get(expression.strip().lower(), expression).lower().split()
        if len(fields) in (5, 6):
            fields = ["0", *fields, *(["*"] if len(fields) == 5 else [])]
        if len(fields) != 7:
            raise ValueError(f'"{expression}" is not a cron expression: write five fields, such as "0 3 * * *"')
        second, minute, hour, day, month, weekday, year = fields
        return cls(
            _values("second", second, 0, 59),
            _values("minute", minute, 0, 59),
            _values("hour", hour, 0, 23),
            _values("month", month, 1, 12, _MONTHS),
            _values("year", year, 1970, _LAST_YEAR),
            _day_rule(day, weekday),
        )

    def next(self, after: datetime) -> datetime | None:
        """The first time after another that fits, in its time zone; None if there is none before the year 2100."""
        moment = after.replace(microsecond=0) + timedelta(seconds=1)
        while moment.year <= _LAST_YEAR:
            if moment.year not in self.years:
                moment = moment.replace(year=moment.year + 1, month=1, day=1, hour=0, minute=0, second=0)
            elif moment.month not in self.months:
                days = calendar.monthrange(moment.year, moment.month)[1]
                moment = moment.replace(day=1, hour=0, minute=0, second=0) + timedelta(days=days)
            elif not self.day(moment):
                moment = moment.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif moment.hour not in self.hours:
                moment = moment.replace(minute=0, second=0) + timedelta(hours=1)
            elif moment.minute not in self.minutes:
                moment = moment.replace(second=0) + timedelta(minutes=1)
            elif moment.second not in self.seconds:
                moment += timedelta(seconds=1)
            else:
                return moment
        return None


def _values(field: str, text: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    return frozenset(value for item in text.split(",") for value in _range(field, item, low, high, names or {}))


def _range(field: str, text: str, low: int, high: int, names: dict[str, int]) -> Iterator[int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(f'cron: "{text}" is no {field}')
    star, first, last, step = match.groups()
    try:
        start = low if star else names.get(first) if first in names else int(first)
        end = high if star or (step and not last) else names.get(last) if last in names else int(last) if last else start
    except ValueError as error:
        raise ValueError(f'cron: "{text}" is no {field}') from error
    assert start is not None and end is not None  # noqa: PT018 - the names were looked up above
    if not low <= start <= end <= high or step == "0":
        raise ValueError(f'cron: the {field} "{text}" is not within {low}-{high}')
    return iter(range(start, end + 1, int(step or 1)))


def _day_rule(day: str, weekday: str) -> DayRule:
    rules = [_month_day(item) for item in day.split(",") if item not in ("*", "?")]
    weekdays = [_week_day(item) for item in weekday.split(",") if item not in ("*", "?")]
    both = rules + weekdays
    return lambda moment: not both or any(rule(moment) for rule in both)


def _month_day(text: str) -> DayRule:
    if text == "l":
        return lambda moment: moment.day == _length(moment)
    if text == "lw":
        return lambda moment: moment.day == _nearest_weekday(moment, _length(moment))
    if match := re.fullmatch(r"(\d+)w", text):
        wanted = int(match[1])
        return lambda moment: wanted <= _length(moment) and moment.day == _nearest_weekday(moment, wanted)
    values = _values("day of month", text, 1, 31)
    return lambda moment: moment.day in values


def _week_day(text: str) -> DayRule:
    if match := re.fullmatch(r"(\w+?)(l|#[1-5])", text):
        wanted = _DAYS[match[1]] if match[1] in _DAYS else int(match[1]) % 7
        if match[2] == "l":
            return lambda moment: _weekday(moment) == wanted and moment.day + 7 > _length(moment)
        nth = int(match[2][1])
        return lambda moment: _weekday(moment) == wanted and (moment.day - 1) // 7 + 1 == nth
    values = {value % 7 for value in _values("day of week", text, 0, 7, _DAYS)}
    return lambda moment: _weekday(moment) in values


def _weekday(moment: datetime) -> int:
    return moment.isoweekday() % 7


def _length(moment: datetime) -> int:
    return calendar.monthrange(moment.year, moment.month)[1]


def _nearest_weekday(moment: datetime, day: int) -> int:
    """The weekday nearest to a day of the month, within the month."""
    match moment.replace(day=day).isoweekday():
        case 6:
            return day - 1 if day > 1 else day + 2
        case 7:
            return day + 1 if day < _length(moment) else day - 2
        case _:
            return day
