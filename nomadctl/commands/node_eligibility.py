"""`node eligibility`."""

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, takes
from nomadctl.node_lookup import find_node


@command(
    "node eligibility",
    takes(0, None, ""),
    flag("enable", "Allow new allocations."),
    flag("disable", "Allow no new allocations; those that run stay."),
    flag("self", "The node of the agent that answers."),
)
async def eligibility(call: Call, *ids: str, enable: bool, disable: bool, self: bool) -> None:
    """Say whether new allocations may be placed on a node."""
    if enable == disable:
        raise Failure("Either the '-enable' or '-disable' flag must be set", hint=True)
    if len(ids) != (0 if self else 1):
        raise Failure("Node ID must be specified if -self isn't being used", hint=True)
    doing = "Error updating scheduling eligibility"
    id = await find_node(call, *(ids or ("",)), doing=doing, none='No node(s) with prefix or id "{prefix}" found', verbose=True)
    with failing(doing):
        await call.nomad.nodes.eligibility(id, enable)
    state = "eligible" if enable else "ineligible"
    call.out(f'Node "{id}" scheduling eligibility set: {state} for scheduling')
