"""The agent itself: /v1/agent/self, members, servers, health, and /v1/metrics."""

from datetime import UTC, datetime

from orchestrator import agent_info, metrics
from orchestrator.http.call import Call
from orchestrator.http.permission import agent, node, public
from orchestrator.http.route import Answer, read

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"


@read("/v1/agent/self", needs=agent("read"))
def agent_self(call: Call) -> Answer:
    services = call.services
    return Answer(
        {
            "config": agent_info.configuration(services),
            "member": agent_info.member(services),
            "stats": agent_info.statistics(services),
        }
    )


@read("/v1/agent/members", needs=node("read"))
def members(call: Call) -> Answer:
    services = call.services
    return Answer(
        {
            "Members": [agent_info.member(services)],
            "ServerDC": services.datacenter,
            "ServerName": services.name,
            "ServerRegion": services.region,
        }
    )


@read("/v1/agent/servers", needs=agent("read"))
def servers(call: Call) -> Answer:
    return Answer([agent_info.rpc_address(call.services)])


@read("/v1/agent/health", needs=public)
def health(call: Call) -> Answer:
    """An agent that answers is healthy: whatever fails for good stops it."""
    asked = call.query.getall("type", ["client", "server"])
    parts = {"client": call.services.client is not None, "server": True}
    return Answer({name: {"ok": True, "message": "ok"} for name, runs in parts.items() if runs and name in asked})


@read("/v1/metrics", needs=public)
def figures(call: Call) -> Answer:
    if call.text("format") == "prometheus":
        return Answer(metrics.prometheus(call.services), content_type=_PROMETHEUS)
    now = datetime.fromtimestamp(call.services.clock() // 1_000_000_000, UTC)
    return Answer(
        {
            "Timestamp": now.strftime("%Y-%m-%d %H:%M:%S +0000 UTC"),
            "Gauges": [
                {"Name": gauge.name, "Value": gauge.value, "Labels": gauge.labels} for gauge in metrics.gauges(call.services)
            ],
            "PrecisionGauges": [],
            "Points": [],
            "Counters": [],
            "Samples": [],
        }
    )
