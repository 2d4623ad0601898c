"""What request handlers reach: the parts of the running agent, in one place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.acl.resolver import Resolver
from orchestrator.configuration import Configuration
from orchestrator.events import EventBroker
from orchestrator.keyring import Keyring
from orchestrator.state.store import Store
from orchestrator.variables import Variables

if TYPE_CHECKING:
    from orchestrator.client.client import Client


@dataclass
class Services:
    """The parts of one agent."""

    store: Store
    keyring: Keyring
    resolver: Resolver
    events: EventBroker
    variables: Variables
    clock: Callable[[], int]
    region: str = "global"
    datacenter: str = "dc1"
    name: str = ""
    acl_enabled: bool = False
    address: str = ""
    configuration: Configuration = field(default_factory=Configuration)
    client: "Client | None" = None
