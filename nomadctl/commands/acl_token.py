"""`acl token create`, `update`, `list`, `info`, `self` and `delete`."""

import re
import time
from typing import Final

from nomadctl.acl_view import token_text
from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, nothing, one, option, takes
from nomadctl.output import nanoseconds, quoted, table
from nomadctl.structured import structured

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)

_JSON = (flag("json", "As JSON."), option("t", "A Go template for the output."))
_RIGHTS = (
    option("policy", "A policy of the token; may be repeated.", multiple=True),
    option("role-id", "A role, by its ID; may be repeated.", multiple=True),
    option("role-name", "A role, by its name; may be repeated.", multiple=True),
)


@command(
    "acl token create",
    takes(0, 0, "This command takes no arguments"),
    option("name", "A name for people.", default=""),
    option("type", "client or management.", default="client"),
    flag("global", "Valid in all regions."),
    option("ttl", "How long the token lives, such as 8h."),
    *_RIGHTS,
    *_JSON,
)
async def create(
    call: Call,
    *,
    name: str,
    type: str,
    global_: bool,
    ttl: str | None,
    policy: list[str],
    role_id: list[str],
    role_name: list[str],
    json: bool,
    t: str | None,
) -> None:
    """Make a token."""
    from nomad_api.duration import parse_duration
    from nomad_api.errors import NomadError

    if ttl:
        try:
            parse_duration(ttl)
        except ValueError as error:
            raise Failure(f"Failed to parse TTL as time duration: time: invalid duration {quoted(ttl)}") from error
    for wanted in policy:
        try:
            await call.nomad.acl.policy(wanted)
        except NomadError as error:
            call.warn(f"Error fetching info on {wanted} policy: {wording(error)}")
    with failing("Error creating token"):
        token = await call.nomad.acl.create_token(
            name, type=type, policies=list(policy) or None, roles=_roles(role_id, role_name), global_=global_, ttl=ttl or ""
        )
    call.out(structured(json, t, token) if json or t else token_text(token))


@command(
    "acl token update",
    one("<token_accessor_id>"),
    option("name", "Another name."),
    option("type", "client or management."),
    flag("global", "Valid in all regions."),
    *_RIGHTS,
    *_JSON,
)
async def update(
    call: Call,
    accessor: str,
    *,
    name: str | None,
    type: str | None,
    global_: bool,
    policy: list[str],
    role_id: list[str],
    role_name: list[str],
    json: bool,
    t: str | None,
) -> None:
    """Change a token. The rights that are given replace all it had."""
    from nomad_api.models.acl import ACLTokenRole

    with failing("Error fetching token"):
        token = await call.nomad.acl.token(accessor)
    roles = [ACLTokenRole.model_validate(role) for role in _roles(role_id, role_name) or ()]
    changes = {
        "name": name,
        "type": type,
        "global_": global_ or None,
        "policies": list(policy) or None,
        "roles": roles or None,
    }
    with failing("Error updating token"):
        changed = await call.nomad.acl.update_token(token.evolve(**{k: v for k, v in changes.items() if v is not None}))
    call.out(structured(json, t, changed) if json or t else token_text(changed))


@command("acl token list", nothing(), *_JSON)
async def list_(call: Call, *, json: bool, t: str | None) -> None:
    """List tokens, without their secrets."""
    with failing("Error listing ACL tokens"):
        tokens = await call.nomad.acl.tokens()
    if json or t:
        call.out(structured(json, t, tokens))
        return
    rows = [
        (token.name, token.type, token.global_, token.accessor_id, 0 < nanoseconds(token.expiration_time) < time.time_ns())
        for token in tokens
    ]
    call.out(table([("Name", "Type", "Global", "Accessor ID", "Expired"), *rows]) if rows else "No tokens found")


@command("acl token info", one("<token_accessor_id>"))
async def info(call: Call, accessor: str) -> None:
    """Show a token."""
    with failing("Error fetching token"):
        call.out(token_text(await call.nomad.acl.token(accessor)))


@command("acl token self", nothing())
async def self_(call: Call) -> None:
    """Show the token in use."""
    if not call.settings.token:
        raise Failure("No token present in the environment or set via the CLI flag")
    if _UUID.fullmatch(call.settings.token):
        with failing("Error fetching self token"):
            call.out(token_text(await call.nomad.acl.self()))
        return
    from nomad_api.errors import NomadError

    try:
        policies = await call.nomad.acl.own_policies()
    except NomadError:
        policies = []
    if not policies:
        raise Failure("No ACL tokens, nor ACL policies attached to a workload identity found.")
    call.out(
        "No ACL token found but there are ACL policies attached to this workload identity. "
        "You can query them with acl policy self command."
    )


@command("acl token delete", one("<token_accessor_id>"))
async def delete(call: Call, accessor: str) -> None:
    """Remove a token."""
    with failing("Error deleting token"):
        await call.nomad.acl.delete_token(accessor)
    call.out(f"Token {accessor} successfully deleted")


def _roles(ids: list[str], names: list[str]) -> list[dict[str, str]] | None:
    return [*({"ID": id} for id in ids), *({"Name": name} for name in names)] or None
