"""All functions by name."""

from __future__ import annotations

from jobspec.functions.declaration import Function


def all_functions(*, files: bool) -> dict[str, Function]:
    """The functions of a job specification. Unless `files`, those that concern files fail when called: a server must
    not read its own disk for whoever sends it a job."""
    return {}
