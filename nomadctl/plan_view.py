"""The difference that a plan finds, as text: markers in front (`+`, `-`, `+/-`), names and values aligned.

An added or removed group or task is named alone, unless everything is asked for; an edited one shows its fields.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nomadctl.output import bold, quoted

_MARKERS: Final = {"Added": "+ ", "Deleted": "- ", "Edited": "+/- "}

Diff = Mapping[str, Any]


def job_diff(diff: Diff, verbose: bool) -> str:
    """The difference of a whole job."""
    groups: Sequence[Diff] = diff.get("TaskGroups") or ()
    widest = _widest_marker(diff, groups)
    title = bold(f"Job: {quoted(str(diff.get('ID')))}")
    lines = [f"{_marker(diff)}{title}"]
    if diff.get("Type") == "Edited" or verbose:
        lines += _fields_and_objects(diff, 0, widest)
    for group in groups:
        lines += [*_group(group, widest - len(_marker(group)), verbose), ""]
    return "\n".join(lines).strip()


def _group(group: Diff, pad: int, verbose: bool) -> list[str]:
    updates = ", ".join(f"{count} {kind}" for kind, count in sorted((group.get("Updates") or {}).items()))
    title = bold(f"Task Group: {quoted(str(group.get('Name')))}")
    lines = [f"{_marker(group)}{' ' * pad}{title}{f' ({updates})' if updates else ''}"]
    tasks: Sequence[Diff] = group.get("Tasks") or ()
    widest = _widest_marker(group, tasks)
    if group.get("Type") == "Edited" or verbose:
        lines += _fields_and_objects(group, pad + 2, widest)
    for task in tasks:
        lines += _task(task, pad + 2, widest - len(_marker(task)), verbose)
    return lines


def _task(task: Diff, start: int, pad: int, verbose: bool) -> list[str]:
    title = bold(f"Task: {quoted(str(task.get('Name')))}")
    lines = [f"{' ' * start}{_marker(task)}{' ' * pad}{title}{_annotations(task)}"]
    if task.get("Type") == "None" or (task.get("Type") in ("Added", "Deleted") and not verbose):
        return lines
    return [*lines, *_fields_and_objects(task, start + 2, _widest_marker(task, ()))]


def _fields_and_objects(diff: Diff, start: int, widest: int) -> list[str]:
    fields: Sequence[Diff] = diff.get("Fields") or ()
    longest = max((len(str(field["Name"])) for field in fields), default=0)
    lines = [_field(field, start, widest - len(_marker(field)), longest) for field in fields]
    for part in diff.get("Objects") or ():
        lines += _object(part, start, widest - len(_marker(part)))
    return lines


def _object(part: Diff, start: int, pad: int) -> list[str]:
    marker = _marker(part)
    head = f"{' ' * start}{marker}{' ' * pad}{part.get('Name')} {{"
    inner = _fields_and_objects(part, start + pad + 2, _widest_marker(part, ()))
    return [head, *inner, f"{' ' * (start + len(marker) + pad)}}}"]


def _field(field: Diff, start: int, pad: int, longest: int) -> str:
    name = str(field["Name"])
    old, new = quoted(str(field.get("Old", ""))), quoted(str(field.get("New", "")))
    value = {"Deleted": old, "Edited": f"{old} => {new}"}.get(str(field.get("Type")), new)
    return f"{' ' * start}{_marker(field)}{' ' * pad}{name}: {' ' * (longest - len(name))}{value}{_annotations(field)}"


def _annotations(diff: Diff) -> str:
    annotations = diff.get("Annotations") or ()
    return f" ({', '.join(annotations)})" if annotations else ""


def _marker(diff: Diff) -> str:
    return _MARKERS.get(str(diff.get("Type")), "")


def _widest_marker(diff: Diff, children: Sequence[Diff]) -> int:
    return max(
        (len(_marker(part)) for part in (*(diff.get("Fields") or ()), *(diff.get("Objects") or ()), *children)), default=0
    )
