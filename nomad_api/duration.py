"""Durations as Nomad writes them: integers of nanoseconds in JSON, Go duration strings wherever a person types one.

Python's `timedelta` ends at microseconds and prints differently, so durations stay integers of nanoseconds everywhere and
only this module turns them into text and back. The grammar is that of Go's `time.ParseDuration`.
"""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BeforeValidator

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE

_UNITS: Final = {
    "ns": 1,
    "us": MICROSECOND,
    "µs": MICROSECOND,  # U+00B5, the micro sign
    "μs": MICROSECOND,  # U+03BC, the Greek letter
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LIMIT: Final = 2**63 - 1


def parse_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as `1h30m`, `250ms` or `-1.5s`; `0` needs no unit.

    Raises:
        ValueError: the text is not a Go duration, or does not fit into 64 bits.
    """
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text[1:] if text[:1] == "+" else text)
    if rest == "0":
        return 0
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f'"{text}" is not a duration: write a number with a unit, such as 30s, 5m or 1h30m')
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in parts)
    if total > _LIMIT:
        raise ValueError(f'"{text}" is too long for a duration (the longest is 2562047h)')
    return sign * total


def format_duration(nanoseconds: int) -> str:
    """The text Go prints for a duration: `1h30m0s`, `1.5ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < SECOND:
        for unit, size in (("ms", MILLISECOND), ("µs", MICROSECOND), ("ns", 1)):
            if rest >= size:
                return f"{sign}{_decimal(rest, size)}{unit}"
    minutes, seconds = divmod(rest, MINUTE)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(seconds, SECOND)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else sign + text


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).zfill(len(str(size)) - 1).rstrip('0')}"


def _nanoseconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[int, BeforeValidator(_nanoseconds)]
"""A field of nanoseconds that also accepts a Go duration string: `Update(min_healthy_time="10s")`."""
