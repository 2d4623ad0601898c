"""Leadership: which shards of an operator this process leads, and for how long.

The lock of a variable decides: `locks/<operator>`, or one for each shard of an operator that runs in several. Two processes can
believe for a moment that they lead; that is why statuses are written by check-and-set, and objects with a check of their index.

    waiting ──lock is ours──► leading ──lock is lost──────────────► waiting     everything in hand is cancelled
                                 └──stop, pause, another's shard──► waiting     what is in hand may end

A process that Nomad stops cannot always release its lock: its identity ends with its allocation. So the holder writes into the
variable which allocation it is and the key of the lock, and whoever waits gives the lock back in its place once that allocation
is at its end (Nomad then refuses every write of it). Else the next one would wait for twice the lock's time to live.
"""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import structlog

from nomad_api.client import Nomad, VariableLease
from nomad_api.errors import NomadError, NotFound
from operator_kit.crd_store import paths
from operator_kit.engine.first_of import first_of
from operator_kit.informers.source import RECONNECT
from operator_kit.process.members import Members
from operator_kit.process.pause import PauseSwitch

LOCK_DELAY: Final = "1s"
"""How long a lost lock stays closed. Short, since it is not the lock that makes writes safe but check-and-set."""

LOOK_AT_HOLDER: Final = 2.0
"""Seconds between looks at the allocation of whoever holds the lock."""

_log = structlog.get_logger("operator_kit.leadership")


class Leadership:
    """See the module's text."""

    def __init__(
        self,
        nomad: Nomad,
        operator: str,
        identity: str,
        *,
        ttl: str,
        grace: float,
        switch: PauseSwitch,
        members: Members | None = None,
        shards: int = 1,
        random: Random,
    ) -> None:
        """
        Args:
            ttl: a leader that vanishes is replaced after twice this.
            grace: seconds that work in hand may go on for when leadership is handed over.
            members: of an operator with several shards.
        """
        self._nomad = nomad
        self._operator = operator
        self._identity = identity
        self._ttl = ttl
        self._grace = grace
        self._switch = switch
        self._members = members
        self._shards = shards
        self._random = random
        self._stop = asyncio.Event()

    async def run(self, lead: Callable[[int], Awaitable[None]], drain: Callable[[int], None]) -> None:
        """Lead whatever there is to lead, for as long as it may be, until `stop`.

        Args:
            lead: leads that shard until it is cancelled, or until it has ended after `drain`.
            drain: asks it to take nothing more into hand.
        """
        async with asyncio.TaskGroup() as group:
            for number in range(self._shards):
                group.create_task(self._contend(number, lead, drain), name=f"lead {self._operator} shard {number}")

    def stop(self) -> None:
        """Hand everything over, and end `run`."""
        self._stop.set()

    async def _contend(self, number: int, lead: Callable[[int], Awaitable[None]], drain: Callable[[int], None]) -> None:
        failures = 0
        while not self._stop.is_set():
            await first_of(self._stop.wait(), self._due(number))
            if self._stop.is_set():
                return
            try:
                await self._lead_once(number, lead, drain)
                failures = 0
            except NomadError as error:
                failures += 1
                _log.error("cannot lead", operator=self._operator, shard=number, error=str(error))
                await first_of(self._stop.wait(), asyncio.sleep(RECONNECT.pause(failures, self._random)))

    async def _due(self, number: int) -> None:
        """Wait until this process may lead the shard."""
        while True:
            await self._switch.running.wait()
            if self._members is not None:
                await self._members.until(number, True)
            if self._switch.running.is_set():
                return

    async def _undue(self, number: int) -> None:
        """Wait until this process should not lead the shard any more."""
        waits: list[Awaitable[object]] = [self._stop.wait(), self._switch.paused.wait()]
        if self._members is not None:
            waits.append(self._members.until(number, False))
        await first_of(*waits)

    async def _lead_once(self, number: int, lead: Callable[[int], Awaitable[None]], drain: Callable[[int], None]) -> None:
        lease = self._lease(number)
        await first_of(lease.acquire(), self._undue(number), self._free_from_the_dead(lease))
        try:
            if lease.held:
                await self._lead(lease, number, lead, drain)
        finally:
            await lease.release()

    async def _lead(
        self, lease: VariableLease, number: int, lead: Callable[[int], Awaitable[None]], drain: Callable[[int], None]
    ) -> None:
        _log.info("leading", operator=self._operator, shard=number, identity=self._identity)
        work = asyncio.ensure_future(lead(number))
        lost = asyncio.ensure_future(lease.lost.wait())
        undue = asyncio.ensure_future(self._undue(number))
        try:
            await asyncio.wait((work, lost, undue), return_when=asyncio.FIRST_COMPLETED)
            # When the lock is lost another may lead by now: nothing goes on, however far it is.
            if undue.done() and not lost.done():
                drain(number)
                await asyncio.wait((work, lost), timeout=self._grace, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, lost, undue):
                task.cancel()
            await asyncio.gather(work, lost, undue, return_exceptions=True)
            _log.info("leading no more", operator=self._operator, shard=number, why="lost" if lease.lost.is_set() else "over")
        if not work.cancelled():
            work.result()

    def _lease(self, number: int) -> VariableLease:
        path = paths.lock(self._operator) if self._shards == 1 else paths.shard_lock(self._operator, number)
        key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self._identity} {self._random.getrandbits(128)}"))
        items = {"holder": self._identity, "operator": self._operator, "lock": key}
        if allocation := os.environ.get("NOMAD_ALLOC_ID"):
            items["allocation"] = allocation
        return VariableLease(self._nomad.variables, path, items, ttl=self._ttl, lock_delay=LOCK_DELAY, lock_id=key)

    async def _free_from_the_dead(self, lease: VariableLease) -> None:
        """Release the lock in place of a holder whose allocation is at its end, whenever that is; never returns."""
        while True:
            try:
                variable = await self._nomad.variables.get(lease.path)
                items = variable.items or {}
                another = "allocation" in items and items.get("holder") != self._identity
                if another and await self._is_over(items["allocation"]):
                    await self._nomad.variables.release_lock(lease.path, items.get("lock", ""))
                    _log.info("released the lock of an allocation that is over", allocation=items["allocation"])
            except NomadError:
                pass  # there is no lock, or nothing can be said of its holder: time will tell
            await asyncio.sleep(LOOK_AT_HOLDER)

    async def _is_over(self, allocation_id: str) -> bool:
        """Whether Nomad takes no more writes from that allocation's identity."""
        try:
            allocation = await self._nomad.allocations.get(allocation_id)
        except NotFound:
            return True
        return allocation.desired_status in ("stop", "evict") or allocation.client_status in ("complete", "failed", "lost")
