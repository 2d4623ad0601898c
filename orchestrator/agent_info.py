"""What an agent says of itself: its configuration, itself as a member of the cluster, and figures.

Keys are those of a Nomad agent; what has no meaning in one process on one machine (raft, gossip) has the values of a single,
healthy server, because clients print it.
"""

import os
import platform
import sys
import threading
from typing import Any

from orchestrator.client.fingerprint import NOMAD_VERSION
from orchestrator.configuration import Configuration
from orchestrator.services import Services


def rpc_address(services: Services) -> str:
    """Where the server part would be reached by other servers. Nothing listens there; clients only show it."""
    return f"{services.configuration.advertised_host}:{services.configuration.ports.rpc}"


def member(services: Services) -> dict[str, Any]:
    """The agent as a server among servers."""
    configuration = services.configuration
    return {
        "Name": f"{services.name}.{services.region}",
        "Addr": configuration.advertised_host,
        "Port": configuration.ports.serf,
        "Status": "alive",
        "Tags": {
            "bootstrap": "1",
            "build": NOMAD_VERSION,
            "dc": services.datacenter,
            "expect": "1",
            "id": services.name,
            "port": str(configuration.ports.rpc),
            "raft_vsn": "3",
            "region": services.region,
            "revision": "",
            "role": "nomad",
            "rpc_addr": configuration.advertised_host,
            "vsn": "1",
        },
        "ProtocolMin": 1,
        "ProtocolMax": 5,
        "ProtocolCur": 2,
        "DelegateMin": 2,
        "DelegateMax": 5,
        "DelegateCur": 4,
    }


def configuration(services: Services) -> dict[str, Any]:
    """The settings in use, with Nomad's keys. Nothing secret is in it."""
    settings: Configuration = services.configuration
    host, ports = settings.advertised_host, settings.ports
    return {
        "ACL": {"Enabled": settings.acl.enabled},
        "Addresses": {"HTTP": settings.http_host, "RPC": settings.bind_addr, "Serf": settings.bind_addr},
        "AdvertiseAddrs": {
            "HTTP": services.address,
            "RPC": f"{host}:{ports.rpc}",
            "Serf": f"{host}:{ports.serf}",
        },
        "Audit": {"Enabled": None, "Filters": None, "Sinks": None},
        "Autopilot": {},
        "BindAddr": settings.bind_addr,
        "Client": {
            "Enabled": settings.client.enabled,
            "AllocDir": settings.client.alloc_dir,
            "StateDir": settings.client.state_dir,
            "Meta": settings.client.meta,
            "NodeClass": settings.client.node_class,
            "NodePool": settings.client.node_pool,
            "Options": settings.client.options,
            "MinDynamicPort": settings.client.min_dynamic_port,
            "MaxDynamicPort": settings.client.max_dynamic_port,
        },
        "ConfigPaths": [],
        "Consuls": [],
        "DataDir": settings.data_dir,
        "Datacenter": settings.datacenter,
        "DevMode": settings.dev,
        "DisableAnonymousSignature": True,
        "DisableUpdateCheck": True,
        "EnableDebug": settings.enable_debug or settings.dev,
        "EnableSyslog": False,
        "Eventlog": {"Enabled": False, "Level": ""},
        "Files": [],
        "HTTPAPIResponseHeaders": {},
        "KEKProviders": None,
        "LeaveOnInt": settings.leave_on_interrupt,
        "LeaveOnTerm": settings.leave_on_terminate,
        "Limits": {},
        "LogFile": "",
        "LogIncludeLocation": False,
        "LogJson": settings.log_json,
        "LogLevel": settings.log_level,
        "LogRotateBytes": 0,
        "LogRotateDuration": "",
        "LogRotateMaxFiles": 0,
        "NodeName": services.name,
        "PluginDir": "",
        "Plugins": None,
        "Ports": {"HTTP": ports.http, "RPC": ports.rpc, "Serf": ports.serf},
        "RPC": {},
        "Region": services.region,
        "Reporting": {},
        "Sentinel": {},
        "Server": {"Enabled": True, "BootstrapExpect": 1, "OIDCIssuer": settings.server.oidc_issuer},
        "SyslogFacility": "LOCAL0",
        "TLSConfig": {"EnableHTTP": settings.tls.http, "CAFile": settings.tls.ca_file, "CertFile": settings.tls.cert_file},
        "Telemetry": {},
        "UI": {"Enabled": True, "ShowCLIHints": False},
        "Vaults": [],
        "Version": {
            "BuildDate": None,
            "Revision": "",
            "Version": NOMAD_VERSION,
            "VersionMetadata": "",
            "VersionPrerelease": "",
        },
    }


def statistics(services: Services) -> dict[str, dict[str, str]]:
    """Figures of the parts of the agent, all of them texts."""
    address, index = rpc_address(services), str(services.store.index)
    allocations = sum(not alloc.client_terminal for alloc in services.store.state.allocations)
    node = next(iter(services.store.state.nodes), None)
    stats = {
        "nomad": {"server": "true", "leader": "true", "leader_addr": address, "bootstrap": "true", "known_regions": "1"},
        "raft": {"state": "Leader", "num_peers": "0", "applied_index": index, "commit_index": index, "last_log_index": index},
        "serf": {"members": "1", "failed": "0", "left": "0", "health_score": "0", "encrypted": "false"},
        "runtime": {
            "arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
            "cpu_count": str(os.cpu_count()),
            "kernel.name": sys.platform,
            "version": f"python{platform.python_version()}",
            "threads": str(threading.active_count()),
        },
    }
    if services.client and node:
        stats["client"] = {"node_id": node.id, "known_servers": address, "num_allocations": str(allocations)}
    return stats
