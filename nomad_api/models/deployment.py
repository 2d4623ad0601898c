"""Deployments: the roll-out of one version of a job."""

from nomad_api.duration import Duration
from nomad_api.models.base import Wire

ZERO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time, as it stands in JSON."""


class DeploymentState(Wire):
    """Progress of the roll-out in one task group."""

    auto_revert: bool = False
    auto_promote: bool = False
    progress_deadline: Duration = 0
    require_progress_by: str | None = None
    promoted: bool = False
    placed_canaries: list[str] | None = None
    desired_canaries: int = 0
    desired_total: int = 0
    placed_allocs: int = 0
    healthy_allocs: int = 0
    unhealthy_allocs: int = 0


class Deployment(Wire):
    """The roll-out of one version of a job: `running`, `paused`, `successful`, `failed`, `cancelled` …"""

    id: str
    namespace: str = ""
    job_id: str = ""
    job_version: int = 0
    job_modify_index: int = 0
    job_spec_modify_index: int = 0
    job_create_index: int = 0
    is_multiregion: bool = False
    task_groups: dict[str, DeploymentState] | None = None
    status: str = ""
    status_description: str = ""
    eval_priority: int = 0
    create_index: int = 0
    modify_index: int = 0
    create_time: int = 0
    modify_time: int = 0

    @property
    def active(self) -> bool:
        """Whether the roll-out still goes on (Nomad's states that are not terminal)."""
        return self.status in ("running", "paused", "pending", "blocked", "unblocking", "initializing")
