"""Dates and times, as RFC 3339 timestamps."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from jobspec.functions.declaration import ArgumentError, Function, function
from jobspec.values import STRING, Value, string
from nomad_api.duration import parse_duration

_TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_VERB = re.compile(r"'(?:[^']|'')*'?|([A-Za-z])\1*|[^A-Za-z']+")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_WRONG_VERBS = {
    "Y": 'year must either be "YY" or "YYYY"',
    "M": 'month must be "M", "MM", "MMM", or "MMMM"',
    "D": 'day of month must either be "D" or "DD"',
    "E": 'day of week must either be "EEE" or "EEEE"',
    "h": '24-hour must either be "h" or "hh"',
    "H": '12-hour must either be "H" or "HH"',
    "A": 'must be "AA"',
    "a": 'must be "aa"',
    "m": 'minute must either be "m" or "mm"',
    "s": 'second must either be "s" or "ss"',
    "Z": "timezone must be Z, ZZZZ, or ZZZZZ",
}


def _timestamp(text: str, argument: int) -> datetime:
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise ArgumentError(argument, f'not a valid RFC3339 timestamp: cannot use "{text}" as year')
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    fraction = int((match[7] or "0").ljust(6, "0")[:6])
    offset = timedelta(hours=int(match[9]), minutes=int(match[10])) if match[8] else timedelta()
    zone = timezone(-offset if match[8] == "-" else offset) if abs(offset) < timedelta(days=1) else None
    try:
        if zone is None:
            raise ValueError("timezone offset out of range")
        return datetime(year, month, day, hour, minute, second, fraction, zone)
    except ValueError as error:
        raise ArgumentError(argument, f"not a valid RFC3339 timestamp: {error}") from None


def _zone(moment: datetime, colon: str, utc: str) -> str:
    minutes = round((moment.utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes and utc:
        return utc
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{colon}{abs(minutes) % 60:02}"


def _formatted(verb: str, moment: datetime) -> str | None:
    """The text a verb stands for, None if it is none."""
    hour = moment.hour % 12 or 12
    half = "PM" if moment.hour >= 12 else "AM"
    weekday, month = _WEEKDAYS[moment.weekday()], _MONTHS[moment.month - 1]
    texts = {
        "YYYY": f"{moment.year:04}",
        "YY": f"{moment.year % 100:02}",
        "MMMM": month,
        "MMM": month[:3],
        "MM": f"{moment.month:02}",
        "M": f"{moment.month}",
        "DD": f"{moment.day:02}",
        "D": f"{moment.day}",
        "EEEE": weekday,
        "EEE": weekday[:3],
        "hh": f"{moment.hour:02}",
        "h": f"{moment.hour}",
        "HH": f"{hour:02}",
        "H": f"{hour}",
        "AA": half,
        "aa": half.lower(),
        "mm": f"{moment.minute:02}",
        "m": f"{moment.minute}",
        "ss": f"{moment.second:02}",
        "s": f"{moment.second}",
        "Z": _zone(moment, ":", "Z"),
        "ZZZ": _zone(moment, "", "UTC"),
        "ZZZZ": _zone(moment, "", ""),
        "ZZZZZ": _zone(moment, ":", ""),
    }
    return texts.get(verb)


@function(format=STRING, time=STRING)
def formatdate(layout: Value, time: Value) -> Value:
    """Letters are verbs (YYYY, MM, hh …), text in single quotes stands for itself, and so does all else."""
    moment = _timestamp(time.raw, 1)
    result = []
    for match in _VERB.finditer(layout.raw):
        piece = match[0]
        if piece[0] == "'":
            if len(piece) < 2 or not piece.endswith("'"):
                raise ArgumentError(0, "unterminated literal '")
            result.append(piece[1:-1].replace("''", "'"))
        elif match[1] is None:
            result.append(piece)
        else:
            text = _formatted(piece, moment)
            if text is None:
                reason = _WRONG_VERBS.get(piece[0])
                raise ArgumentError(0, f'invalid date format verb "{piece}"' + (f": {reason}" if reason else ""))
            result.append(text)
    return string("".join(result))


@function(timestamp=STRING, duration=STRING)
def timeadd(timestamp: Value, duration: Value) -> Value:
    moment = _timestamp(timestamp.raw, 0)
    try:
        nanoseconds = parse_duration(duration.raw)
    except ValueError as error:
        raise ArgumentError(1, str(error)) from None
    try:
        later = moment + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        raise ArgumentError(1, "the resulting year is out of range") from None
    return string(f"{later:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + _zone(later, ":", "Z"))


FUNCTIONS: dict[str, Function] = {"formatdate": formatdate, "timeadd": timeadd}
