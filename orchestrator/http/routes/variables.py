"""Variables and their locks: /v1/vars, /v1/var/:path."""

from dataclasses import replace
from typing import Any

from nomad_api.models import VariableMetadata
from orchestrator.errors import APIError, PermissionDenied, store_error
from orchestrator.http import listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone
from orchestrator.http.route import TEXT, Answer, empty, missing, read, write
from orchestrator.state.records import SealedVariable
from orchestrator.variables import Conflict, Lock

_BAD_METHOD = (400, "Invalid method")
_PARAMETER_ERROR = "failed to parse parameters"
_OPERATIONS = ("lock-acquire", "lock-renew", "lock-release")


@read("/v1/vars", needs=anyone, wrong_method=_BAD_METHOD, parameter_error=_PARAMETER_ERROR)
def variables(call: Call) -> Answer:
    """Metadata only; a caller sees what it may list."""
    if call.namespace == "*":
        rows = (row for row in call.state.variables if row.path.startswith(call.prefix))
    else:
        rows = call.state.variables.prefixed(call.namespace, call.prefix)
    acl, claims = call.acl, call.caller.claims
    visible = [row for row in rows if acl.allow_variable(row.namespace, row.path, "list", claims)]
    namespace, prefix = call.namespace, call.prefix

    def concerns(key: tuple[Any, ...]) -> bool:
        return namespace in ("*", key[0]) and key[1].startswith(prefix)

    index = max(call.state.variables.index, 1)
    return listing.page(
        call,
        visible,
        listing.by_path,
        index=index,
        watch=(("variables", concerns),),
        shown=lambda row: row.metadata(with_lock=acl.is_management),
        filtered_as=lambda row: {
            "VariableMetadata": VariableMetadata.model_validate(row.metadata(with_lock=acl.is_management))
        },
        reversible=False,
    )


@read("/v1/var/{path+}", needs=anyone, wrong_method=_BAD_METHOD, parameter_error=_PARAMETER_ERROR)
def variable(call: Call) -> Answer:
    _allow(call, call.namespace, "read")
    key = (call.namespace, call.path["path"])
    found = call.state.variables.get(*key)
    watch = ("variables", lambda changed: changed == key)
    if found is None:
        return missing("variable not found", call.state.variables.index, watch)
    return Answer(_shown(call, found), found.modify_index, (watch,))


@write("/v1/var/{path+}", needs=anyone, wrong_method=_BAD_METHOD)
async def put(call: Call) -> Answer:
    operations = [name for name in _OPERATIONS if call.given(name)]
    if len(operations) > 1:
        raise APIError(400, "multiple lock operations")
    body = call.json()
    if not isinstance(body, dict):
        raise APIError(400, "json: cannot unmarshal array into Go value of type structs.VariableDecrypted")
    body = {str(key).lower(): value for key, value in body.items()}
    items, lock = _items(body.get("items")), body.get("lock")
    cas = _cas(call)
    if operations:
        if cas is not None:
            raise APIError(400, "CAS can't be used with lock operations")
        namespace = call.namespace
        _allow(call, namespace, "write", index=None if operations[0] == "lock-renew" else 0)
        return await _lock_operation(call, operations[0], namespace, items, lock)
    if not items:
        raise APIError(400, "variable missing required Items object")
    namespace = body.get("namespace") or call.namespace
    held = Lock.from_json(lock) if isinstance(lock, dict) else None
    _allow(call, namespace, "write", index=0)
    if held and (held.ttl or held.delay):
        raise store_error(400, "RPC Error:: 400,variable should not contain lock definition")
    try:
        committed = await call.services.variables.put(namespace, call.path["path"], items, cas=cas, lock=held)
    except Conflict as conflict:
        return _conflict(call, conflict)
    return Answer({**committed.value.metadata(), "Items": items}, committed.index)


@write("/v1/var/{path+}", needs=anyone, methods="DELETE", wrong_method=_BAD_METHOD)
async def delete(call: Call) -> Answer:
    _allow(call, call.namespace, "destroy", index=0)
    try:
        committed = await call.services.variables.delete(call.namespace, call.path["path"], cas=_cas(call))
    except Conflict as conflict:
        return _conflict(call, conflict)
    return empty(committed.index, status=204)


async def _lock_operation(call: Call, operation: str, namespace: str, items: dict[str, str], lock: Any) -> Answer:
    wanted = Lock.from_json(lock) if isinstance(lock, dict) else Lock()
    path, store = call.path["path"], call.services.variables
    try:
        if operation == "lock-renew":
            return Answer(store.renew(namespace, path, wanted.id).metadata())
        if operation == "lock-acquire":
            acquired = await store.acquire(namespace, path, items, wanted)
            return Answer(store.show(acquired.value), acquired.index)
        if items:
            raise store_error(400, "lock release operation doesn't take variable items")
        released = await store.release(namespace, path, wanted.id)
        return Answer(released.value.metadata(), released.index)
    except Conflict as conflict:
        return replace(_conflict(call, conflict), index=None)


def _conflict(call: Call, conflict: Conflict) -> Answer:
    """409 with the variable as it is: with its items for who may read them. A lock shows nothing at all."""
    current = conflict.current or SealedVariable(namespace=conflict.namespace, path=conflict.path)
    may_read = call.acl.allow_variable(conflict.namespace, conflict.path, "read", call.caller.claims)
    body = _shown(call, current) if may_read else current.metadata(with_lock=call.acl.is_management)
    return Answer(body, current.modify_index, status=409, content_type=TEXT)


def _shown(call: Call, sealed: SealedVariable) -> dict[str, Any]:
    return call.services.variables.show(sealed, with_lock=call.acl.is_management)


def _allow(call: Call, namespace: str, capability: str, *, index: int | None = None) -> None:
    if not call.acl.allow_variable(namespace, call.path["path"], capability, call.caller.claims):
        raise PermissionDenied(index=index)


def _cas(call: Call) -> int | None:
    text = call.text("cas")
    if not text:
        return None
    return call.number("cas", f'can not parse cas: strconv.ParseUint: parsing "{text}": invalid syntax')


def _items(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise APIError(400, "json: cannot unmarshal into Go struct field VariableDecrypted.Items of type structs.VariableItems")
    for item in value.values():
        if item is not None and not isinstance(item, str):
            kind = {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}[type(item)]
            raise APIError(400, f"json: cannot unmarshal {kind} into Go struct field VariableDecrypted.Items of type string")
    return {key: item or "" for key, item in value.items()}
