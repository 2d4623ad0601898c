"""Batch jobs that run once: a migration, a backup before an upgrade, the seeding of a database.

    run = await run_once(ctx, migration(database), key="migrate")
    if run.state != "Succeeded":
        ctx.set_condition("Ready", False, f"Migration{run.state}", run.message)
        return
    await ctx.apply(server(database))

It never waits: the reconcile ends, and comes again when the job has got further.

Flow: the job's ID is made of the resource, the key and a fingerprint of the job, so a restarted operator finds the run that its
predecessor began. How it ended is kept in the status, where neither a purge nor Nomad's collection of dead jobs can undo it.
Guarantees: for each key and job one run; two runs of the same key never overlap (the next waits for the end of the one before,
also if the spec has changed meanwhile); a failed run is not repeated but by Nomad's own restarts, if `retries` asks for them.
Assumptions: an operator that has registered a job comes back before Nomad collects it (4 hours after its end by default).
Caveats: the allocation of a node that is lost is placed again by Nomad, and may have done its work before. To run something
again, change the job or the key. The status keeps the last runs only.
"""

import re
from typing import Any, Final, Literal

from nomad_api.duration import SECOND
from nomad_api.errors import NotFound
from nomad_api.models import AllocationStub, Job, TaskGroup
from nomad_api.models.job import ReschedulePolicy, RestartPolicy
from operator_kit.apply.fingerprint import fingerprint
from operator_kit.conditions import shortened
from operator_kit.context import RECHECK, Context
from operator_kit.engine.result import PermanentError, TemporaryError
from operator_kit.failures import placement_failure, task_failures
from operator_kit.ownership import Owner
from operator_kit.status_parts import OneOffRun
from operator_kit.tasks import read_log

MOST_RUNS: Final = 16
"""Runs that a status remembers; of older ones it is forgotten that they have been."""

LINES: Final = 10
LONGEST_LINE: Final = 200
"""Lines of the log that are kept, and characters of each: a status must fit into a variable."""

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_DAY: Final = 24 * 3600 * SECOND


