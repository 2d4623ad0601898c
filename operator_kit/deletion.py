"""Deletion in cascade: what becomes of the things that a resource owns, once it has been purged.

The resource's control `operator.deletion` decides (its last accepted value, for the resource itself is gone):

    background   all of it is asked to go, the newest first, and the status goes at once
    foreground   one thing after the other goes, the newest first, and the next only when it is really gone: a job when none of
                 its allocations runs any more, a resource when its own operator has finalized it. The status stays till the end
    orphan       all of it stays, and loses the marks of its owner

Newest first, since what was made later may need what was made earlier: a namespace can only go after what lives in it.

Nothing is ever deleted that belongs to somebody else, and what cannot be deleted now holds nothing else up: the rest goes, the
error is told, and it is tried again. (In the foreground it does hold up the earlier things, for that is the point.)
"""

from typing import Any

from nomad_api.errors import NomadError
from operator_kit.context import RECHECK, Context
from operator_kit.engine.result import Result


async def part_with_all(ctx: Context[Any]) -> Result | None:
    """Do what is due with all that the resource owns; a `Result` while it is to be called again.

    Raises:
        NomadError: something could not be done, the first of such errors.
    """
    policy = ctx.resource.controls.deletion
    errors: list[NomadError] = []
    await ctx.holdings.find_jobs()
    for key in reversed(ctx.holdings.keys()):
        try:
            if not await ctx.remover.part(key, policy):
                return Result(requeue_after=RECHECK)
        except NomadError as error:
            if policy == "foreground":
                raise
            errors.append(error)
    if errors:
        raise errors[0]
    return None
