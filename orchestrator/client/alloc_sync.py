"""Sends what became of allocations to the server: news at once, mere history a little later, and never two sends at a time.

A change of status, task state or health goes out immediately, for somebody waits for it; what happens while a send is under
way goes with the next. Events that changed nothing else are gathered for up to a second, as Nomad does: a busy task must not
make the server write for each of its signals.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from orchestrator.client.clock import Clock
from orchestrator.client.server import AllocationUpdate, Server

log = structlog.get_logger(__name__)

HISTORY_SECONDS = 1.0
RETRY_SECONDS = 1.0


class AllocSync:
    """Collects the allocations that have news and sends their newest state."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._pending: dict[str, Callable[[], AllocationUpdate]] = {}
        self._known: dict[str, Any] = {}
        self._urgent = asyncio.Event()
        self._later: asyncio.TimerHandle | None = None

    def report(self, update: AllocationUpdate, newest: Callable[[], AllocationUpdate]) -> None:
        """An allocation has news; when its turn comes, `newest` is asked what to send."""
        self._pending[update.id] = newest
        if self._known.get(update.id) != _substance(update):
            self._urgent.set()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(HISTORY_SECONDS, self._urgent.set)

    def forget(self, allocation_id: str) -> None:
        self._pending.pop(allocation_id, None)
        self._known.pop(allocation_id, None)

    async def run(self) -> None:
        """Send for ever; what the server does not take is sent again."""
        while True:
            await self._urgent.wait()
            await self.flush()

    async def flush(self) -> None:
        """Send what is pending now."""
        self._urgent.clear()
        if self._later:
            self._later.cancel()
            self._later = None
        pending, self._pending = self._pending, {}
        if not pending:
            return
        updates = [newest() for newest in pending.values()]
        try:
            await self._server.update_allocations(updates)
        except Exception as error:
            log.warning("allocation updates not delivered", error=repr(error))
            self._pending = pending | self._pending
            await self._clock.sleep(RETRY_SECONDS)
            self._urgent.set()
            return
        self._known |= {update.id: _substance(update) for update in updates}


def _substance(update: AllocationUpdate) -> tuple[Any, ...]:
    """What of an update somebody may wait for."""
    states = {name: (state.state, state.failed, state.restarts) for name, state in update.task_states.items()}
    health = update.deployment_status.healthy if update.deployment_status else None
    return update.client_status, update.client_description, states, health, update.network_status
