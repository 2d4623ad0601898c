"""'Did you mean …?': the nearest known name for one that is unknown."""

from __future__ import annotations

from collections.abc import Iterable

_NEAR = 3
"""Edits; a name as far away as this is no longer a slip of the hand."""


def _distance(one: str, other: str) -> int:
    """Levenshtein: insertions, deletions and substitutions between two names."""
    row = list(range(len(other) + 1))
    for index, char in enumerate(one, 1):
        before, row[0] = row[0], index
        for column, target in enumerate(other, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (char != target))
    return row[-1]


def nearest(given: str, known: Iterable[str]) -> str | None:
    """The first of `known` that a few edits turn `given` into."""
    return next((name for name in known if _distance(given, name) < _NEAR), None)


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A sentence to append to a message, or nothing."""
    name = nearest(given, known)
    return f' Did you mean "{name}"?' if name else ""
