"""`status`: whatever an ID belongs to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, takes

if TYPE_CHECKING:
    from nomadctl.framework import Command


@command(
    "status",
    takes(0, None, ""),
    flag("verbose", "Show whole IDs."),
    flag("ui", "Accepted for compatibility."),
    flag_failure='Error parsing arguments: "{}"',
)
async def status(call: Call, *ids: str, verbose: bool, ui: bool) -> int | None:
    """Show the object that an ID, or a prefix of one, belongs to; without one, list all jobs."""
    commands = _commands()
    if not ids:
        return await call.delegate(commands["jobs"], verbose=verbose)
    if len(ids) > 1:
        raise Failure("This command takes either no arguments or one: <job>", hint=True)
    with failing("Error querying search with id"):
        found = await call.nomad.search.prefix(ids[0])
    matches = {context: names for context, names in found.matches.items() if names}
    context = _context(ids[0], matches)
    if context not in commands:
        raise Failure(f'Unable to resolve ID: "{ids[0]}"')
    # A namespace has nothing to shorten.
    flags = {} if context == "namespaces" else {"verbose": verbose}
    return await call.delegate(commands[context], ids[0], **flags)


def _context(id: str, matches: Mapping[str, list[str]]) -> str:
    """The kind of object that an ID means: the only exact match, else the only match; empty if there is none."""
    exact = [context for context, names in matches.items() if names[0] == id]
    if len(exact) == 1:
        return exact[0]
    if exact or len(matches) > 1 or any(len(names) > 1 for names in matches.values()):
        listed = "".join(f"\n{context.capitalize()}:\n{', '.join(names)}\n" for context, names in sorted(matches.items()))
        raise Failure(f'Multiple matches found for id "{id}"\n{listed}')
    return next(iter(matches), "")


def _commands() -> "dict[str, Command]":
    from nomadctl.commands import alloc_status, deployment, evaluation, job_status, namespace, node_status

    return {
        "jobs": job_status.status,
        "evals": evaluation.status,
        "nodes": node_status.status,
        "allocs": alloc_status.status,
        "deployment": deployment.status,
        "namespaces": namespace.status,
    }
