"""`job stop`."""

import asyncio
import sys

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, number, takes
from nomadctl.lookup import find_job
from nomadctl.monitor import Monitor


@command(
    "job stop",
    takes(1, None, "This command takes at least one argument: <job>"),
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("purge", "Forget the job at once."),
    flag("yes", "Do not ask for confirmation."),
    flag("global", "Stop the job in all of its regions."),
    flag("no-shutdown-delay", "Ignore the delays that groups and tasks have for their end."),
    number("eval-priority", "The priority of the evaluation, if not the job's."),
    flag("verbose", "Show whole IDs."),
)
async def stop(
    call: Call,
    *jobs: str,
    detach: bool,
    purge: bool,
    yes: bool,
    global_: bool,
    no_shutdown_delay: bool,
    eval_priority: int,
    verbose: bool,
) -> int:
    """Stop jobs, given by their IDs or by prefixes of them."""

    async def stop_one(prefix: str) -> int:
        try:
            id, namespace = await find_job(call, prefix)
            if len(jobs) == 1 and prefix.strip() != id and not yes:
                _confirm(call, f'Are you sure you want to stop job "{id}"? [y/N]')
            nomad = call.nomad.scoped(namespace=namespace)
            with failing(f"Error deregistering job with id {prefix.strip()} err"):
                stopped = await nomad.jobs.deregister(
                    id, purge=purge, global_=global_, eval_priority=eval_priority, no_shutdown_delay=no_shutdown_delay
                )
            if not stopped.eval_id:
                return 0
            if detach:
                call.out(stopped.eval_id)
                return 0
            return await Monitor(call, nomad, verbose=verbose).evaluation(stopped.eval_id)
        except Failure as failure:
            if str(failure):
                call.warn(str(failure))
            return 1 if failure.code is None else failure.code

    return max(await asyncio.gather(*map(stop_one, jobs)))


def _confirm(call: Call, question: str) -> None:
    """Ask; only an exact `y` goes on.

    Raises:
        Failure: with the exit code 0, as the user has decided so.
    """
    sys.stdout.write(f"{question} ")
    sys.stdout.flush()
    answer = sys.stdin.readline().strip()
    if answer == "y":
        return
    if answer.lower().startswith("y"):
        call.out("For confirmation, an exact 'y' is required.")
    elif not answer or answer.lower().startswith("n"):
        call.out("Cancelling job stop")
    else:
        call.out("No confirmation detected. For confirmation, an exact 'y' is required.")
        raise Failure("")
    raise Failure("", code=0)
