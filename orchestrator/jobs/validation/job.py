"""Checks of a job, outside in."""

import re
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nomad_api.models.job import Job, Parameterized, Periodic
from orchestrator.jobs.canonicalize import JOB_TYPES
from orchestrator.jobs.validation.constraints import affinity_blocks, constraint_blocks, spread_blocks
from orchestrator.jobs.validation.group import group_problems
from orchestrator.jobs.validation.problems import inside, quoted, together

MAX_DESCRIPTION = 1000
MIN_PRIORITY, MAX_PRIORITY = 1, 100

_CRON_FIELDS: Final = ("second", "minute", "hour", "day-of-month", "month", "day-of-week", "year")
_CRON_FIELD: Final = re.compile(r"[0-9*/,\-?LW#A-Z]+", re.IGNORECASE)
_CRON_NAMES: Final = frozenset("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC SUN MON TUE WED THU FRI SAT".split())
_WORD: Final = re.compile(r"[A-Z]{2,}", re.IGNORECASE)


def job_problems(job: Job) -> Iterator[str]:
    """All that is wrong with a canonical job."""
    yield from _identity(job)
    yield from constraint_blocks(job.constraints)
    yield from affinity_blocks(job.affinities, job.type)
    yield from spread_blocks(job.spreads, job.type)
    description = str((job.ui or {}).get("Description") or "")
    if len(description) > MAX_DESCRIPTION:
        yield f"UI description must be under {MAX_DESCRIPTION} characters, currently {len(description)}"
    yield from _groups(job)
    for group in job.task_groups or ():
        yield from inside(f"Task group {group.name} validation failed", group_problems(group, job))
    kinds = '"batch" or "sysbatch" scheduler'
    if job.periodic and job.periodic.enabled:
        if job.type not in ("batch", "sysbatch"):
            yield f"Periodic can only be used with {kinds}"
        yield from together(_periodic(job.periodic))
    if job.parameterized_job:
        if job.type not in ("batch", "sysbatch"):
            yield f"Parameterized job can only be used with {kinds}"
        yield from together(_parameterized(job.parameterized_job))
    if job.payload:
        yield "job can't be submitted with a payload, only dispatched"
    if not MIN_PRIORITY <= (job.priority or 0) <= MAX_PRIORITY:
        yield f"job priority must be between [{MIN_PRIORITY}, {MAX_PRIORITY}]"


def _identity(job: Job) -> Iterator[str]:
    job_id, name = job.id or "", job.name or ""
    if not job.region and job.multiregion is None:
        yield "Missing job region"
    if not job_id:
        yield "Missing job ID"
    elif " " in job_id:
        yield "Job ID contains a space"
    elif "\0" in job_id:
        yield "Job ID contains a null character"
    if not name:
        yield "Missing job name"
    elif "\0" in name:
        yield "Job Name contains a null character"
    if not job.type:
        yield "Missing job type"
    elif job.type not in JOB_TYPES:
        yield f"Invalid job type: {quoted(job.type)}"
    if "" in (job.datacenters or ()):
        yield "Job datacenter must be non-empty string"
    if not job.task_groups:
        yield "Missing job task groups"


def _groups(job: Job) -> Iterator[str]:
    numbers: dict[str, int] = {}
    for number, group in enumerate(job.task_groups or (), 1):
        if not group.name:
            yield f"Job task group {number} missing name"
        elif group.name in numbers:
            yield f"Job task group {number} redefines '{group.name}' from group {numbers[group.name]}"
        else:
            numbers[group.name] = number
        if (group.shutdown_delay or 0) < 0:
            yield "ShutdownDelay must be a positive value"
        if job.type == "system" and (group.count or 0) > 1:
            yield f"Job task group {group.name} has count {group.count}. Count cannot exceed 1 with system scheduler"


def _periodic(periodic: Periodic) -> Iterator[str]:
    if periodic.spec and periodic.specs:
        yield "Only cron or crons may be used"
    if not periodic.spec and not periodic.specs:
        yield "Must specify a spec"
    zone = periodic.time_zone or "UTC"
    if zone != "Local":
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"Invalid time zone {quoted(zone)}: unknown time zone {zone}"
    if periodic.spec_type != "cron":
        yield f"Unknown periodic specification type {quoted(periodic.spec_type)}"
        return
    for spec in (*([periodic.spec] if periodic.spec else ()), *(periodic.specs or ())):
        problem = _cron_problem(spec)
        if problem:
            yield f"Invalid cron spec {quoted(spec)}: {problem}"


def _cron_problem(spec: str) -> str | None:
    """What is wrong with a cron expression: the form of its fields, not yet the ranges of their values."""
    if spec.startswith("@"):
        known = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@hourly")
        return None if spec in known else "missing field(s)"
    fields = spec.split()
    if len(fields) < 5:
        return "missing field(s)"
    names = _CRON_FIELDS[1:] if len(fields) < 7 else _CRON_FIELDS
    for name, field in zip(names, fields, strict=False):
        words = {word.upper() for word in _WORD.findall(field)} - {"LW"}
        if not _CRON_FIELD.fullmatch(field) or not words <= _CRON_NAMES:
            return f"syntax error in {name} field: '{field}'"
    return None


def _parameterized(block: Parameterized) -> Iterator[str]:
    if block.payload not in ("optional", "required", "forbidden"):
        yield f"Unknown payload requirement: {quoted(block.payload)}"
    both = [key for key in block.meta_required or () if key in (block.meta_optional or ())]
    if both:
        yield f"Required and optional meta keys should be disjoint. Following keys exist in both: [{' '.join(both)}]"
