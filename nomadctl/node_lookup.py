"""Finding a node by a prefix of its ID, or the one that the answering agent is."""

from typing import TYPE_CHECKING

from nomadctl.failure import Failure, failing
from nomadctl.lookup import find_one
from nomadctl.output import FULL_ID, SHORT_ID, limit, table

if TYPE_CHECKING:
    from nomad_api.models import NodeStub
    from nomadctl.framework import Call


async def find_node(call: "Call", prefix: str, *, doing: str, none: str, verbose: bool = False) -> str:
    """The whole ID of the node that a prefix means; an empty prefix is the answering agent's own node."""

    def many(found: "list[NodeStub]") -> Failure:
        titles = ("ID", "DC", "Name", "Class", "Drain", "Eligibility", "Status")
        length = FULL_ID if verbose else SHORT_ID
        rows = [
            (limit(n.id, length), n.datacenter, n.name, n.node_class, n.drain, n.scheduling_eligibility, n.status)
            for n in found
        ]
        return Failure(f"Prefix matched multiple nodes\n\n{table([titles, *rows])}")

    wanted = prefix or await _own_id(call)
    return (await find_one(wanted, call.nomad.nodes.list, doing=doing, none=none, many=many)).id


async def _own_id(call: "Call") -> str:
    with failing("Error querying agent info"):
        agent = await call.nomad.agent.self()
    client = (agent.get("stats") or {}).get("client")
    if client is None:
        raise Failure("Nomad not running in client mode")
    if not client.get("node_id"):
        raise Failure("Failed to determine node ID")
    return str(client["node_id"])
