"""A store and a keyring in memory, with a clock that stands still until it is moved."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nomad_api.duration import SECOND
from orchestrator.acl.resolver import Resolver
from orchestrator.keyring import Keyring
from orchestrator.state.store import Store


@dataclass
class Clock:
    """Nanoseconds since the epoch."""

    now: int = 1_800_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@dataclass
class Cluster:
    """What the tests need of an agent with ACLs."""

    clock: Clock
    store: Store = field(init=False)
    keyring: Keyring = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.clock)
        self.keyring = Keyring(self.store, self.clock)

    def resolver(self, *, enabled: bool = True) -> Resolver:
        return Resolver(self.store, self.keyring, enabled=enabled, clock=self.clock)

    async def write(self, change: Callable[..., Any], *args: object, **options: object) -> Any:
        return (await self.store.write("Test", lambda tx: change(tx, *args, **options))).value


@pytest.fixture
def cluster() -> Cluster:
    return Cluster(Clock())
