"""An evaluation in words."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.allocation_view import allocation_table
from nomadctl.job_view import failures
from nomadctl.output import FULL_ID, SHORT_ID, ago, heading, instant, limit, moment, nanoseconds, pairs, table
from nomadctl.placement_view import failed_groups

if TYPE_CHECKING:
    from nomad_api.models import AllocationStub, Evaluation
    from nomad_api.models.evaluation import DesiredUpdates

_ALWAYS: Final = (
    ("Ignore", "ignore"),
    ("Place", "place"),
    ("Stop", "stop"),
    ("InPlace", "in_place_update"),
    ("Destructive", "destructive_update"),
)
_IF_ANY: Final = (
    ("Migrate", "migrate"),
    ("Canary", "canary"),
    ("Preemptions", "preemptions"),
    ("Reschedule Now", "reschedule_now"),
    ("Reschedule Later", "reschedule_later"),
    ("Disconnect", "disconnect"),
    ("Reconnect", "reconnect"),
)


def evaluation_text(evaluation: "Evaluation", placed: "Sequence[AllocationStub]", verbose: bool) -> str:
    """An evaluation, what it planned, what it placed and what it could not."""
    length = FULL_ID if verbose else SHORT_ID
    parts = [_head(evaluation, length, verbose)]
    if evaluation.related_evals:
        rows = [
            (
                limit(related.get("ID", ""), length),
                related.get("Priority"),
                related.get("TriggeredBy"),
                limit(related.get("NodeID") or "", length),
                related.get("Status"),
                related.get("StatusDescription"),
            )
            for related in evaluation.related_evals
        ]
        titles = ("ID", "Priority", "Triggered By", "Node ID", "Status", "Description")
        parts.append(f"{heading('Related Evaluations')}\n{table([titles, *rows])}")
    updates = evaluation.plan_annotations.desired_tg_updates if evaluation.plan_annotations else None
    if updates:
        parts.append(f"{heading('Plan Annotations')}\n{_updates(updates, verbose)}")
    if placed:
        parts.append(f"{heading('Placed Allocations')}\n{allocation_table(placed, length=length)}")
    if evaluation.failed_tg_allocs:
        groups = "\n".join(f"{title}\n{why}" for title, why in failed_groups(evaluation.failed_tg_allocs, "  "))
        parts.append(f"{heading('Failed Placements')}\n{groups}")
        if evaluation.blocked_eval:
            blocked = limit(evaluation.blocked_eval, length)
            parts.append(f'\nEvaluation "{blocked}" waiting for additional capacity to place remainder')
    return "\n".join(parts)


def evaluation_list(evaluations: "Sequence[Evaluation]", verbose: bool) -> str:
    """A list of evaluations."""
    length = FULL_ID if verbose else SHORT_ID
    titles = ("ID", "Priority", "Triggered By", "Job ID", "Namespace", "Node ID", "Status", "Placement Failures")
    rows = [
        (
            limit(e.id, length),
            e.priority,
            e.triggered_by,
            e.job_id,
            e.namespace,
            limit(e.node_id, length),
            e.status,
            failures(e),
        )
        for e in evaluations
    ]
    return table([titles, *rows])


def _head(evaluation: "Evaluation", length: int, verbose: bool) -> str:
    time = instant if verbose else ago
    rows: list[tuple[str, object]] = [
        ("ID", limit(evaluation.id, length)),
        ("Create Time", time(evaluation.create_time)),
        ("Modify Time", time(evaluation.modify_time)),
        ("Status", evaluation.status),
        ("Status Description", evaluation.status_description or evaluation.status),
        ("Type", evaluation.type),
        ("TriggeredBy", evaluation.triggered_by),
        ("Job ID", evaluation.job_id),
        ("Namespace", evaluation.namespace),
    ]
    if evaluation.triggered_by == "node-update" and evaluation.node_id:
        rows.append(("Node ID", evaluation.node_id))
    if evaluation.triggered_by == "max-plan-attempts" and evaluation.previous_eval:
        rows.append(("Previous Eval", evaluation.previous_eval))
    rows += [("Priority", evaluation.priority), ("Placement Failures", failures(evaluation))]
    if nanoseconds(evaluation.wait_until):
        rows.append(("Wait Until", moment(evaluation.wait_until)))
    rows += [
        ("Previous Eval", limit(evaluation.previous_eval, length)),
        ("Next Eval", limit(evaluation.next_eval, length)),
        ("Blocked Eval", limit(evaluation.blocked_eval, length)),
    ]
    return pairs(rows)


def _updates(groups: "Mapping[str, DesiredUpdates]", verbose: bool) -> str:
    """What was planned for each group; the rarer columns only where there is something in them, or all is asked for."""
    rare = [(title, name) for title, name in _IF_ANY if verbose or any(getattr(group, name) for group in groups.values())]
    columns = [*_ALWAYS, *rare]
    rows = [(name, *(getattr(group, field) for _, field in columns)) for name, group in sorted(groups.items())]
    return table([("Task Group", *(title for title, _ in columns)), *rows])
