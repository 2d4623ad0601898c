"""All functions by name."""

from __future__ import annotations

from functools import cache

from jobspec.functions import (
    collection,
    control,
    date,
    encoding,
    filesystem,
    formatting,
    hashes,
    network,
    numeric,
    sets,
    text,
)
from jobspec.functions.declaration import Function

_FAMILIES = (collection, control, date, encoding, formatting, hashes, network, numeric, sets, text)


@cache
def all_functions(*, files: bool) -> dict[str, Function]:
    """The functions of a job specification. Unless `files`, those that concern files fail when called: a server must
    not read its own disk for whoever sends it a job."""
    functions = {name: declared for family in _FAMILIES for name, declared in family.FUNCTIONS.items()}
    return functions | (filesystem.FUNCTIONS if files else filesystem.DISABLED)
