"""What is wrong with a job: stopped, not placed, failing, or not done yet."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.diagnosis.finding import Finding, Findings
from nomadctl.output import SHORT_ID, limit

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Evaluation
    from operator_kit.failures import TaskFailure
    from operator_kit.status_parts import FirstFailure

_LOG_LINES: Final = 5
_LOG_BYTES: Final = 4096


async def job_findings(
    nomad: "Nomad", job_id: str, *, known: "FirstFailure | None" = None, start: str = "", gone: str = ""
) -> Findings:
    """What stands in the way of a job, the cause before its consequences.

    Args:
        known: the first failure that somebody has seen of it, which Nomad may have forgotten.
        start: what starts it again, and `gone`, what brings it back, for the cures.
    """
    from nomad_api.errors import NotFound
    from operator_kit.failures import placement_failure, told
    from operator_kit.rollout import judge

    try:
        job = await nomad.jobs.get(job_id)
    except NotFound:
        yield Finding("JobMissing", f"job {job_id} does not exist", gone)
        return
    if job.stop:
        yield Finding("JobStopped", f"job {job_id} was stopped", start or gone)
        return
    deployment = await nomad.jobs.latest_deployment(job_id)
    rollout = judge(job, deployment, await nomad.jobs.allocations(job_id), known=known)
    if rollout.healthy:
        return
    evaluations = await nomad.jobs.evaluations(job_id)
    placement = placement_failure(evaluations)
    if placement:
        yield Finding("NotPlaced", f"job {job_id}: {placement}", _placement_cure(evaluations, job_id))
    if rollout.failures:
        last = rollout.failures[-1]
        message = told(rollout.first_failure, last)
        yield Finding(
            "TaskFailing",
            f"job {job_id}: {message}",
            f"nomadctl alloc logs -stderr {limit(last.allocation, SHORT_ID)} {last.task}",
            await _last_lines(nomad, last),
        )
    if rollout.failed:
        yield Finding("DeploymentFailed", f"job {job_id}: {rollout.message}", f"nomadctl job status {job_id}")
    elif not placement and not rollout.failures:
        yield Finding("JobProgressing", f"job {job_id}: {rollout.message}", f"wait, and watch it: nomadctl job status {job_id}")


def _placement_cure(evaluations: "Sequence[Evaluation]", job_id: str) -> str:
    """By what is in the way: a node that fits, or room on one."""
    metrics = [metric for evaluation in evaluations for metric in (evaluation.failed_tg_allocs or {}).values()]
    if any(metric.dimension_exhausted for metric in metrics):
        return f"make room, add a node, or ask for less; nomadctl job status {job_id} shows the evaluation"
    if any(metric.constraint_filtered or metric.class_filtered for metric in metrics):
        return f"let a node fulfil the constraint, or change it; nomadctl node status and nomadctl job inspect {job_id} tell"
    return "nomadctl node status tells which nodes are ready"


async def _last_lines(nomad: "Nomad", failure: "TaskFailure") -> tuple[str, ...]:
    """The last that the task wrote, to stderr if it wrote anything there; nothing if nobody can tell."""
    from nomad_api.errors import NomadError

    for stderr in (True, False):
        try:
            output = nomad.allocations.logs(
                failure.allocation, failure.task, stderr=stderr, follow=False, offset=_LOG_BYTES, origin="end"
            )
            text = b"".join([piece async for piece in output]).decode(errors="replace")
        except NomadError:
            continue
        if lines := text.splitlines()[-_LOG_LINES:]:
            return tuple(lines)
    return ()
