"""`system gc`."""

from nomadctl.failure import failing
from nomadctl.framework import Call, command, nothing


@command("system gc", nothing(), failure=1)
async def gc(call: Call) -> None:
    """Forget what has ended: jobs, evaluations, allocations, nodes that are down."""
    with failing("Error running system garbage-collection"):
        await call.nomad.write("PUT", "system/gc")
