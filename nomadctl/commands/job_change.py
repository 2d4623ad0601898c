"""`job eval`, `revert`, `scale` and `promote`: changes of a registered job that make an evaluation."""

from typing import TYPE_CHECKING, Final

import click

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, number, one, option, takes
from nomadctl.job_view import is_parameterized
from nomadctl.lookup import find_job
from nomadctl.monitor import Monitor
from nomadctl.output import FULL_ID, SHORT_ID, limit, quoted
from nomadctl.periodic import next_launch

if TYPE_CHECKING:
    from nomad_api.client import Nomad

_FOLLOWING: Final[tuple[click.Parameter, ...]] = (
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("verbose", "Show whole IDs."),
)


@command("job eval", one("<job>"), flag("force-reschedule", "Also place failed allocations again at once."), *_FOLLOWING)
async def evaluate(call: Call, prefix: str, *, force_reschedule: bool, detach: bool, verbose: bool) -> int:
    """Let the scheduler look at a job again."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error evaluating job"):
        evaluation = (await nomad.jobs.evaluate(id, force_reschedule=force_reschedule)).eval_id
    if detach:
        call.out(f"Created eval ID: {quoted(limit(evaluation, FULL_ID if verbose else SHORT_ID))} ")
        return 0
    return await Monitor(call, nomad, verbose=verbose).evaluation(evaluation)


@command("job revert", takes(2, 2, "This command takes two arguments: <job> <version|tag>"), *_FOLLOWING)
async def revert(call: Call, prefix: str, version: str, *, detach: bool, verbose: bool) -> int:
    """Make an old version of a job, given by its number or tag, the newest one."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error retrieving job versions"):
        wanted = int(version) if version.isdigit() else await _tagged(nomad, id, version)
        evaluation = (await nomad.jobs.revert(id, wanted)).eval_id
    if not evaluation:
        return 0
    return await _follow(call, nomad, evaluation, detach, verbose)


@command(
    "job scale",
    takes(2, 3, "Command requires at least two arguments and no more than three", hint=False),
    number("check-index", "Scale only if the job's modify index is this one."),
    *_FOLLOWING,
)
async def scale(call: Call, prefix: str, *group_and_count: str, check_index: int, detach: bool, verbose: bool) -> int:
    """Change how many allocations a group has; the group may be left out if there is only one."""
    *groups, text = group_and_count
    try:
        count = int(text)
    except ValueError as error:
        reason = f"strconv.Atoi: parsing {quoted(text)}: invalid syntax"
        raise Failure(f"Failed to convert count string to int: {reason}") from error
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error querying job"):
        job = await nomad.jobs.get(id)
    names = [group.name for group in job.task_groups or ()]
    if not groups and len(names) != 1:
        raise Failure("Group name required")
    if groups and groups[0] not in names:
        raise Failure(f"Group {groups[0]} not found within job")
    with failing("Error submitting scaling request"):
        answer = await nomad.jobs.scale(
            id, (groups or names)[0], count, message="submitted using the Nomad CLI", JobModifyIndex=check_index
        )
    if answer.warnings:
        call.out(f"Job Warnings:\n{answer.warnings}\n")
    if not detach and job.periodic is None and not is_parameterized(job):
        return await Monitor(call, nomad, verbose=verbose).evaluation(answer.eval_id)
    call.out("Job scale successful")
    if job.periodic is not None and not is_parameterized(job):
        call.out(f"Approximate next launch time: {next_launch(job.periodic.to_wire())}")
    elif not is_parameterized(job):
        call.out(f"Evaluation ID: {answer.eval_id}")
    return 0


@command("job promote", one("<job id>"), option("group", "Only this group; may be repeated.", multiple=True), *_FOLLOWING)
async def promote(call: Call, prefix: str, *, group: list[str], detach: bool, verbose: bool) -> int:
    """Replace a job's old allocations by the version of its canaries."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error retrieving deployment"):
        deployment = await nomad.jobs.latest_deployment(id)
    if deployment is None:
        raise Failure(f'Job "{id}" has no deployment to promote')
    with failing(f'Error promoting deployment "{deployment.id}" for job "{id}"'):
        answer = await nomad.deployments.promote(deployment.id, list(group) or None)
    evaluation = answer.get("EvalID")
    return await _follow(call, nomad, evaluation, detach, verbose) if evaluation else 0


async def _tagged(nomad: "Nomad", id: str, tag: str) -> int:
    """The version that has a tag."""
    for job in await nomad.jobs.versions(id):
        if job.version_tag is not None and job.version_tag.name == tag:
            return job.version or 0
    raise Failure(f"Error retrieving job versions: version tag {tag} not found for job {id}")


async def _follow(call: Call, nomad: "Nomad", evaluation: str, detach: bool, verbose: bool) -> int:
    if detach:
        call.out(f"Evaluation ID: {evaluation}")
        return 0
    return await Monitor(call, nomad, verbose=verbose).evaluation(evaluation)
