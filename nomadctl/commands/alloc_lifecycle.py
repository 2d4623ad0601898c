"""`alloc stop`, `alloc restart` and `alloc signal`."""

from nomadctl.allocation_lookup import check_task, find_allocation
from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, one, option, takes
from nomadctl.monitor import Monitor


@command(
    "alloc stop",
    one("<alloc-id>"),
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("no-shutdown-delay", "Ignore the delays that groups and tasks have for their end."),
    flag("verbose", "Show whole IDs."),
)
async def stop(call: Call, prefix: str, *, detach: bool, no_shutdown_delay: bool, verbose: bool) -> int:
    """Stop an allocation; the scheduler replaces it."""
    nomad, allocation = await find_allocation(call, prefix, verbose=verbose)
    batch = allocation.job is not None and allocation.job.type == "batch"
    with failing("Error stopping allocation"):
        evaluation = await nomad.allocations.stop(allocation.id, no_shutdown_delay=no_shutdown_delay, reschedule=batch)
    if detach:
        call.out(evaluation)
        return 0
    return await Monitor(call, nomad, verbose=verbose).evaluation(evaluation)


@command(
    "alloc restart",
    takes(1, 2, "This command takes one or two arguments: <alloc-id> <task-name>"),
    flag("all-tasks", "Restart all tasks, also those that have ended."),
    option("task", "The task, if not the second argument.", default=""),
    flag("verbose", "Show whole IDs."),
)
async def restart(call: Call, prefix: str, name: str = "", *, all_tasks: bool, task: str, verbose: bool) -> None:
    """Restart the running tasks of an allocation, or one of them, in place."""
    from nomad_api.errors import NomadError

    task = task or name
    if all_tasks and task:
        raise Failure("The -all-tasks option is not allowed when restarting a specific task.")
    nomad, allocation = await find_allocation(call, prefix, verbose=verbose)
    try:
        if task:
            check_task(allocation, task)
        await nomad.allocations.restart(allocation.id, task, all_tasks=all_tasks)
    except ValueError as error:
        raise Failure(str(error)) from error
    except NomadError as error:
        raise Failure(f"Failed to restart {'task' if task else 'allocation'}:\n\n{wording(error)}") from error


@command(
    "alloc signal",
    takes(1, 2, "This command takes up to two arguments: <alloc-id> <task>"),
    option("s", "The signal.", default="SIGKILL"),
    option("task", "The task, if not the second argument.", default=""),
    flag("verbose", "Show whole IDs."),
)
async def signal(call: Call, prefix: str, name: str = "", *, s: str, task: str, verbose: bool) -> None:
    """Send a signal to a task of an allocation, or to all of them."""
    task = task or name
    nomad, allocation = await find_allocation(call, prefix, verbose=verbose)
    try:
        if task:
            check_task(allocation, task)
    except ValueError as error:
        raise Failure(str(error)) from error
    with failing("Error signalling allocation"):
        await nomad.allocations.signal(allocation.id, s, task)
