"""The client half of the agent: one node that runs allocations.

`Client` follows the server's list of allocations; an `AllocRunner` leads each of them, a `TaskRunner` each task, and drivers
start the actual processes and containers. Nothing here knows how the server half keeps its state: see `server.Server`.
"""

from orchestrator.client.client import Client
from orchestrator.client.config import ClientConfig
from orchestrator.client.server import AllocationUpdate, Change, Server

__all__ = ["AllocationUpdate", "Change", "Client", "ClientConfig", "Server"]
