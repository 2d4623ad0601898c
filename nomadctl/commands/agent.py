"""`agent`: the only door into the orchestrator."""

from typing import Any

from nomadctl.framework import Call, command, flag, nothing, option


@command(
    "agent",
    nothing(),
    flag("dev", "Everything in memory, server and client in one, on the loopback interface."),
    option("config", "A file (HCL, JSON) or folder of settings; may be repeated, later ones win.", multiple=True),
    flag("server", "Be a server."),
    flag("client", "Be a client: run allocations."),
    flag("acl-enabled", "Ask for tokens."),
    option("data-dir", "Where to keep the state; an absolute path."),
    option("bind", "The address to listen at."),
    option("region", "The name of the region."),
    option("dc", "The name of the datacenter."),
    option("node", "The name of the agent."),
    option("node-class", "The class of the node."),
    option("node-pool", "The pool of the node."),
    option("meta", "Metadata of the node, as key=value; may be repeated.", multiple=True),
    option("log-level", "TRACE, DEBUG, INFO, WARN or ERROR."),
    flag("log-json", "Write the log as JSON."),
    client=False,
)
def agent(call: Call, **flags: Any) -> int:
    """Run an agent until it is told to stop."""
    from orchestrator.agent import main

    return main(settings(flags))


def settings(flags: dict[str, Any]) -> dict[str, Any]:
    """The agent's settings, in the form of its configuration files, from the flags that were given."""
    client: dict[str, Any] = {
        "enabled": flags["client"] or None,
        "node_class": flags["node_class"],
        "node_pool": flags["node_pool"],
        "meta": dict(entry.partition("=")[::2] for entry in flags["meta"]) or None,
    }
    everything: dict[str, Any] = {
        "dev": flags["dev"] or None,
        "config": list(flags["config"]),
        "data_dir": flags["data_dir"],
        "bind_addr": flags["bind"],
        "region": flags["region"],
        "datacenter": flags["dc"],
        "name": flags["node"],
        "log_level": flags["log_level"],
        "log_json": flags["log_json"] or None,
        "server": {"enabled": True} if flags["server"] else None,
        "acl": {"enabled": True} if flags["acl_enabled"] else None,
        "client": {name: value for name, value in client.items() if value is not None} or None,
    }
    return {name: value for name, value in everything.items() if value is not None}
