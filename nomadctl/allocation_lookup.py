"""Finding an allocation by a prefix of its ID, or one of a job, and a task in it."""

import random
from typing import TYPE_CHECKING

from nomadctl.allocation_view import allocation_table
from nomadctl.failure import Failure, failing
from nomadctl.lookup import find_job, find_one
from nomadctl.output import FULL_ID, SHORT_ID, limit, quoted

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Allocation, AllocationStub
    from nomadctl.framework import Call


async def find_allocation(
    call: "Call",
    prefix: str,
    *,
    of_job: bool = False,
    group: str = "",
    verbose: bool = False,
    too_short: str = "Alloc ID must contain at least two characters.",
) -> "tuple[Nomad, Allocation]":
    """The allocation that a prefix means, and a client for its namespace; with `of_job` the prefix is that of a job."""
    if of_job:
        prefix = await _of_job(call, prefix, group)

    def many(found: "list[AllocationStub]") -> Failure:
        listed = allocation_table(found, verbose=verbose, length=FULL_ID if verbose else SHORT_ID)
        return Failure(f"Prefix matched multiple allocations\n\n{listed}")

    stub = await find_one(
        prefix,
        call.nomad.allocations.list,
        doing="Error querying allocation",
        too_short=too_short,
        none='No allocation(s) with prefix or id "{prefix}" found',
        many=many,
    )
    nomad = call.nomad.scoped(namespace=stub.namespace)
    with failing("Error querying allocation"):
        return nomad, await nomad.allocations.get(stub.id)


async def _of_job(call: "Call", prefix: str, group: str) -> str:
    """The ID of some allocation of a job, a running one if there is any."""
    id, namespace = await find_job(call, prefix)
    with failing("Error fetching allocations"):
        allocations = await call.nomad.scoped(namespace=namespace).jobs.allocations(id)
    if group:
        allocations = [allocation for allocation in allocations if allocation.task_group == group]
    if not allocations:
        where = f" with group {quoted(group)}" if group else ""
        raise Failure(f"Error fetching allocations: No allocations found for job {quoted(id)}{where}")
    running = [allocation for allocation in allocations if allocation.client_status == "running"]
    return random.choice(running or allocations).id


def only_task(allocation: "Allocation") -> str:
    """The allocation's task.

    Raises:
        ValueError: there are several; the message names them.
    """
    names = task_names(allocation)
    if len(names) == 1:
        return names[0]
    listed = "".join(f"  * {name}\n" for name in names)
    short = limit(allocation.id, SHORT_ID)
    raise ValueError(f'Allocation "{short}" is running the following tasks:\n{listed}\nPlease specify the task.')


def check_task(allocation: "Allocation", name: str) -> None:
    """Refuse a task that the allocation does not have.

    Raises:
        ValueError: the message names those it has.
    """
    names = task_names(allocation)
    if name not in names:
        raise ValueError(f"Could not find task named: {name}, found:\n" + "\n".join(names))


def task_names(allocation: "Allocation") -> list[str]:
    """The tasks of the allocation's group, in the job's order."""
    group = allocation.job.group(allocation.task_group) if allocation.job else None
    return [task.name for task in (group.tasks if group else None) or ()]
