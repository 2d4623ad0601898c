"""Nomad's own service discovery: /v1/services, /v1/service/:name."""

import hashlib

from nomad_api.models import ServiceList, ServiceRegistration
from nomad_api.models.service import ServiceStub
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, namespace
from orchestrator.http.route import Answer, empty, read, write

_BAD_CHOICE = "failed to choose services: Parameter for choose must be in form '<number>|<key>'"


def _sees(call: Call, in_namespace: str) -> bool:
    """Whether the caller may read services of a namespace; a workload may always read those of its own."""
    claims = call.caller.claims
    return call.acl.allow_namespace(in_namespace, "read-job") or (claims is not None and claims.namespace == in_namespace)


def readers(call: Call) -> None:
    """Whoever may read jobs of the namespace, and workloads in it; with `*`, of any namespace (the list is then filtered)."""
    if not (
        _sees(call, call.namespace)
        or (call.namespace == "*" and (call.acl.allow_any_namespace("read-job") or call.caller.claims))
    ):
        raise PermissionDenied


@read("/v1/services", needs=readers)
def services(call: Call) -> Answer:
    """Names and tags, by namespace."""
    names: dict[str, dict[str, dict[str, None]]] = {}
    rows = call.state.services if call.namespace == "*" else call.state.services.prefixed(call.namespace, "")
    for row in rows:
        if _sees(call, row.namespace):
            names.setdefault(row.namespace, {}).setdefault(row.service_name, {}).update(dict.fromkeys(row.tags or ()))
    lists = [
        ServiceList(
            namespace=name, services=[ServiceStub(service_name=service, tags=list(tags)) for service, tags in found.items()]
        )
        for name, found in names.items()
    ]
    return Answer(lists, max(call.state.services.index, 1), ("services",))


@read("/v1/service/{name}", needs=readers)
def service(call: Call) -> Answer:
    rows = [
        row for row in call.state.services.prefixed(call.namespace, call.path["name"]) if row.service_name == call.path["name"]
    ]
    if call.given("choose"):
        rows = _chosen(rows, call.text("choose"))
    index = max(call.state.services.index, 1)
    return listing.page(call, rows, listing.by_namespaced_id, index=index, watch=("services",))


@read("/v1/service/", needs=anyone, methods="GET PUT POST DELETE")
def nameless(call: Call) -> Answer:
    raise APIError(400, "missing service name")


@read("/v1/service/{name}/{id}/{rest+}", needs=anyone, methods="GET PUT POST DELETE")
def too_deep(call: Call) -> Answer:
    raise APIError(400, "invalid URI")


@write("/v1/service/{name}/{id}", needs=namespace("submit-job"), methods="DELETE")
async def delete(call: Call) -> Answer:
    key = (call.namespace, call.path["name"], call.path["id"])
    committed = await call.store.write("ServiceDeregistration", lambda tx: tx.delete("services", *key))
    if not committed.value:
        raise APIError(500, "service registration not found")
    return empty(committed.index)


def _chosen(rows: list[ServiceRegistration], choice: str) -> list[ServiceRegistration]:
    """As many instances as asked for, chosen by rendezvous hashing: the same key gets the same ones while they live."""
    number, separator, key = choice.partition("|")
    if not (separator and number.isascii() and number.isdigit()) or "|" in key:
        raise APIError(400, _BAD_CHOICE)

    def weight(row: ServiceRegistration) -> bytes:
        return hashlib.blake2b(f"{key}\0{row.id}".encode(), digest_size=8).digest()

    return sorted(rows, key=weight)[: int(number)]
