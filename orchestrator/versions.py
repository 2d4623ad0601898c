"""Version constraints such as `>= 1.2, < 2.0` or `~> 1.4`: the operands `version` and `semver` of a job's constraints."""

import re
from dataclasses import dataclass
from functools import cache, total_ordering
from typing import Final

_LENIENT: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.~-]+)|(-?[A-Za-z~][0-9A-Za-z.~-]*))?(?:\+[0-9A-Za-z.~-]+)?")
_STRICT: Final = re.compile(r"v?(\d+\.\d+\.\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_CONSTRAINT: Final = re.compile(r"\s*(=|!=|>=|<=|>|<|~>|)\s*(\S+)\s*")


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A version: numbers, and what comes before the release proper."""

    segments: tuple[int, ...]
    prerelease: str = ""
    given: int = 3
    """How many segments were written; `~>` holds all but the last of them."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __lt__(self, other: "Version") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        trimmed = list(self.segments)
        while trimmed and trimmed[-1] == 0:
            trimmed.pop()
        # A release comes after its pre-releases; numeric parts are compared as numbers and come before words.
        parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease.split(".")]
        return (tuple(trimmed), not self.prerelease, tuple(parts) if self.prerelease else ())


@cache
def parse_version(text: str, *, strict: bool = False) -> Version | None:
    """The version, None if the text is not one. Strict means Semantic Versioning's three numbers."""
    match = (_STRICT if strict else _LENIENT).fullmatch(text.strip())
    if match is None:
        return None
    numbers = tuple(int(part) for part in match[1].split("."))
    prerelease = next((part for part in match.groups()[1:] if part), "").lstrip("-")
    return Version(numbers + (0,) * (3 - len(numbers)), prerelease, len(numbers))


def satisfies_version(text: str, constraints: str, *, semver: bool) -> bool:
    """Whether the version meets all of the comma-separated constraints. False where either is malformed.

    `semver` compares by Semantic Versioning alone; else a pre-release never satisfies a constraint without one.
    """
    version = parse_version(text)
    if version is None:
        return False
    return all(_meets(version, each, semver) for each in constraints.split(","))


def malformed(constraints: str, *, semver: bool) -> bool:
    """Whether a list of constraints cannot be read."""
    for each in constraints.split(","):
        match = _CONSTRAINT.fullmatch(each)
        if match is None or parse_version(match[2], strict=semver) is None or (semver and match[1] == "~>"):
            return True
    return False


def _meets(version: Version, constraint: str, semver: bool) -> bool:
    match = _CONSTRAINT.fullmatch(constraint)
    wanted = parse_version(match[2], strict=semver) if match else None
    if match is None or wanted is None or (semver and match[1] == "~>"):
        return False
    operator = match[1] or "="
    if operator == "=":
        return version == wanted
    if operator == "!=":
        return version != wanted
    if not semver and not _comparable(version, wanted):
        return False
    if operator == "~>":
        return _pessimistic(version, wanted)
    return {
        ">": version > wanted,
        "<": version < wanted,
        ">=": version >= wanted,
        "<=": version <= wanted,
    }[operator]


def _comparable(version: Version, wanted: Version) -> bool:
    """Pre-releases are only compared with pre-releases of the same version."""
    if version.prerelease and wanted.prerelease:
        return version.segments == wanted.segments
    return not version.prerelease


def _pessimistic(version: Version, wanted: Version) -> bool:
    if version < wanted or wanted.given > len(version.segments):
        return False
    fixed = wanted.given - 1
    return version.segments[:fixed] == wanted.segments[:fixed]
