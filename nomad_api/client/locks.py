"""A lease: the lock of a variable, taken, kept and given back.

The rhythm is that of Nomad's own client: the lock is renewed after 0.7 of its TTL, and a lock held by another is tried again
every 1.1 TTL – but also as soon as the variable changes, which the release of its lock does. The server forgets a lock that is
not renewed for twice its TTL; a holder that cannot renew must assume the loss one TTL after the last renewal, before anyone
else can have it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from nomad_api.client.variables import Variables
from nomad_api.duration import SECOND, parse_duration
from nomad_api.errors import APIError, Conflict, NomadError, NotFound
from nomad_api.models.variable import Variable

RENEW: Final = 0.7
RETRY: Final = 1.1

_log = logging.getLogger(__name__)


class VariableLease:
    """The lock on one variable as an async context: entering waits until it is ours, leaving releases it.

        async with VariableLease(nomad.variables, "locks/otel_collector", {"holder": name}) as lease:
            await lease.lost.wait()

    `lost` is set when the lock is gone, or may soon be; whoever holds the lease must stop what it guards.
    """

    def __init__(
        self,
        variables: Variables,
        path: str,
        items: Mapping[str, str] | None = None,
        *,
        ttl: str = "15s",
        lock_delay: str = "15s",
        lock_id: str | None = None,
    ) -> None:
        """`items` are what the variable says while it is held; `lock_id` is the key, if it is to be the caller's own choice."""
        self.path = path
        self.lost = asyncio.Event()
        self.lock_id = ""
        self.variable: Variable | None = None
        self._variables = variables
        self._items = dict(items or {})
        self._ttl = ttl
        self._seconds = parse_duration(ttl) / SECOND
        self._lock_delay = lock_delay
        self._wanted_id = lock_id
        self._unanswered = False
        self._renewal: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()

    @property
    def held(self) -> bool:
        """Whether the lock is ours, as far as we know."""
        return bool(self.lock_id) and not self.lost.is_set()

    async def try_acquire(self) -> bool:
        """Take the lock if it is free, and begin to renew it."""
        self._unanswered = True
        try:
            self.variable = await self._variables.acquire_lock(
                self.path, self._items, ttl=self._ttl, lock_delay=self._lock_delay, lock_id=self._wanted_id
            )
        except Conflict:
            self._unanswered = False
            return False
        self._unanswered = False
        assert self.variable.lock is not None  # Nomad answers a successful acquisition with the lock
        self.lock_id = self.variable.lock.id
        self.lost.clear()
        self._renewal = asyncio.create_task(self._renew(), name=f"renew {self.path}")
        return True

    async def acquire(self) -> None:
        """Wait until the lock is ours. Passing failures are waited out like a held lock; others are raised."""
        while True:
            index = await self._index()
            try:
                if await self.try_acquire():
                    return
            except NomadError as error:
                if not error.retryable:
                    raise
                _log.warning("cannot acquire the lock %s: %s", self.path, error)
                index = 0
            await self._pause(index)

    async def _index(self) -> int:
        """The variable's index before an attempt; 0 where it cannot be read."""
        try:
            return (await self._variables.get(self.path)).modify_index
        except NomadError:
            return 0

    async def _pause(self, index: int) -> None:
        """Wait for the next attempt, at the longest 1.1 TTL."""
        longest = RETRY * self._seconds
        began = asyncio.get_running_loop().time()
        if index:
            try:
                await self._variables.changed(self.path, index, longest)
            except NomadError:
                pass
            else:
                return
        await asyncio.sleep(longest - (asyncio.get_running_loop().time() - began))

    async def release(self) -> None:
        """Stop renewing and give the lock back, if it is still ours and the server can be reached."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
            self._renewal = None
        # An attempt whose answer is missing may have taken the lock; with a key of our own choice it can be given back.
        key = self.lock_id if self.held else self._wanted_id if self._unanswered else None
        if key:
            with contextlib.suppress(NomadError):
                await self._variables.release_lock(self.path, key)
        self._unanswered = False
        self.lock_id = ""
        self.lost.set()

    async def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        pause = RENEW * self._seconds
        while True:
            await asyncio.sleep(pause)
            sent = loop.time()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._variables.renew_lock(self.path, self.lock_id)
            except (Conflict, NotFound) as error:
                _log.warning("the lock %s is lost: %s", self.path, error)
                break
            except (TimeoutError, NomadError) as error:
                if loop.time() >= deadline or (isinstance(error, APIError) and not error.retryable):
                    _log.warning("the lock %s could not be renewed: %s", self.path, error)
                    break
                # What is left of the TTL is used for a few more attempts.
                pause = min((1 - RENEW) * self._seconds / 4, max(deadline - loop.time(), 0))
            else:
                deadline = sent + self._seconds
                pause = RENEW * self._seconds
        self.lost.set()
