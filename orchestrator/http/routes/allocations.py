"""Allocations as the server knows them: /v1/allocations, /v1/allocation/:id."""

import re

from nomad_api.models import Allocation, AllocationStub
from orchestrator import jobs as job_writes
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, namespace
from orchestrator.http.route import Answer, missing, read, write

_BAD_LENGTH = "index error: UUID must be 36 characters"
_NOT_HEX = re.compile(r"[^0-9a-fA-F]")


def stub(alloc: Allocation, *, task_states: bool = True, resources: bool = False) -> AllocationStub:
    """The allocation as it stands in lists."""
    fields = {name: getattr(alloc, name) for name in AllocationStub.model_fields if hasattr(alloc, name)}
    fields["job_type"] = alloc.job.type if alloc.job else ""
    fields["job_version"] = alloc.job.version if alloc.job else 0
    if not task_states:
        fields["task_states"] = None
    if not resources:
        fields["allocated_resources"] = None
    return AllocationStub.model_construct(**fields)


def check_prefix(prefix: str, lookup: str = "") -> None:
    """Raises APIError 500 with Nomad's texts for what is not the beginning of an ID."""
    digits = prefix.replace("-", "")
    if len(digits) % 2:
        raise APIError(500, f"{lookup}index error: Input (without hyphens) must be even length")
    wrong = _NOT_HEX.search(digits)
    if wrong:
        raise APIError(
            500, f"{lookup}index error: Invalid UUID: encoding/hex: invalid byte: U+{ord(wrong[0]):04X} '{wrong[0]}'"
        )


@read("/v1/allocations", needs=namespace("read-job"))
def allocations(call: Call) -> Answer:
    check_prefix(call.prefix, "alloc lookup failed: ")
    with_states = call.boolean("task_states") if call.text("task_states") else True
    with_resources = call.boolean("resources")
    rows = [
        alloc
        for alloc in (call.state.allocations.prefixed(call.prefix) if call.prefix else call.state.allocations)
        if call.namespace in ("*", alloc.namespace) and call.acl.allow_namespace(alloc.namespace, "read-job")
    ]
    if not call.prefix:
        rows.sort(key=lambda alloc: (alloc.create_index, alloc.id))
    token = listing.by_id if call.prefix else listing.by_create_index
    return listing.page(
        call,
        rows,
        token,
        index=call.state.allocations.index,
        watch=("allocations",),
        shown=lambda alloc: stub(alloc, task_states=with_states, resources=with_resources),
    )


@read("/v1/allocation/{alloc_id+}", needs=anyone)
def allocation(call: Call) -> Answer:
    alloc_id = call.path["alloc_id"]
    if "/" in alloc_id:
        raise APIError(404, "resource not found")
    if len(alloc_id) != 36:
        raise APIError(500, f"alloc lookup failed: {_BAD_LENGTH}")
    found = call.state.allocations.get(alloc_id)
    watch = ("allocations", lambda key: key == (alloc_id,))
    if found is None:
        return missing("alloc not found", call.state.allocations.index, watch)
    if not call.acl.allow_namespace(found.namespace, "read-job"):
        raise PermissionDenied
    return Answer(found, found.modify_index, (watch,))


@read("/v1/allocation/{alloc_id}/services", needs=anyone)
def services(call: Call) -> Answer:
    allocation = call.state.allocations.get(call.path["alloc_id"])
    if allocation is None:
        return missing("allocation not found", 0, "allocations")
    if not call.acl.allow_namespace(allocation.namespace, "read-job"):
        raise PermissionDenied
    found = call.state.services.by("allocation", allocation.id)
    return Answer(list(found), max(call.state.services.index, 1), ("services",))


@write("/v1/allocation/{alloc_id}/stop", needs=anyone)
async def stop(call: Call) -> Answer:
    alloc_id = call.path["alloc_id"]
    if len(alloc_id) != 36:
        raise APIError(500, f"alloc lookup failed: {_BAD_LENGTH}")
    found = call.state.allocations.get(alloc_id)
    if found is None:
        raise APIError(404, "allocation not found")
    if not call.acl.allow_namespace(found.namespace, "alloc-lifecycle"):
        raise PermissionDenied
    no_delay, reschedule = call.boolean("no_shutdown_delay"), call.boolean("reschedule")
    committed = await call.store.write(
        "AllocationUpdateDesiredStatus",
        lambda tx: job_writes.stop_allocation(tx, alloc_id, no_shutdown_delay=no_delay, reschedule=reschedule),
    )
    return Answer({"EvalID": committed.value, "Index": committed.index}, committed.index)
