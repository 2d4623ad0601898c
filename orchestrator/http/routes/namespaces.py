"""Namespaces: /v1/namespaces, /v1/namespace/:name."""

from nomad_api.models import Namespace
from orchestrator import namespaces as namespace_writes
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, management
from orchestrator.http.route import Answer, empty, missing, read, write


@read("/v1/namespaces", needs=anyone)
def namespaces(call: Call) -> Answer:
    """A caller sees the namespaces in which it may do anything at all."""
    visible = [row for row in call.state.namespaces.prefixed(call.prefix) if call.acl.allow_any_in_namespace(row.name)]
    return Answer(visible, max(call.state.namespaces.index, 1), ("namespaces",))


@read("/v1/namespace/{name}", needs=anyone)
def namespace(call: Call) -> Answer:
    name = call.path["name"]
    if not call.acl.allow_any_in_namespace(name):
        raise PermissionDenied
    found = call.state.namespaces.get(name)
    watch = ("namespaces", lambda key: key == (name,))
    if found is None:
        return missing("Namespace not found", call.state.namespaces.index, watch)
    return Answer(found, found.modify_index, (watch,))


@write("/v1/namespace/", needs=anyone, methods="GET PUT POST DELETE")
async def nameless(call: Call) -> Answer:
    raise APIError(400, "Missing Namespace Name")


@write("/v1/namespace", needs=management)
@write("/v1/namespace/{name}", needs=management)
async def upsert(call: Call) -> Answer:
    body = call.json()
    go_json.fields(body, "structs.Namespace")
    wanted = go_json.convert(body or {}, Namespace)
    if call.path.get("name", wanted.name) != wanted.name:
        raise APIError(400, "Namespace name does not match request path")
    committed = await call.store.write(namespace_writes.KIND, lambda tx: namespace_writes.upsert(tx, wanted))
    return empty(committed.index)


@write("/v1/namespace/{name}", needs=management, methods="DELETE")
async def delete(call: Call) -> Answer:
    region = call.services.region
    committed = await call.store.write("NamespaceDeleted", lambda tx: namespace_writes.delete(tx, call.path["name"], region))
    return empty(committed.index)
