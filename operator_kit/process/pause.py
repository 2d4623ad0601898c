"""People's switch of a whole operator: the variable `operators/<operator>`.

    paused=true reason="…"     nothing is done for any resource until it is taken back; the sources go on being followed
    developer=<identity>       that process runs the operator, and every other copy of it waits

A developer's process holds the *lock* of the variable as long as it runs (`developing`). If it crashes, Nomad ends the lock
after twice its time to live, and the mark that is left behind means nothing any more. Nomad shows locks to management tokens
only, so a copy of the operator finds out by trying: a check-and-set that takes the mark away is refused while the lock is held,
and is what should be done once it is not. Both the loss of a lock and its release change the variable's index, so nobody polls.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from random import Random
from typing import Final

import structlog
from pydantic import BaseModel, ConfigDict

from nomad_api.client import Nomad, VariableLease
from nomad_api.errors import Conflict, Forbidden, NomadError, NotFound
from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import InvalidItems, decode, encode
from operator_kit.informers.source import RECONNECT
from operator_kit.informers.variables import VariableInformer

LOCK_TTL: Final = "10s"
"""Time to live of a developer's lock, the least that Nomad takes: after a crash the deployed copy goes on within 21 seconds."""

LOCK_DELAY: Final = "1s"

WAIT_FOR_DEVELOPER: Final = 10.0
"""Seconds between attempts to take the switch while another developer holds it."""

_log = structlog.get_logger("operator_kit.pause")


class Switch(BaseModel):
    """The items of the variable. The defaults are what a missing variable means."""

    model_config = ConfigDict(frozen=True)

    paused: bool = False
    reason: str = ""
    developer: str = ""

    def items(self) -> dict[str, str]:
        """The items that say this; `paused` always, for a variable cannot be empty."""
        return {"paused": "false"} | encode(self, exclude_defaults=True)


class PauseSwitch:
    """Follows the switch of one operator, as one of its processes.

    Exactly one of the two events is set as soon as anything is known of the switch. A variable that is missing, or that the
    token may not read, means "not paused"; the latter is told once in the log, and in `trouble`.

    Attributes:
        running: set while this process may work.
        paused: set while it may not.
        trouble: why the switch has no effect, empty if it has.
    """

    def __init__(self, nomad: Nomad, operator: str, identity: str, informer: VariableInformer, random: Random) -> None:
        """
        Args:
            identity: of this process: what a developer of that name holds does not pause it.
            informer: of `paths.OPERATORS`.
        """
        self.operator = operator
        self.running = asyncio.Event()
        self.paused = asyncio.Event()
        self.trouble = ""
        self._informer = informer
        self._nomad = nomad
        self._identity = identity
        self._random = random
        self._why = ""
        self._look = asyncio.Event()
        informer.listen(self._changed, own_writes=False)

    def why(self) -> str:
        """Why nothing is to be done at the moment, in a sentence for people; empty if there is no reason."""
        return self._why

    def _changed(self, key: str) -> None:
        if key == self.operator:
            self._look.set()

    async def run(self) -> None:
        """Judge the switch until cancelled; first by a read of its own: a list leaves out silently what the token may not
        see."""
        failures = 0
        first = True
        while True:
            self._look.clear()
            try:
                await (self._judge_first() if first else self._judge())
            except NomadError as error:
                failures += 1
                _log.warning("cannot read the switch", operator=self.operator, error=str(error))
                await asyncio.sleep(RECONNECT.pause(failures, self._random))
                continue
            failures, first = 0, False
            await self._look.wait()

    async def _judge_first(self) -> None:
        try:
            variable = await self._nomad.variables.get(paths.operator(self.operator))
        except NotFound:
            self._say("")
        except Forbidden as error:
            self.trouble = f"{paths.operator(self.operator)} cannot be read, so the operator cannot be paused: {error.message}"
            _log.warning("the operator cannot be paused", operator=self.operator, error=self.trouble)
            self._say("")
        else:
            self._informer.wrote(self.operator, variable)
            await self._judge()

    async def _judge(self) -> None:
        record = await self._informer.read(self.operator)
        if record is None:
            self._say("")
            return
        self.trouble = ""
        try:
            switch = decode(Switch, record.items())
        except InvalidItems as error:
            self._say(f"paused, since {paths.operator(self.operator)} cannot be understood: {error}")
            return
        if switch.developer not in ("", self._identity) and not await self._remove_stale_mark(switch, record.modify_index):
            self._say(f"developer {switch.developer} runs it ({paths.operator(self.operator)})")
        elif switch.paused:
            self._say(f"paused by {paths.operator(self.operator)}: {switch.reason or 'paused=true'}")
        else:
            self._say("")

    async def _remove_stale_mark(self, switch: Switch, index: int) -> bool:
        """Take away a developer's mark if nobody holds the lock; whether that was so."""
        items = switch.model_copy(update={"developer": ""}).items()
        try:
            variable = await self._nomad.variables.put(paths.operator(self.operator), items, cas=index)
        except Conflict:
            return False  # held; or changed meanwhile, and then the informer calls again
        except Forbidden:
            self.trouble = f"{paths.operator(self.operator)} cannot be written, so a crashed developer's mark stays on it"
            return False
        self._informer.wrote(self.operator, variable)
        _log.info("the developer is gone", operator=self.operator, developer=switch.developer)
        return True

    def _say(self, why: str) -> None:
        if why != self._why:
            _log.info("paused" if why else "no longer paused", operator=self.operator, why=why)
        self._why = why
        now, before = (self.paused, self.running) if why else (self.running, self.paused)
        before.clear()
        now.set()


