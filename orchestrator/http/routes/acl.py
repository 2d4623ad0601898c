"""Policies, tokens and the keys that identities are signed with: /v1/acl/…, /.well-known/jwks.json.

Without ACLs nearly all of these routes say so before they look at any token.
"""

import re
from pathlib import Path
from typing import Any

from nomad_api.duration import format_duration, parse_duration
from nomad_api.models import ACLPolicy, ACLToken
from orchestrator.acl import policies, tokens
from orchestrator.acl.resolver import InvalidCredentials, is_uuid
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json, listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, management, public
from orchestrator.http.route import Answer, Permission, empty, missing, read, write
from orchestrator.keyring import InvalidIdentity
from orchestrator.timestamps import parse_time

_NOT_HEX = re.compile(r"[^0-9a-fA-F-]")
_TOKEN_NOT_FOUND = "ACL token not found"
_NO_SERVER_ASKED = {"X-Nomad-KnownLeader": "false", "X-Nomad-LastContact": "0"}


def _enabled(then: Permission) -> Permission:
    """The permission, on an agent that has ACLs."""

    def check(call: Call) -> None:
        _check_enabled(call)
        then(call)

    return check


def _check_enabled(call: Call) -> None:
    if not call.services.acl_enabled:
        raise APIError(400, "ACL support disabled")


def _allow_change(call: Call) -> None:
    """Changes read their body before they ask for permission, so a broken body is told to anybody."""
    _check_enabled(call)
    management(call)


@write("/v1/acl/bootstrap", needs=public)
async def bootstrap(call: Call) -> Answer:
    """The first management token; whoever comes first gets it."""
    body = {}
    if call.body:
        try:
            body = go_json.fields(call.json(), "structs.ACLTokenBootstrapRequest")
        except APIError as error:
            raise APIError(400, f"failed to decode request body: {error.message}") from None
    _check_enabled(call)
    secret, reset = body.get("BootstrapSecret") or "", _reset_index(call.services.configuration.data_dir)
    committed = await call.store.write(tokens.UPSERTED, lambda tx: tokens.bootstrap(tx, secret, reset_index=reset))
    return Answer(committed.value, committed.index)


def _reset_index(data_dir: str) -> int:
    """Whoever can write into the data directory may allow another bootstrap, by the index of the last one."""
    file = Path(data_dir, "server", "acl-bootstrap-reset")
    text = file.read_text().strip() if data_dir and file.is_file() else ""
    return int(text) if text.isdecimal() else 0


@read("/v1/acl/policies", needs=_enabled(anyone))
def policy_list(call: Call) -> Answer:
    """A caller sees the policies that it has."""
    visible = [
        policies.stub(policy)
        for policy in call.state.acl_policies.prefixed(call.prefix)
        if call.acl.is_management or policy.name in call.caller.policies
    ]
    return Answer(visible, max(call.state.acl_policies.index, 1), ("acl_policies",))


@read("/v1/acl/policy/self", needs=anyone)
def own_policies(call: Call) -> Answer:
    """The policies of the caller: of a workload those that are bound to it."""
    if call.caller.kind == "workload":
        bound = (call.state.acl_policies.get(name) for name in call.caller.policies)
        shown = [policies.stub(policy) for policy in bound if policy]
        return Answer(shown or None, 0, headers=_NO_SERVER_ASKED)
    if call.caller.kind != "token":
        raise PermissionDenied
    answer = policy_list(call)
    return Answer(answer.body or None, answer.index, answer.watch)


@read("/v1/acl/policy/{name+}", needs=anyone)
def policy(call: Call) -> Answer:
    """One policy with its rules, for those who have it; the policy `anonymous` is everybody's."""
    name = _policy_name(call)
    _check_enabled(call)
    if not (call.acl.is_management or name == "anonymous" or name in call.caller.policies):
        raise PermissionDenied
    found = call.state.acl_policies.get(name)
    watch = ("acl_policies", lambda key: key == (name,))
    if found is None:
        return missing("ACL policy not found", call.state.acl_policies.index, watch)
    return Answer(policies.explained(found), found.modify_index, (watch,))


@write("/v1/acl/policy/{name+}", needs=public)
async def put_policy(call: Call) -> Answer:
    name = _policy_name(call)
    wanted = call.model(ACLPolicy)
    if wanted.name != name:
        raise APIError(400, "ACL policy name does not match request path")
    _allow_change(call)
    committed = await call.store.write(policies.UPSERTED, lambda tx: policies.upsert(tx, wanted))
    return empty(committed.index)


@write("/v1/acl/policy/{name+}", needs=public, methods="DELETE")
async def delete_policy(call: Call) -> Answer:
    name = _policy_name(call)
    _allow_change(call)
    committed = await call.store.write(policies.DELETED, lambda tx: policies.delete(tx, name))
    return empty(committed.index)


def _policy_name(call: Call) -> str:
    if not call.path["name"]:
        raise APIError(400, "Missing Policy Name")
    return call.path["name"]


