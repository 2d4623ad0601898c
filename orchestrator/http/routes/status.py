"""Who leads: /v1/status/leader, /v1/status/peers, /v1/regions. One agent is all of the cluster, so the answers are short."""

from orchestrator.agent_info import rpc_address
from orchestrator.http.call import Call
from orchestrator.http.permission import public
from orchestrator.http.route import Answer, read


@read("/v1/status/leader", needs=public)
def leader(call: Call) -> Answer:
    return Answer(f'"{rpc_address(call.services)}"')


@read("/v1/status/peers", needs=public)
def peers(call: Call) -> Answer:
    return Answer([rpc_address(call.services)])


@read("/v1/regions", needs=public)
def regions(call: Call) -> Answer:
    return Answer([call.services.region])
