"""What a difference leads to: `forces create`, `forces in-place update` … and how many allocations of a group it concerns."""

from typing import Any, Final

from nomad_api.models.evaluation import DesiredUpdates, PlanAnnotations
from orchestrator.jobs.diff.fields import Diff

_UPDATES: Final = {
    "ignore": "ignore",
    "place": "create",
    "migrate": "migrate",
    "stop": "destroy",
    "canary": "canary",
    "in_place_update": "in-place update",
    "destructive_update": "create/destroy update",
}
_IN_PLACE: Final = ("Service", "Constraint", "Affinity", "Spread")


def annotate(diff: Diff, annotations: PlanAnnotations) -> Diff:
    """The difference of a job, told what the scheduler would do about it."""
    desired = annotations.desired_tg_updates or {}
    groups = [_group(group, desired.get(group["Name"])) for group in diff["TaskGroups"] or ()]
    return diff | {"TaskGroups": groups or None}


def _group(group: Diff, desired: DesiredUpdates | None) -> Diff:
    updates: dict[str, int] | None = None
    if desired:
        updates = {label: count for name, label in _UPDATES.items() if (count := getattr(desired, name))}
    fields = [_count(field) if field["Name"] == "Count" else field for field in group["Fields"] or ()]
    tasks = [_task(task, group["Type"]) for task in group["Tasks"] or ()]
    return group | {"Updates": updates, "Fields": fields or None, "Tasks": tasks or None}


def _count(field: Diff) -> Diff:
    old, new = int(field["Old"] or 0), int(field["New"] or 0)
    if old == new:
        return field
    return field | {"Annotations": ["forces create" if old < new else "forces destroy"]}


def _task(task: Diff, group_type: str) -> Diff:
    kind = task["Type"]
    if kind == "None":
        return task
    if group_type in ("Added", "Deleted") and kind in ("Added", "Deleted"):
        return task | {"Annotations": ["forces create" if kind == "Added" else "forces destroy"]}
    return task | {"Annotations": ["forces create/destroy update" if _destructive(task) else "forces in-place update"]}


def _destructive(task: Diff) -> bool:
    if any(field["Name"] != "KillTimeout" for field in task["Fields"] or ()):
        return True
    return any(_replaces(each) for each in task["Objects"] or ())


def _replaces(block: dict[str, Any]) -> bool:
    """Whether a changed block of a task needs a new allocation. (Any shown `Disabled` counts, changed or not, as in Nomad.)"""
    if block["Name"] == "LogConfig":
        return any(field["Name"] == "Disabled" for field in block["Fields"] or ())
    return block["Name"] not in _IN_PLACE
