"""`pause`, `resume`, `reconcile`, `release`: what people ask of a resource's operator, as far as that one resource goes."""

import asyncio
import uuid
from typing import TYPE_CHECKING

from nomadctl.confirmation import confirm
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, number, option, takes
from nomadctl.output import quoted, table
from nomadctl.resource_control import PAUSED, RECONCILE, set_control
from nomadctl.resources import find_one, find_target

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomadctl.resources import Found, NamedKind

_ONE_RESOURCE = takes(1, 2, "This command takes a kind and a name, or a path: <kind> <name>")


@command("pause", _ONE_RESOURCE)
async def pause(call: Call, wanted: str, name: str = "") -> None:
    """Let the operator do nothing for a resource, until `resume`. What runs for it goes on running."""
    kind, name = await find_target(call.nomad, wanted, name)
    _, changed = await set_control(call.nomad, kind, name, PAUSED, "true")
    call.out(f"{_named(kind, name)} {'is' if changed else 'was'} paused{'' if changed else ' already'}")


@command("resume", _ONE_RESOURCE)
async def resume(call: Call, wanted: str, name: str = "") -> None:
    """Let the operator go on with a resource that was paused."""
    kind, name = await find_target(call.nomad, wanted, name)
    _, changed = await set_control(call.nomad, kind, name, PAUSED, "")
    call.out(f"{_named(kind, name)} {'goes on' if changed else 'was not paused'}")


@command(
    "reconcile",
    _ONE_RESOURCE,
    flag("detach", "Do not wait until it is done."),
    number("wait", "Seconds to wait for it.", default=120),
)
async def reconcile(call: Call, wanted: str, name: str = "", *, detach: bool, wait: int) -> int:
    """Let the operator look at a resource now, and wait until it says that it has."""
    kind, name = await find_target(call.nomad, wanted, name)
    token = uuid.uuid4().hex
    variable, _ = await set_control(call.nomad, kind, name, RECONCILE, token)
    if (variable.items or {}).get(PAUSED, "false") != "false":
        call.warn(f"{_named(kind, name)} is paused, so nothing will be done before: nomadctl resume {_arguments(kind, name)}")
    if detach:
        call.out(token)
        return 0
    try:
        async with asyncio.timeout(wait):
            done = await _until_handled(call.nomad, kind, name, token)
    except TimeoutError:
        raise Failure(
            f"{_named(kind, name)} was not reconciled within {wait} s; see: nomadctl why {_arguments(kind, name)}"
        ) from None
    rows = [(c.type, c.status, c.reason, c.message) for c in done.status.conditions]
    call.out(table([("Condition", "Status", "Reason", "Message"), *rows]))
    failed = any(done.status.condition(type).status == "False" for type in ("Accepted", "Reconciled"))
    return 1 if failed else 0


async def _until_handled(nomad: "Nomad", kind: "NamedKind", name: str, token: str) -> "Found":
    """Wait until the status echoes the token."""
    from operator_kit.crd_store import paths

    with failing("Error waiting for the status"):
        async for _ in nomad.variables.watch_list(paths.status(kind.group, kind.kind, name)):
            found = await find_one(nomad, kind, name)
            if found is None or found.deleting:
                raise Failure(f"{_named(kind, name)} has been deleted")
            if found.status.last_handled_reconcile == token:
                return found
    raise AssertionError("a watch does not end")


@command(
    "release",
    _ONE_RESOURCE,
    flag("force", "Do not ask."),
    option("reason", "Why, for those who read the trail later."),
)
async def release(call: Call, wanted: str, name: str = "", *, force: bool, reason: str | None) -> None:
    """Forget a resource whose deletion does not come to its end, because its operator is gone.

    Nothing is undone: what the operator has made stays where it is, and is yours to remove. A trail of it is left under
    `released/`. While the operator is there, let it finish instead: `nomadctl why` tells what it waits for.
    """
    kind, name = await find_target(call.nomad, wanted, name)
    found = await find_one(call.nomad, kind, name)
    if found is None:
        raise Failure(f"No {kind.group}/{kind.kind} {quoted(name)} found, and no status of it")
    if not found.deleting:
        raise Failure(
            f"{_named(kind, name)} is not being deleted. Delete it first: "
            f"nomadctl var purge resources/{kind.group}/{kind.kind}/{name}"
        )
    call.out(_left_behind(kind, found))
    if not force:
        confirm(f"Forget {_named(kind, name)}?", otherwise="-force")
    trail = await _release(call.nomad, kind, found, reason or "")
    call.out(f"{_named(kind, name)} is forgotten; what is known of it stands in {trail}")


def _left_behind(kind: "NamedKind", found: "Found") -> str:
    """What nobody will look after any more."""
    lines = [f"{_named(kind, found.name)} waits for its operator to undo it. Forgotten now, it leaves behind:"]
    for thing in found.status.owned:
        namespace = f" -namespace={thing.namespace}" if thing.namespace not in ("", "default") else ""
        cure = f"   (remove it with: nomadctl job stop -purge{namespace} {thing.id})" if thing.kind == "Job" else ""
        lines.append(f"  * {thing.kind} {thing.id}{cure}")
    lines.append("  * whatever else the operator has made for it, in Nomad or outside, and would have removed in the end")
    return "\n".join(lines)


async def _release(nomad: "Nomad", kind: "NamedKind", found: "Found", reason: str) -> str:
    """Leave the trail, then remove the status; the trail's path."""
    from operator_kit.crd_store.release import release_status

    with failing("Error releasing resource"):
        return await release_status(nomad, kind.group, kind.kind, found.name, by=await _person(nomad), reason=reason)


async def _person(nomad: "Nomad") -> str:
    """Who does this: the token's name where there is one, else the user at this machine."""
    import getpass
    import socket

    from nomad_api.errors import NomadError

    local = f"{getpass.getuser()}@{socket.gethostname()}"
    try:
        token = await nomad.acl.self()
    except NomadError:
        return local
    # Where there are no ACLs, or no token was given, everybody's is the same, and tells nothing.
    return local if token.accessor_id in ("acls-disabled", "anonymous") else f"{token.name or token.accessor_id} ({local})"


def _named(kind: "NamedKind", name: str) -> str:
    return f"{kind.group}/{kind.kind} {quoted(name)}"


def _arguments(kind: "NamedKind", name: str) -> str:
    return f"{kind.kind} {name}"