@contextlib.asynccontextmanager
async def developing(nomad: Nomad, operator: str, identity: str, *, ttl: str = LOCK_TTL) -> AsyncIterator[VariableLease]:
    """Let this process be the one that runs the operator; all others wait until the block ends, or the process does.

    Waits while another developer has the switch. Within the block `lost` of the lease tells that others go on again.

    Raises:
        Forbidden: the token may not write the switch.
        InvalidItems: the switch as it stands cannot be understood.
        NomadError: Nomad cannot be reached.
    """
    path = paths.operator(operator)
    waits_for = ""
    while True:
        switch = (await read_switch(nomad, operator)).model_copy(update={"developer": identity})
        lease = VariableLease(nomad.variables, path, switch.items(), ttl=ttl, lock_delay=LOCK_DELAY)
        if await lease.try_acquire():
            break
        holder = (await read_switch(nomad, operator)).developer
        if holder and holder != waits_for:
            _log.warning("waiting for another developer", operator=operator, developer=holder)
            waits_for = holder
        await asyncio.sleep(WAIT_FOR_DEVELOPER)
    try:
        yield lease
    finally:
        if lease.held:
            with contextlib.suppress(NomadError):
                rest = switch.model_copy(update={"developer": ""})
                await nomad.variables.put(path, rest.items(), lock_id=lease.lock_id)
        await lease.release()


async def read_switch(nomad: Nomad, operator: str) -> Switch:
    """The switch as it stands; that of a missing variable is the default one.

    Raises:
        InvalidItems: it cannot be understood.
        NomadError: it could not be read.
    """
    return (await _read(nomad, operator))[0]


async def set_paused(nomad: Nomad, operator: str, paused: bool, reason: str = "") -> Switch:
    """Pause an operator, or let it go on; the switch as it was before.

    Raises:
        Conflict: a developer's process holds the switch.
        NomadError: the switch could not be read or written.
    """
    while True:
        try:
            before, index = await _read(nomad, operator)
        except InvalidItems:
            before, index = Switch(paused=True), None  # what nobody understands is replaced
        try:
            await nomad.variables.put(paths.operator(operator), Switch(paused=paused, reason=reason).items(), cas=index)
        except Conflict as conflict:
            if conflict.current is not None and conflict.current.modify_index:
                continue  # another wrote at the same moment; a held lock shows nothing at all
            raise
        return before


async def _read(nomad: Nomad, operator: str) -> tuple[Switch, int]:
    try:
        variable = await nomad.variables.get(paths.operator(operator))
    except NotFound:
        return Switch(), 0
    return decode(Switch, variable.items or {}), variable.modify_index
