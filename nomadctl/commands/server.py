"""`server members` and `agent-info`."""

from typing import Any

from nomadctl.failure import failing
from nomadctl.framework import Call, command, flag, nothing, option
from nomadctl.output import table
from nomadctl.structured import as_text, structured


@command(
    "server members",
    nothing(),
    flag("detailed", "Accepted for compatibility: the same as -verbose."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Also the protocol and all tags."),
)
async def members(call: Call, *, detailed: bool, json: bool, t: str | None, verbose: bool) -> None:
    """List the servers of the cluster."""
    with failing("Error querying servers"):
        found: list[dict[str, Any]] = (await call.nomad.agent.members())["Members"]
        leader = await call.nomad.status.leader()
    found.sort(key=lambda member: (member["Tags"].get("region", ""), member["Name"]))
    for member in found:
        address = f"{member['Addr']}:{member['Tags'].get('port')}"
        member["Tags"] = {**member["Tags"], "Leader": "true" if address == leader else "false"}
    if json or t:
        call.out(structured(json, t, found))
        return
    everything = verbose or detailed
    titles = ["Name", "Address", "Port", "Status", "Leader", *(["Protocol"] if everything else [])]
    titles += ["Raft Version", "Build", "Datacenter", "Region", *(["Tags"] if everything else [])]
    rows = []
    for member in found:
        tags = member["Tags"]
        row = [member["Name"], member["Addr"], member["Port"], member["Status"], tags["Leader"]]
        row += [member["ProtocolCur"]] if everything else []
        row += [tags.get("raft_vsn"), tags.get("build"), tags.get("dc"), tags.get("region")]
        row += [",".join(f"{key}={value}" for key, value in sorted(tags.items()) if key != "Leader")] if everything else []
        rows.append(row)
    call.out(table([titles, *rows]))


@command("agent-info", nothing(), flag("json", "As JSON."), option("t", "A Go template for the output."))
async def info(call: Call, *, json: bool, t: str | None) -> None:
    """Show statistics of the agent that answers."""
    with failing("Error querying agent info"):
        agent = await call.nomad.agent.self()
    if t:
        # Only templates see the names of Go.
        call.out(structured(False, t, {key.capitalize(): value for key, value in agent.items()}))
    elif json:
        call.out(as_text(agent))
    else:
        for topic, values in sorted((agent.get("stats") or {}).items()):
            call.out("\n".join([topic, *(f"  {key} = {value}" for key, value in sorted(values.items()))]))
