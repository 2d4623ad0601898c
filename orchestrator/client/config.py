"""How the client of an agent is set up."""

from dataclasses import dataclass, field
from pathlib import Path

from nomad_api.duration import SECOND


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """The `client` block of an agent's configuration, as far as it concerns one node.

    `state_dir` is None in dev mode: nothing is remembered, and the tasks end with the agent. Otherwise tasks outlive the
    agent, and the next one takes them over. Durations are nanoseconds.
    """

    alloc_dir: Path
    state_dir: Path | None = None
    node_id: str = ""
    name: str = ""
    region: str = "global"
    datacenter: str = "dc1"
    node_class: str = ""
    node_pool: str = "default"
    http_address: str = "127.0.0.1:4646"
    address: str = "127.0.0.1"
    meta: dict[str, str] = field(default_factory=dict)
    drivers: frozenset[str] = frozenset({"docker", "raw_exec", "mock_driver"})
    docker_host: str = ""
    docker_privileged: bool = False
    docker_volumes: bool = False
    max_kill_timeout: int = 30 * SECOND
    min_dynamic_port: int = 20000
    max_dynamic_port: int = 32000
    reserved_ports: str = ""
    reserved_cpu: int = 0
    reserved_memory_mb: int = 0
