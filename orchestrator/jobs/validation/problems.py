"""Gathering what is wrong: every check yields texts, and blocks nest as Nomad's error lists do."""

from collections.abc import Iterable, Iterator

from orchestrator.errors import multiple_errors


def inside(prefix: str, problems: Iterable[str]) -> Iterator[str]:
    """The problems of a block as one, if there are any: `prefix: 2 errors occurred: …`."""
    found = list(problems)
    if found:
        yield f"{prefix}: {multiple_errors(found)}"


def together(problems: Iterable[str]) -> Iterator[str]:
    """The problems as one, if there are any."""
    found = list(problems)
    if found:
        yield multiple_errors(found)


def quoted(text: str | None) -> str:
    """The text as Go's `%q` prints it, as far as job files go."""
    escaped = (text or "").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
