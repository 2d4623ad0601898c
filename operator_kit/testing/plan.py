"""The difference between two jobs, as Nomad's plan tells it: fields, objects, groups and tasks that came, went or changed."""

from typing import Any, Final

from operator_kit.testing.state import Row

_NAMED: Final = {"TaskGroups": "TaskGroups", "Tasks": "Tasks"}
"""Lists whose members have names of their own in a plan."""

_MAPS: Final = ("Env", "Meta")
"""Maps of texts, whose entries are fields of what they stand in: `Meta[team]`."""


def diff(old: Row | None, new: Row) -> Row:
    """`Type` is None, Added or Edited; `Fields`, `Objects` and `TaskGroups` hold what differs, and nothing else."""
    return {**_node(old, new), "ID": new["ID"]}


def _node(old: Row | None, new: Row | None) -> Row:
    before, after = old or {}, new or {}
    fields, objects, named = [], [], {}
    for key in sorted({*before, *after}):
        one, other = before.get(key), after.get(key)
        if key in _NAMED:
            named[key] = _members(one or [], other or [])
        elif one == other:
            continue
        elif key in _MAPS:
            fields += [{**field, "Name": f"{key}[{field['Name']}]"} for field in _leaves(one, other)]
        elif isinstance(one if one is not None else other, dict | list):
            objects.append({"Name": key, **_kind(one, other), "Fields": _leaves(one, other), "Objects": None})
        else:
            fields.append(_field(key, one, other))
    kind = _kind(old, new)["Type"]
    if kind == "Edited" and not (fields or objects or any(named.values())):
        kind = "None"
    return {
        "Type": kind,
        "Fields": fields or None,
        "Objects": objects or None,
        **{key: value or None for key, value in named.items()},
    }


def _members(old: list[Row], new: list[Row]) -> list[Row]:
    """Members of a list that differ, by their names."""
    before = {member["Name"]: member for member in old}
    after = {member["Name"]: member for member in new}
    nodes = [{"Name": name, **_node(before.get(name), after.get(name))} for name in sorted({*before, *after})]
    return [node for node in nodes if node["Type"] != "None"]


def _leaves(old: Any, new: Any) -> list[Row]:
    before, after = _flat("", old), _flat("", new)
    return [
        _field(key, before.get(key), after.get(key)) for key in sorted({*before, *after}) if before.get(key) != after.get(key)
    ]


def _flat(prefix: str, value: Any) -> dict[str, Any]:
    """The single values below, by keys as Nomad writes them: `command`, `args[0]`."""
    if isinstance(value, dict):
        parts = ((f"{prefix}.{key}" if prefix else key, inner) for key, inner in value.items())
    elif isinstance(value, list):
        parts = ((f"{prefix}[{position}]", inner) for position, inner in enumerate(value))
    else:
        return {} if value is None else {prefix: value}
    return {key: leaf for name, inner in parts for key, leaf in _flat(name, inner).items()}


def _field(name: str, old: Any, new: Any) -> Row:
    return {"Name": name, **_kind(old, new), "Old": _text(old), "New": _text(new), "Annotations": None}


def _kind(old: Any, new: Any) -> Row:
    return {"Type": "Added" if old is None else "Deleted" if new is None else "Edited"}


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
