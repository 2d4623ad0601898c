"""Which processes of an operator there are, and which shards each of them should lead.

Every process writes a heartbeat into a variable of its own. Whoever has not been seen to write for `EXPIRY` seconds, by the
clock of the one that looks, is gone: times of other machines are never compared (client-go's rule for leases). Each shard
belongs to the member that rendezvous hashing gives it, so a member that comes or goes moves only its own shards.

This is for balance alone. That a shard has one leader is the matter of its lock.
"""

import asyncio
import re
from random import Random
from typing import Final

import structlog

from nomad_api.client import Nomad
from nomad_api.errors import NomadError
from operator_kit.crd_store import paths
from operator_kit.engine.stream import rendezvous
from operator_kit.informers.variables import VariableInformer

HEARTBEAT: Final = 5.0
EXPIRY: Final = 16.0

_log = structlog.get_logger("operator_kit.members")


class Members:
    """See the module's text.

    Attributes:
        changed: set whenever members come or go; to be cleared by nobody but `next_change`.
    """

    def __init__(self, nomad: Nomad, operator: str, identity: str, informer: VariableInformer, random: Random) -> None:
        """The informer is that of `paths.members(operator)`."""
        self._nomad = nomad
        self._prefix = paths.members(operator)
        self._name = member_name(identity)
        self._informer = informer
        self._random = random
        self._seen: dict[str, float] = {}
        self._live: frozenset[str] = frozenset()
        self._change = asyncio.Event()
        informer.listen(self._heard)

    @property
    def live(self) -> frozenset[str]:
        """The members that are alive, this one included once it is known to the others."""
        return self._live

    def is_mine(self, shard: int) -> bool:
        """Whether this process should lead that shard."""
        return rendezvous(str(shard), self._live) == self._name

    async def until(self, shard: int, mine: bool) -> None:
        """Wait until it is so that the shard is this process's own, or is not."""
        while self.is_mine(shard) != mine:
            change = self._change
            await change.wait()

    async def run(self) -> None:
        """Send heartbeats, and listen for those of others, until cancelled; then say good-bye."""
        path = f"{self._prefix}{self._name}"
        beat = 0
        try:
            while True:
                beat += 1
                try:
                    await self._nomad.variables.put(path, {"beat": str(beat)})
                except NomadError as error:
                    _log.warning("no heartbeat", member=self._name, error=str(error))
                else:
                    self._heard(self._name)
                self._judge()
                await asyncio.sleep(HEARTBEAT * self._random.uniform(0.8, 1.0))
        finally:
            await asyncio.shield(self._leave(path))

    async def _leave(self, path: str) -> None:
        try:
            async with asyncio.timeout(2.0):
                await self._nomad.variables.delete(path)
        except (NomadError, TimeoutError):
            pass  # the others find out when it expires

    def _heard(self, name: str) -> None:
        if name in self._informer or name == self._name:
            self._seen[name] = asyncio.get_running_loop().time()
        else:
            self._seen.pop(name, None)
        self._judge()

    def _judge(self) -> None:
        oldest = asyncio.get_running_loop().time() - EXPIRY
        live = frozenset(name for name, seen in self._seen.items() if seen >= oldest)
        if live != self._live:
            _log.info("members", live=sorted(live))
            self._live = live
            self._change.set()
            self._change = asyncio.Event()


def member_name(identity: str) -> str:
    """An identity as a part of a variable's path."""
    return re.sub(r"[^a-zA-Z0-9_~-]", "-", identity)
