"""`system gc` and `system reconcile summaries`."""

from nomadctl.failure import failing
from nomadctl.framework import Call, command, nothing, takes


@command("system gc", takes(0, 0, "This command takes no arguments", code=0))
async def gc(call: Call) -> None:
    """Forget what has ended: jobs, evaluations, allocations, nodes that are down."""
    with failing("Error running system garbage-collection"):
        await call.nomad.write("PUT", "system/gc")


@command("system reconcile summaries", nothing())
async def summaries(call: Call) -> None:
    """Count the allocations of all jobs anew."""
    with failing("Error running system summary reconciliation"):
        await call.nomad.write("PUT", "system/reconcile/summaries")
