"""Nodes: /v1/nodes, /v1/node/:id."""

import re

from nomad_api.models import Node, NodeStub
from orchestrator import agent_info
from orchestrator import nodes as node_writes
from orchestrator.errors import APIError
from orchestrator.http import go_json, listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, node
from orchestrator.http.route import Answer, missing, read, write

_NO_HEX = re.compile(r"[^0-9a-fA-F]")


@read("/v1/nodes", needs=node("read"))
def nodes(call: Call) -> Answer:
    with_resources, with_os = _boolean(call, "resources"), _boolean(call, "os")
    wanted = _prefix(call.prefix)
    rows = [row for row in call.state.nodes if row.id.replace("-", "").startswith(wanted)]
    return listing.page(
        call,
        rows,
        listing.by_id,
        index=max(call.state.nodes.index, 1),
        watch=("nodes",),
        shown=lambda row: _stub(row, with_resources=with_resources, with_os=with_os),
    )


@read("/v1/node/{node_id}", needs=node("read"))
def one(call: Call) -> Answer:
    node_id = call.path["node_id"]
    if len(node_id) != 36:
        raise APIError(500, "node lookup failed: index error: UUID must be 36 characters")
    found = call.state.nodes.get(node_id)
    watch = ("nodes", lambda key: key == (node_id,))
    if found is None:
        return missing("node not found", call.state.nodes.index, watch)
    return Answer(found.evolve(secret_id="", drain=found.drain_strategy is not None), found.modify_index, (watch,))


@read("/v1/node/", needs=anyone)
def nameless(call: Call) -> Answer:
    raise APIError(500, "missing node ID")


@read("/v1/node/{node_id}/allocations", needs=node("read"))
def allocations(call: Call) -> Answer:
    found = [
        alloc
        for alloc in call.state.allocations.by("node", call.path["node_id"])
        if call.acl.allow_namespace(alloc.namespace, "read-job")
    ]
    index = max((alloc.modify_index for alloc in found), default=call.state.allocations.index)
    return Answer(list(found), max(index, 1), ("allocations",))


@write("/v1/node/{node_id}/eligibility", needs=node("write"))
async def eligibility(call: Call) -> Answer:
    body = go_json.fields(call.json(), "api.NodeUpdateEligibilityRequest")
    word = body.string("Eligibility", within="NodeUpdateEligibilityRequest")
    before = call.store.index
    committed = await call.store.write(
        "NodeEligibility", lambda tx: node_writes.set_eligibility(tx, call.path["node_id"], word)
    )
    index = committed.index if committed.index > before else 0
    reply = {"EvalIDs": committed.value or None, "EvalCreateIndex": committed.index if committed.value else 0}
    return Answer(reply | {"NodeModifyIndex": 0, "Index": index}, index)


@write("/v1/node/{node_id}/evaluate", needs=node("write"))
async def evaluate(call: Call) -> Answer:
    node_id = call.path["node_id"]
    committed = await call.store.write("EvaluationUpdated", lambda tx: node_writes.evaluate(tx, node_id))
    index = committed.index if committed.value else 0
    evaluated = call.state.nodes.get(node_id)
    server = agent_info.rpc_address(call.services)
    reply = {
        "EvalIDs": committed.value or None,
        "EvalCreateIndex": index,
        "NodeModifyIndex": 0,
        "Index": index,
        "LastContact": 0,
        "KnownLeader": False,
        "NextToken": "",
        # What follows is for nodes that talk to their servers by this very answer.
        "HeartbeatTTL": 0,
        "Features": 0,
        "NumNodes": len(call.state.nodes),
        "SchedulingEligibility": evaluated.scheduling_eligibility if evaluated else "",
        "LeaderRPCAddr": server,
        "Servers": [
            {"Datacenter": call.services.datacenter, "RPCAdvertiseAddr": server, "RPCMajorVersion": 0, "RPCMinorVersion": 0}
        ],
        "SignedIdentity": None,
    }
    return Answer(reply, index)


def _stub(row: Node, *, with_resources: bool, with_os: bool) -> NodeStub:
    attributes = row.attributes or {}
    fields = {name: getattr(row, name) for name in NodeStub.model_fields if name in Node.model_fields}
    shown = {
        "address": row.http_addr.rsplit(":", 1)[0],
        "version": attributes.get("nomad.version", ""),
        "drain": row.drain_strategy is not None,
        "attributes": {"os.name": attributes.get("os.name", "")} if with_os else None,
        "node_resources": row.node_resources if with_resources else None,
        "reserved_resources": row.reserved_resources if with_resources else None,
    }
    return NodeStub.model_construct(**{**fields, **shown})


def _prefix(text: str) -> str:
    """The beginning of an ID without dashes. Raises APIError 500 with Nomad's texts for what is none."""
    digits = text.replace("-", "")
    if len(digits) % 2:
        raise APIError(500, "node lookup failed: index error: Input (without hyphens) must be even length")
    bad = _NO_HEX.search(digits)
    if bad:
        shown = f"U+{ord(bad[0]):04X} '{bad[0]}'"
        raise APIError(500, f"node lookup failed: index error: Invalid UUID: encoding/hex: invalid byte: {shown}")
    return digits.lower()


def _boolean(call: Call, name: str) -> bool:
    try:
        return call.boolean(name)
    except APIError as error:
        raise APIError(400, f"Failed to parse node list fields: {error.message}") from None