async def run_once(ctx: Context[Any], job: Job, key: str, *, retries: int = 0, purge: bool = False) -> OneOffRun:
    """How far the run is; it is begun if it has never been.

    Args:
        job: what to run, as a batch job; its ID and its policies of restarting and rescheduling are set here.
        key: names the run within the resource: lower case, digits, `-`, `_` and `.`.
        retries: how often a task that fails is started again, on the same node.
        purge: remove the job as soon as it has ended, with its allocations and logs; what the status keeps stays.

    Raises:
        PermanentError: the job is periodic, parameterized or of another type than batch.
        TemporaryError: a job of that ID belongs to another resource.
        ValueError: the key cannot be part of a job's ID.
        NomadError: Nomad refused the job or cannot be reached.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f'the key "{key}" of a run must hold only a-z, 0-9, -, _ and .')
    print_now = fingerprint(job.to_json())
    resource = ctx.resource
    job_id = f"{resource.kind}-{resource.name}-{key}-{print_now[:8]}"
    run: OneOffRun | None = resource.status.runs.get(job_id)
    if run is None:
        if earlier := await _unfinished(ctx, key):
            waits = f"waits for the end of {earlier[0].job_id}"
            return OneOffRun(key=key, job_id=job_id, fingerprint=print_now, state="Running", time=ctx.now(), message=waits)
        run = await _begin(ctx, _batch(job, job_id, retries), key, print_now)
    if run.state == "Running":
        run = await _look(ctx, run)
    if purge and run.state != "Running" and any(entry.id == job_id for entry in resource.status.owned):
        await ctx.delete(job_id)
    return run


def _batch(job: Job, job_id: str, retries: int) -> Job:
    if job.periodic or job.parameterized_job or job.type not in (None, "batch"):
        raise PermanentError("a job that runs once is a batch job, neither periodic nor parameterized", reason="InvalidJob")
    restart = RestartPolicy(attempts=retries, interval=_DAY, delay=15 * SECOND, mode="fail")
    groups = [
        group.evolve(
            restart_policy=restart,
            reschedule_policy=ReschedulePolicy(attempts=0, unlimited=False),
            tasks=[task.evolve(restart_policy=None) for task in group.tasks or ()],
        )
        for group in job.task_groups or ()
    ]
    return job.evolve(id=job_id, name=job_id, type="batch", reschedule=None, task_groups=groups)


async def _unfinished(ctx: Context[Any], key: str) -> list[OneOffRun]:
    """The runs of that key that have not ended."""
    known = [run for run in ctx.resource.status.runs.values() if run.key == key and run.state == "Running"]
    return [run for run in [await _look(ctx, run) for run in known] if run.state == "Running"]


async def _begin(ctx: Context[Any], job: Job, key: str, print_now: str) -> OneOffRun:
    """Register the job, unless an operator that died before it could say so has done that."""
    assert job.id is not None
    try:
        owner = Owner.of((await ctx.nomad.jobs.get(job.id)).meta)
    except NotFound:
        owner = None
    if owner != ctx.owner:
        await ctx.apply(job)
        ctx.event("Normal", "RunBegun", f"{key} runs as job {job.id}")
    run = OneOffRun(key=key, job_id=job.id, fingerprint=print_now, state="Running", time=ctx.now())
    _keep(ctx, run)
    await ctx.save()
    return run


async def _look(ctx: Context[Any], run: OneOffRun) -> OneOffRun:
    """The run as it is now, kept in the status."""
    try:
        job = await ctx.nomad.jobs.get(run.job_id)
    except NotFound:
        return _ended(ctx, run, "Failed", "the job has been removed, and nobody saw its end")
    allocations = await ctx.nomad.jobs.allocations(run.job_id)
    ended = [one for one in allocations if one.client_status == "complete"]
    wanted = sum(1 if group.count is None else group.count for group in job.task_groups or ())
    if len({one.name for one in ended}) >= wanted and not job.stop:
        log = await _log(ctx, job, ended[-1], _main_task(job, ended[-1]), stderr=False) if ended else []
        return _ended(ctx, run, "Succeeded", exit_code=0, log=log)
    if job.stop:
        return _ended(ctx, run, "Failed", "the job was stopped before its end")
    if job.status == "dead":
        return await _failed(ctx, run, job, allocations)
    if not ctx.streaming:
        ctx.recheck = RECHECK
    message = placement_failure(await ctx.nomad.jobs.evaluations(run.job_id)) if len(allocations) < wanted else ""
    run = run.model_copy(update={"message": message})
    _keep(ctx, run)
    return run


async def _failed(ctx: Context[Any], run: OneOffRun, job: Job, allocations: list[AllocationStub]) -> OneOffRun:
    failures = task_failures(allocations)
    if not failures:
        lost = next((one for one in allocations if one.client_status != "complete"), None)
        why = f"an allocation is {lost.client_status}: {lost.client_description}" if lost else "nothing of it could run"
        return _ended(ctx, run, "Failed", why)
    last = failures[-1]
    allocation = next(one for one in allocations if one.id == last.allocation)
    log = await _log(ctx, job, allocation, last.task, stderr=True)
    return _ended(ctx, run, "Failed", str(last), exit_code=last.exit_code, log=log)


def _ended(
    ctx: Context[Any],
    run: OneOffRun,
    state: Literal["Succeeded", "Failed"],
    message: str = "",
    *,
    exit_code: int | None = None,
    log: list[str] | None = None,
) -> OneOffRun:
    ended = OneOffRun(
        key=run.key,
        job_id=run.job_id,
        fingerprint=run.fingerprint,
        state=state,
        time=ctx.now(),
        exit_code=exit_code,
        message=message,
        log=log or [],
    )
    _keep(ctx, ended)
    ctx.event("Normal" if state == "Succeeded" else "Warning", f"Run{state}", f"{run.key}: {message or 'done'}")
    return ended


async def _log(ctx: Context[Any], job: Job, allocation: AllocationStub, task: str, *, stderr: bool) -> list[str]:
    """The last lines of a task: of the output that was asked for, or of the other one if that is empty."""
    try:
        lines = await read_log(ctx, allocation, task=task, stderr=stderr, lines=LINES)
        lines = lines or await read_log(ctx, allocation, task=task, stderr=not stderr, lines=LINES)
    except TemporaryError as error:
        lines = [f"({error})"]
    return [shortened(line, LONGEST_LINE) for line in lines]


def _main_task(job: Job, allocation: AllocationStub) -> str:
    """The first task of the allocation's group that is not a helper of the others."""
    group = job.group(allocation.task_group) or TaskGroup()
    names = [task.name for task in group.tasks or () if not task.lifecycle] or sorted(allocation.task_states or {})
    return str(names[0]) if names else ""


def _keep(ctx: Context[Any], run: OneOffRun) -> None:
    """Put the run into the status, and forget the oldest that have ended beyond `MOST_RUNS`."""
    runs: dict[str, OneOffRun] = {**ctx.resource.status.runs, run.job_id: run}
    ended = sorted((one for one in runs.values() if one.state != "Running"), key=lambda one: (one.time, one.job_id))
    for old in ended[: max(0, len(runs) - MOST_RUNS)]:
        del runs[old.job_id]
    ctx.resource.status.runs = runs
