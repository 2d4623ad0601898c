"""Evaluations: a unit of scheduling work for one job."""

from typing import Any

from nomad_api.duration import Duration
from nomad_api.models.allocation import AllocationMetric
from nomad_api.models.base import SparseWire, Wire


class DesiredUpdates(Wire):
    """How many allocations of a group the scheduler wants placed, stopped, updated."""

    ignore: int = 0
    place: int = 0
    migrate: int = 0
    stop: int = 0
    in_place_update: int = 0
    destructive_update: int = 0
    canary: int = 0
    preemptions: int = 0
    disconnect: int = 0
    reconnect: int = 0
    reschedule_now: int = 0
    reschedule_later: int = 0


class PlanAnnotations(Wire):
    desired_tg_updates: dict[str, DesiredUpdates] | None = None
    preempted_allocs: list[dict[str, Any]] | None = None


class Evaluation(SparseWire):
    """A unit of scheduling work: `pending`, `blocked`, `complete`, `failed` or `canceled`."""

    id: str
    namespace: str = ""
    priority: int = 0
    type: str = ""
    triggered_by: str = ""
    job_id: str = ""
    job_modify_index: int = 0
    node_id: str = ""
    node_modify_index: int = 0
    deployment_id: str = ""
    status: str = ""
    status_description: str = ""
    wait: Duration = 0
    wait_until: str | None = None
    next_eval: str = ""
    previous_eval: str = ""
    blocked_eval: str = ""
    related_evals: list[dict[str, Any]] | None = None
    failed_tg_allocs: dict[str, AllocationMetric] | None = None
    plan_annotations: PlanAnnotations | None = None
    class_eligibility: dict[str, bool] | None = None
    quota_limit_reached: str = ""
    escaped_computed_class: bool = False
    missing_non_node_resources: list[str] | None = None
    annotate_plan: bool = False
    queued_allocations: dict[str, int] | None = None
    snapshot_index: int = 0
    create_index: int = 0
    modify_index: int = 0
    create_time: int = 0
    modify_time: int = 0

    @property
    def terminal(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in ("complete", "failed", "canceled")
