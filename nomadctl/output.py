"""How values appear on the terminal: tables, aligned pairs, times, sizes, short IDs. The forms are those of `nomad`.

An empty cell shows as `<none>`, so that every line of a table has the same number of columns for awk and its like.
"""

import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TextIO

SHORT_ID: Final = 8
FULL_ID: Final = 36

_PERIODS: Final = (("s", 60), ("m", 60), ("h", 24), ("d", 30), ("mo", 12), ("y", 10**9))


def table(rows: Iterable[Sequence[object]], *, empty: str = "<none>") -> str:
    """Rows as columns aligned to the left, two spaces apart. The first row is the heading."""
    return _aligned(rows, "  ", empty)


def pairs(rows: Iterable[tuple[str, object]]) -> str:
    """Names and values as aligned `name = value` lines."""
    return _aligned(rows, " = ", "<none>")


def _aligned(rows: Iterable[Sequence[object]], glue: str, empty: str) -> str:
    cells = [[cell(value).strip() or empty for value in row] for row in rows]
    widths: dict[int, int] = {}
    for row in cells:
        for column, text in enumerate(row[:-1]):
            widths[column] = max(widths.get(column, 0), len(text))
    return "\n".join(
        glue.join([*(text.ljust(widths[column]) for column, text in enumerate(row[:-1])), *row[-1:]]).rstrip() for row in cells
    )


def cell(value: object) -> str:
    """One value as Go prints it: booleans in lower case, nothing for None, lists in brackets."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return f"[{' '.join(map(cell, value))}]"
        case _:
            return str(value)


def quoted(text: str) -> str:
    """A text in double quotes with Go's escapes."""
    return json.dumps(text, ensure_ascii=False)


def heading(text: str) -> str:
    """A heading above a block: bold on a terminal, with an empty line before it."""
    return f"\n{bold(text)}"


def bold(text: str) -> str:
    """Bold on a terminal, plain elsewhere and where `NO_COLOR` or `NOMAD_CLI_NO_COLOR` asks for it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("NOMAD_CLI_NO_COLOR") or not sys.stdout.isatty()
    return text if plain else f"\x1b[1m{text}\x1b[0m"


def instant(nanoseconds: int | None) -> str:
    """A time since the epoch in RFC 3339, in the local time zone; nothing for no time."""
    if not nanoseconds or nanoseconds < 10**9:
        return ""
    text = datetime.fromtimestamp(nanoseconds // 10**9, UTC).astimezone().isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def now() -> str:
    """The present time, for lines of a monitor."""
    return instant(time.time_ns())


def nanoseconds(text: str | None) -> int:
    """A time in RFC 3339, as Nomad's JSON has it, in nanoseconds since the epoch; 0 for none and for Go's zero time."""
    if not text or text.startswith("0001-"):
        return 0
    whole, _, fraction = text.partition(".")
    digits = re.match(r"\d*", fraction)[0] if fraction else ""  # type: ignore[index]
    zone = fraction[len(digits) :] if fraction else ""
    seconds = datetime.fromisoformat(f"{whole}{zone}".replace("Z", "+00:00")).timestamp()
    return int(seconds) * 10**9 + int(digits.ljust(9, "0")[:9] or 0)


def moment(text: str | None) -> str:
    """A time of Nomad's JSON as `instant` prints it."""
    return instant(nanoseconds(text))


def ago(then: int | None, at: int | None = None) -> str:
    """How long ago a time (nanoseconds) was, or how far ahead it is: the two largest units, `1h5m ago`, `3s from now`."""
    if not then:
        return ""
    difference = round((time.time_ns() if at is None else at) / 10**9) - round(then / 10**9)
    suffix = "ago" if difference >= 0 else "from now"
    rest, parts = abs(difference), []
    for unit, size in _PERIODS:
        rest, amount = divmod(rest, size)
        if amount:
            parts.append(f"{amount}{unit}")
    return f"{''.join(parts[:-3:-1]) or '0s'} {suffix}"


def size(amount: float) -> str:
    """Bytes with a binary unit: `300 MiB`, `1.2 GiB`."""
    if amount < 10:
        return f"{amount:.0f} B"
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    power = 0
    while amount >= 1024 and power < len(units) - 1:
        amount /= 1024
        power += 1
    rounded = int(amount * 10 + 0.5) / 10
    return f"{rounded:.1f} {units[power]}" if rounded < 10 and power else f"{rounded:.0f} {units[power]}"


def interactive(stream: TextIO) -> bool:
    """Whether a person is at the other end; as for `nomad`, `/dev/null` counts as one."""
    try:
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def limit(identifier: str, length: int) -> str:
    """An ID cut to a length."""
    return identifier[:length]
