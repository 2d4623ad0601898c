"""`job status`, `job allocs` and `job deployments`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nomadctl.allocation_view import allocation_table
from nomadctl.deployment_view import deployment_table, deployment_text
from nomadctl.failure import failing
from nomadctl.framework import Call, command, flag, one, option, takes
from nomadctl.job_view import basics, evaluation_table, is_parameterized, later_attempts, placement_failure, summary_text
from nomadctl.lookup import find_job, job_table
from nomadctl.order import newest_first
from nomadctl.output import FULL_ID, SHORT_ID, heading, table
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Job


@command(
    "job status",
    takes(0, 1, "This command takes either no arguments or one: <job>"),
    flag("short", "Only the job itself."),
    flag("evals", "Also the evaluations."),
    flag("all-allocs", "Also allocations of earlier jobs with the same ID."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show everything, with whole IDs."),
    flag("ui", "Accepted for compatibility."),
    help_name="status",
)
async def status(
    call: Call,
    prefix: str = "",
    *,
    short: bool = False,
    evals: bool = False,
    all_allocs: bool = False,
    json: bool = False,
    t: str | None = None,
    verbose: bool = False,
    ui: bool = False,
) -> None:
    """Show a job, or list all jobs."""
    if not prefix:
        with failing("Error querying jobs"):
            jobs = sorted(await call.nomad.jobs.list(), key=lambda job: job.id)
        if not jobs:
            call.out("No running jobs")
        elif json or t:
            call.out(structured(json, t, [await _everything(call, job.id, job.namespace, all_allocs) for job in jobs]))
        else:
            call.out(job_table(jobs, call.all_namespaces))
        return

    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error querying job"):
        job = await nomad.jobs.get(id)
    if json or t:
        call.out(structured(json, t, [await _everything(call, id, namespace, all_allocs)]))
        return
    call.out(basics(job))
    if short:
        return
    if is_parameterized(job):
        await _parameterized(call, nomad, job)
    elif job.periodic is not None:
        await _periodic(call, nomad, job)
    else:
        await _ordinary(call, nomad, job, evals=evals or verbose, all_allocs=all_allocs, verbose=verbose)


@command(
    "job allocs",
    one("<job>"),
    flag("all", "Also allocations of earlier jobs with the same ID."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs, and times as they are."),
)
async def allocs(call: Call, prefix: str, *, all: bool, json: bool, t: str | None, verbose: bool) -> None:
    """List the allocations of a job."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error retrieving allocations"):
        allocations = newest_first(await nomad.jobs.allocations(id, all=all))
        job = await nomad.jobs.get(id)
    if json or t:
        call.out(structured(json, t, allocations))
    else:
        call.out(allocation_table(allocations, verbose=verbose, length=FULL_ID if verbose else SHORT_ID, job=job))


@command(
    "job deployments",
    one("<job>"),
    flag("all", "Also deployments of earlier jobs with the same ID."),
    flag("latest", "Show the latest in full."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs."),
)
async def deployments(call: Call, prefix: str, *, all: bool, latest: bool, json: bool, t: str | None, verbose: bool) -> None:
    """List the deployments of a job."""
    id, namespace = await find_job(call, prefix)
    nomad = call.nomad.scoped(namespace=namespace)
    length = FULL_ID if verbose else SHORT_ID
    with failing("Error retrieving deployments"):
        if latest:
            deployment = await nomad.jobs.latest_deployment(id)
            text = structured(json, t, deployment) if json or t else deployment and deployment_text(deployment, length)
            call.out(text or "No deployment found")
            return
        found = newest_first(await nomad.jobs.deployments(id, all=all))
    call.out(structured(json, t, found) if json or t else deployment_table(found, length))


async def _everything(call: Call, id: str, namespace: str, all_allocs: bool) -> dict[str, Any]:
    """All about a job, for programs."""
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Error querying job"):
        return {
            "Summary": await nomad.jobs.summary(id),
            "Allocations": await nomad.jobs.allocations(id, all=all_allocs),
            "LatestDeployment": await nomad.jobs.latest_deployment(id),
            "Evaluations": await nomad.jobs.evaluations(id),
        }


async def _summary(call: Call, nomad: "Nomad", job: "Job") -> None:
    with failing("Error querying job summary"):
        call.out(summary_text(job, await nomad.jobs.summary(str(job.id))))


async def _ordinary(call: Call, nomad: "Nomad", job: "Job", *, evals: bool, all_allocs: bool, verbose: bool) -> None:
    id, length = str(job.id), FULL_ID if verbose else SHORT_ID
    with failing("Error querying job allocations"):
        allocations = newest_first(await nomad.jobs.allocations(id, all=all_allocs))
    with failing("Error querying job evaluations"):
        evaluations = newest_first(await nomad.jobs.evaluations(id))
    with failing("Error querying latest job deployment"):
        deployment = await nomad.jobs.latest_deployment(id)
    await _summary(call, nomad, job)
    if evals:
        call.out(f"{heading('Evaluations')}\n{evaluation_table(evaluations, length)}")
    if failure := placement_failure(evaluations):
        call.out(f"{heading('Placement Failure')}\n{failure}")
    if attempts := await later_attempts(nomad, job, allocations, verbose):
        call.out(f"{heading('Future Rescheduling Attempts')}\n{attempts}")
    if deployment is not None:
        call.out(f"{heading('Latest Deployment')}\n{deployment_text(deployment, length, with_job=False)}")
    if actions := _actions(job):
        call.out(f"{heading('Actions')}\n{table([('Action Name', 'Task Group', 'Task'), *actions])}")
    call.out(f"{heading('Allocations')}\n{allocation_table(allocations, verbose=verbose, length=length, job=job)}")


async def _periodic(call: Call, nomad: "Nomad", job: "Job") -> None:
    await _summary(call, nomad, job)
    await _children(call, nomad, job, "periodic", "Previously Launched Jobs", "No instances of periodic job found")


async def _parameterized(call: Call, nomad: "Nomad", job: "Job") -> None:
    from nomadctl.job_view import parameters

    call.out(f"{heading('Parameterized Job')}\n{parameters(job)}")
    await _summary(call, nomad, job)
    none = "No dispatched instances of parameterized job found"
    await _children(call, nomad, job, "dispatch", "Dispatched Jobs", none)


async def _children(call: Call, nomad: "Nomad", job: "Job", kind: str, title: str, none: str) -> None:
    with failing("Error querying job"):
        children = await nomad.jobs.list(f"{job.id}/{kind}-")
    rows = [(child.id, child.status) for child in children if child.parent_id == job.id]
    call.out(f"{heading(title)}\n{table([('ID', 'Status'), *rows])}" if children else f"\n{none}")


def _actions(job: "Job") -> Sequence[tuple[str, str, str]]:
    return [
        (action.name, group.name, task.name)
        for group in job.task_groups or ()
        for task in group.tasks or ()
        for action in task.actions or ()
    ]