@read("/v1/acl/tokens", needs=_enabled(management))
def token_list(call: Call) -> Answer:
    """Without secrets. In order of creation; with a prefix, of accessors."""
    _check_prefix(call.prefix)
    rows = list(call.state.acl_tokens.prefixed(call.prefix))
    if not call.prefix:
        rows.sort(key=lambda token: (token.create_index, token.accessor_id))
    token_of = _by_accessor if call.prefix else _by_creation
    return listing.page(call, rows, token_of, index=call.state.acl_tokens.index, watch=("acl_tokens",), shown=tokens.stub)


def _by_accessor(token: ACLToken) -> str:
    return token.accessor_id


def _by_creation(token: ACLToken) -> str:
    return f"{token.create_index}.{token.accessor_id}"


def _check_prefix(prefix: str) -> None:
    if len(prefix.replace("-", "")) % 2:
        raise APIError(500, "acl token lookup failed: index error: Input (without hyphens) must be even length")
    wrong = _NOT_HEX.search(prefix)
    if wrong:
        character = f"U+{ord(wrong[0]):04X} '{wrong[0]}'"
        raise APIError(500, f"acl token lookup failed: index error: Invalid UUID: encoding/hex: invalid byte: {character}")


@read("/v1/acl/token/self", needs=public)
def own_token(call: Call) -> Answer:
    """The token of the caller. Workloads have none, also where ACLs are off and nobody looks at their identity."""
    token = _told_why(call).caller.token
    if token is None or (call.caller.kind == "disabled" and _is_identity(call)):
        return missing(_TOKEN_NOT_FOUND, 0)
    return Answer(token, token.modify_index)


def _is_identity(call: Call) -> bool:
    try:
        call.services.keyring.verify(call.secret)
    except InvalidIdentity:
        return False
    return True


def _told_why(call: Call) -> Call:
    """The call, if its token is good; a bad one is told what is wrong with it."""
    try:
        _ = call.caller
    except InvalidCredentials as refusal:
        raise refusal.cause from None
    return call


@write("/v1/acl/token", needs=public)
async def create_token(call: Call) -> Answer:
    """Also changes a token, if its accessor is given."""
    return await _put_token(call, _wanted_token(call))


@read("/v1/acl/token/{accessor+}", needs=public)
def token(call: Call) -> Answer:
    """One token with its secret, for managers and for whoever has it."""
    accessor = _accessor(call)
    _check_enabled(call)
    caller = _told_why(call).caller
    if not is_uuid(accessor):
        raise APIError(500, tokens.malformed(accessor))
    found = call.state.acl_tokens.get(accessor)
    if not call.acl.is_management and (found is None or found != caller.token):
        raise PermissionDenied
    watch = ("acl_tokens", lambda key: key == (accessor,))
    if found is None:
        return missing(_TOKEN_NOT_FOUND, call.state.acl_tokens.index, watch)
    return Answer(found, found.modify_index, (watch,))


@write("/v1/acl/token/{accessor+}", needs=public)
async def put_token(call: Call) -> Answer:
    accessor = _accessor(call)
    wanted = _wanted_token(call)
    if wanted.accessor_id != accessor:
        raise APIError(400, "ACL token accessor does not match request path")
    return await _put_token(call, wanted)


@write("/v1/acl/token/{accessor+}", needs=public, methods="DELETE")
async def delete_token(call: Call) -> Answer:
    accessor = _accessor(call)
    _allow_change(call)
    committed = await call.store.write(tokens.DELETED, lambda tx: tokens.delete(tx, accessor))
    return empty(committed.index)


def _accessor(call: Call) -> str:
    if not call.path["accessor"]:
        raise APIError(400, "Missing Token Accessor")
    return call.path["accessor"]


async def _put_token(call: Call, wanted: ACLToken) -> Answer:
    _allow_change(call)
    committed = await call.store.write(tokens.UPSERTED, lambda tx: tokens.upsert(tx, wanted))
    return Answer(committed.value, committed.index)


def _wanted_token(call: Call) -> ACLToken:
    """The token of the body. Raises APIError 400 with the texts of Go's decoder."""
    body = go_json.fields(call.json(), "structs.ACLToken")
    try:
        token = go_json.convert({**body, "ExpirationTTL": _duration_text(body.get("ExpirationTTL"))}, ACLToken)
    except APIError as error:  # Nomad decodes tokens by way of a structure without a name
        raise APIError(400, error.message.replace("field ACLToken.", "field .Alias.")) from None
    for text in (token.create_time, token.expiration_time):
        try:
            parse_time(text)
        except ValueError:
            form = f'"{text}" as "2006-01-02T15:04:05Z07:00"'
            raise APIError(400, f'parsing time {form}: cannot parse "{text}" as "2006"') from None
    return token


def _duration_text(value: Any) -> str:
    """A duration is a text or a number of nanoseconds; of any other type it is left out."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_duration(int(value))
    if not isinstance(value, str) or not value:
        return ""
    try:
        return format_duration(parse_duration(value))
    except ValueError:
        raise APIError(400, f'time: invalid duration "{value}"') from None


@read("/.well-known/jwks.json", needs=public)
def public_keys(call: Call) -> Answer:
    """What others check workload identities with; also the sign that the keyring is ready."""
    keyring = call.services.keyring
    headers = {"Cache-Control": f"max-age={keyring.max_age}"}
    return Answer(keyring.jwks(), call.state.root_keys.index, ("root_keys",), headers=headers)
