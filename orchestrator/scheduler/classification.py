"""What becomes of each allocation of a group, decided one by one: it stays, moves, is lost, is replaced now or later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Deployment, Node
from orchestrator.jobs import rescheduling
from orchestrator.scheduler.descriptions import LOST, NOT_NEEDED
from orchestrator.scheduler.situation import Allocations, Situation, Stop

RESCHEDULE_WINDOW = SECOND
"""A replacement that is due so soon is made at once."""


@dataclass
class Classes:
    """Allocations by what becomes of them; `ignored` is the number of those that are over and done with."""

    untainted: Allocations = field(default_factory=dict)
    migrate: Allocations = field(default_factory=dict)
    lost: Allocations = field(default_factory=dict)
    ignored: int = 0


def classify(allocations: Allocations, tainted: Mapping[str, Node | None]) -> Classes:
    """Sort allocations by what becomes of them, looking at nothing but themselves and their nodes."""
    classes = Classes()
    for key, alloc in allocations.items():
        stopped = alloc.desired_status in ("stop", "evict")
        if stopped:
            if alloc.desired_transition.migrate_disable_placement:
                classes.untainted[key] = alloc
            else:
                classes.ignored += 1
        elif alloc.terminal:
            canary = alloc.deployment_status is not None and alloc.deployment_status.canary
            (classes.migrate if canary and alloc.desired_transition.migrate else classes.untainted)[key] = alloc
        elif alloc.desired_transition.migrate:
            classes.migrate[key] = alloc
        elif is_lost(alloc, tainted):
            classes.lost[key] = alloc
        else:
            classes.untainted[key] = alloc
    return classes


def reschedulable(
    allocations: Allocations, situation: Situation, current: Deployment | None
) -> tuple[Allocations, Allocations, list[tuple[int, Allocation]]]:
    """Those that stay, those to replace now, and those to replace later with the time."""
    stay: Allocations = {}
    now: Allocations = {}
    later: list[tuple[int, Allocation]] = []
    for key, alloc in allocations.items():
        if alloc.next_allocation and alloc.terminal:
            continue
        verdict = _counts_as(alloc, situation.batch)
        if verdict == "gone":
            continue
        if verdict == "stays":
            stay[key] = alloc
            continue
        due = _due(alloc, situation, current)
        if due is not None and due <= situation.now:
            now[key] = alloc
            continue
        stay[key] = alloc
        if due is not None:
            later.append((due, alloc))
    return stay, now, sorted(later, key=lambda item: item[0])


def stop_all(allocations: Allocations, situation: Situation) -> list[Stop]:
    """Stop everything; what is on a node that is gone is lost."""
    stops = []
    for alloc in allocations.values():
        if is_lost(alloc, situation.tainted):
            stops.append(Stop(alloc, LOST, "lost"))
        else:
            stops.append(Stop(alloc, NOT_NEEDED))
    return stops


def is_lost(alloc: Allocation, tainted: Mapping[str, Node | None]) -> bool:
    if alloc.node_id not in tainted:
        return False
    node = tainted[alloc.node_id]
    return node is None or node.status == "down"


def _due(alloc: Allocation, situation: Situation, current: Deployment | None) -> int | None:
    """When to replace a failed allocation: 0 for at once, None for not at all (or already arranged)."""
    transition = alloc.desired_transition
    in_roll_out = current is not None and alloc.deployment_id == current.id and current.active
    if in_roll_out and not transition.reschedule:
        return None
    if transition.force_reschedule and alloc.client_terminal:
        return 0
    due = rescheduling.next_reschedule(alloc)
    if not due.eligible:
        return None
    mine = alloc.followup_eval_id == situation.evaluation_id
    if mine or due.time - situation.now <= RESCHEDULE_WINDOW:
        return 0
    return due.time if not alloc.followup_eval_id else None


def _counts_as(alloc: Allocation, batch: bool) -> Literal["stays", "gone", "perhaps"]:
    """Whether an allocation fills its place, is out of the picture, or has to be looked at for replacement."""
    stopped = alloc.desired_status in ("stop", "evict")
    unplaced = rescheduling.reschedule_failed(alloc)
    if batch:
        transition = alloc.desired_transition
        if transition.migrate_disable_placement:
            return "stays"
        if transition.reschedule:
            return "perhaps"
        if stopped:
            if alloc.desired_status == "stop" and _ran_well(alloc):
                return "stays"
            return "perhaps" if unplaced and alloc.desired_status == "stop" else "gone"
        return "perhaps" if alloc.client_status == "failed" else "stays"
    if stopped:
        return "perhaps" if unplaced else "gone"
    return "gone" if alloc.client_status in ("complete", "lost") else "perhaps"


def _ran_well(alloc: Allocation) -> bool:
    states = (alloc.task_states or {}).values()
    return bool(states) and all(state.successful for state in states)
