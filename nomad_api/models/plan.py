"""Answers of the endpoints that register, stop, validate and plan jobs."""

from typing import Any

from nomad_api.models.allocation import AllocationMetric
from nomad_api.models.base import Wire
from nomad_api.models.evaluation import Evaluation, PlanAnnotations


class JobRegistration(Wire):
    """What registering, stopping or evaluating a job answers. `eval_id` is empty where no evaluation is made."""

    eval_id: str = ""
    eval_create_index: int = 0
    job_modify_index: int = 0
    warnings: str = ""
    index: int = 0


class JobPlan(Wire):
    """What registering a job would do."""

    annotations: PlanAnnotations | None = None
    failed_tg_allocs: dict[str, AllocationMetric] | None = None
    job_modify_index: int = 0
    created_evals: list[Evaluation] | None = None
    diff: dict[str, Any] | None = None
    next_periodic_launch: str | None = None
    warnings: str = ""
    index: int = 0


class JobValidation(Wire):
    driver_config_validated: bool = False
    validation_errors: list[str] | None = None
    error: str = ""
    warnings: str = ""
