"""Deployments: one in full, its groups, a list."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nomadctl.output import heading, limit, moment, nanoseconds, pairs, table

if TYPE_CHECKING:
    from nomad_api.models import Deployment, DeploymentState


def deployment_text(deployment: "Deployment", length: int, *, with_job: bool = True) -> str:
    """A deployment and its groups; without the job where that is plain from what stands above."""
    job = [("Job ID", deployment.job_id), ("Job Version", deployment.job_version)] if with_job else []
    text = pairs(
        [
            ("ID", limit(deployment.id, length)),
            *job,
            ("Status", deployment.status),
            ("Description", deployment.status_description),
        ]
    )
    if deployment.task_groups:
        text += f"\n{heading('Deployed')}\n{_groups(deployment.task_groups)}"
    return text


def deployment_table(deployments: "Sequence[Deployment]", length: int) -> str:
    """A list of deployments."""
    if not deployments:
        return "No deployments found"
    rows = [(limit(d.id, length), d.job_id, d.job_version, d.status, d.status_description) for d in deployments]
    return table([("ID", "Job ID", "Job Version", "Status", "Description"), *rows])


def _groups(groups: "Mapping[str, DeploymentState]") -> str:
    """The roll-out in each group; a column that says nothing about any group is left out."""
    reverts = any(state.auto_revert for state in groups.values())
    canaries = any(state.desired_canaries for state in groups.values())
    deadlines = any(state.progress_deadline for state in groups.values())
    columns = [
        ("Task Group", True),
        ("Auto Revert", reverts),
        ("Promoted", canaries),
        ("Desired", True),
        ("Canaries", canaries),
        ("Placed", True),
        ("Healthy", True),
        ("Unhealthy", True),
        ("Progress Deadline", deadlines),
    ]
    rows = [[title for title, _ in columns]]
    for name, state in sorted(groups.items()):
        deadline = moment(state.require_progress_by) if nanoseconds(state.require_progress_by) else "N/A"
        promoted = state.promoted if state.desired_canaries else "N/A"
        counts = (state.placed_allocs, state.healthy_allocs, state.unhealthy_allocs)
        rows.append([name, state.auto_revert, promoted, state.desired_total, state.desired_canaries, *counts, deadline])  # type: ignore[list-item]
    return table([[value for value, (_, shown) in zip(row, columns, strict=True) if shown] for row in rows])
