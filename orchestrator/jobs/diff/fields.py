"""Differences of plain values: the `Fields` of a diff.

A diff is the JSON that Nomad's API answers, as dictionaries: a `Type` (`Added`, `Deleted`, `Edited`, `None`), and below it
`Fields` and `Objects`. A value that is not there counts as an empty text, as in Nomad.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nomad_api.models.base import Wire

Diff = dict[str, Any]

_MAPS: Final = frozenset({"meta", "env", "canary_meta", "tagged_addresses", "getter_options", "getter_headers"})
"""Fields that are maps of texts: each entry is a value of its own, `Meta[key]`."""


def flat(model: Wire | None, skip: Iterable[str] = ()) -> dict[str, str]:
    """The plain values of an object by their JSON names; what is an object or a list itself is left out."""
    values: dict[str, str] = {}
    if model is None:
        return values
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in skip or value is None:
            continue
        key = field.alias or name
        if name in _MAPS and isinstance(value, Mapping):
            values |= {f"{key}[{entry}]": text for entry, text in value.items()}
        elif isinstance(value, str | int | float):
            values[key] = text_of(value)
    return values


def flat_data(value: Any, prefix: str = "") -> dict[str, str]:
    """All values of nested data by their paths: `nested[a][0]`."""
    if isinstance(value, Mapping):
        items: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: text_of(value)}
    values: dict[str, str] = {}
    for key, item in items:
        values |= flat_data(item, f"{prefix}[{key}]" if prefix else str(key))
    return values


def text_of(value: Any) -> str:
    """A value as Go prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def field_diffs(old: Mapping[str, str], new: Mapping[str, str], *, context: bool) -> list[Diff]:
    """The differences of two sets of values, by name. With `context` also those that are equal."""
    names = sorted({*old, *new})
    found = (field_diff(name, old.get(name, ""), new.get(name, ""), context=context) for name in names)
    return [diff for diff in found if diff]


def field_diff(name: str, old: str, new: str, *, context: bool) -> Diff | None:
    """The difference of one value, None if there is none and no context is wanted."""
    if old == new and not context:
        return None
    kind = "None" if old == new else "Added" if old == "" else "Deleted" if new == "" else "Edited"
    return {"Type": kind, "Name": name, "Old": old, "New": new, "Annotations": None}


def set_diff(name: str, old: Iterable[str] | None, new: Iterable[str] | None, *, context: bool) -> Diff | None:
    """The difference of two sets of texts, each text a field of that name."""
    before, after = set(old or ()), set(new or ())
    if before == after and not (context and before):
        return None
    fields = [
        diff
        for text in before | after
        if (diff := field_diff(name, text if text in before else "", text if text in after else "", context=context))
    ]
    fields.sort(key=lambda diff: (diff["Old"], diff["New"]))
    added, removed = after - before, before - after
    kind = "Edited" if added and removed else "Added" if added else "Deleted" if removed else "None"
    return object_diff(name, kind, fields)


def object_diff(name: str, kind: str, fields: list[Diff], objects: list[Diff] | None = None) -> Diff:
    """The difference of an object, as JSON has it: no fields are null."""
    return {"Type": kind, "Name": name, "Fields": fields or None, "Objects": objects or None}
