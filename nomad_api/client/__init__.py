"""The asynchronous client of Nomad's HTTP API: `Nomad`, and what its methods give and take."""

from nomad_api.client.allocations import AllocationFile
from nomad_api.client.api import Snapshot, retrying
from nomad_api.client.events import Connected, EventStream
from nomad_api.client.exec_session import ExecSession, Output
from nomad_api.client.locks import VariableLease
from nomad_api.client.nomad import Nomad
from nomad_api.client.settings import TLS, Settings

__all__ = [
    "TLS",
    "AllocationFile",
    "Connected",
    "EventStream",
    "ExecSession",
    "Nomad",
    "Output",
    "Settings",
    "Snapshot",
    "VariableLease",
    "retrying",
]
