"""When a periodic job is launched next, as the job's `periodic` block says it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from nomadctl.output import instant


def next_launch(periodic: Mapping[str, Any], at: datetime | None = None) -> str:
    """The next launch and how far off it is, for people; a note if the block says nothing sensible."""
    from nomad_api.cron import Cron
    from nomad_api.duration import SECOND, format_duration

    expressions = periodic.get("Specs") or [periodic.get("Spec") or ""]
    try:
        here = (at or datetime.now(UTC)).astimezone(ZoneInfo(periodic.get("TimeZone") or "UTC"))
        launches = [launch for expression in expressions if (launch := Cron.parse(expression).next(here))]
    except (ValueError, KeyError, OSError) as error:
        return f"unknown ({error})"
    if not launches:
        return "never"
    first = min(launches)
    seconds = int(first.timestamp()) - int(here.timestamp())
    return f"{instant(int(first.timestamp()) * SECOND)} ({format_duration(seconds * SECOND)} from now)"
