"""Points in time: integers of nanoseconds since the epoch inside, RFC 3339 texts where Nomad's JSON has a time of its own."""

import re
from datetime import UTC, datetime
from typing import Final

from nomad_api.duration import SECOND
from nomad_api.models.deployment import ZERO_TIME

_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


def format_time(nanoseconds: int) -> str:
    """The time as Go prints it in JSON: UTC, with as many digits of a second as are needed."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09}".rstrip("0").rstrip(".") + "Z"


def parse_time(text: str | None) -> int:
    """Nanoseconds since the epoch; 0 for Go's zero time and for no time at all.

    Raises:
        ValueError: the text is not an RFC 3339 time.
    """
    if not text or text == ZERO_TIME:
        return 0
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a time: write it like 2006-01-02T15:04:05Z')
    whole, fraction, zone = match.groups()
    seconds = int(datetime.fromisoformat(whole + zone.replace("Z", "+00:00")).timestamp())
    return seconds * SECOND + int((fraction or "0").ljust(9, "0"))
