"""Daemons: code that runs beside the reconciles of a resource, as a task of its own.

A daemon ends in one of four ways. It **returns**: its work is done. It **raises**: it is started again, with growing pauses or
after the `delay` of a `TemporaryError`; after a `PermanentError` only when the spec is another one. It is **told** to stop, and
ends by itself. Or it does not, and is **cancelled**. One that goes on even so is reported, and cancelled again: a resource is
not deleted while something still works for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import structlog

from nomad_api.client import Nomad
from operator_kit.context import Context
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.result import PermanentError, TemporaryError
from operator_kit.resource import Resource

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

R = TypeVar("R", bound=Resource)

POLITE: Final = 1.0
"""Seconds that a daemon has to end by itself once it is told to; Nomad kills a whole task after five."""

FIRM: Final = 1.0
"""Seconds that it has to end once it is cancelled."""

Run = Callable[[R, "DaemonContext[R]"], Awaitable[object]]
"""A daemon's own code."""

STEADY: Final = 60.0
"""Seconds without a failure after which earlier ones are forgotten."""

RESTART: Final = Backoff(first=1.0, longest=300.0)


class DaemonContext(Generic[R]):
    """What a daemon has at hand. It writes no status, which belongs to the reconciles: it asks for one with `look_again`.

    Attributes:
        resource: as it was last reconciled. Its status is a copy for reading.
        nomad: the client, in the resource's namespace.
        stopped: set when the daemon is to end.
        look_again: have the resource reconciled as soon as possible.
    """

    def __init__(self, resource: R, nomad: Nomad, look_again: Callable[[], None]) -> None:
        self.resource = resource
        self.nomad = nomad
        self.stopped = asyncio.Event()
        self.look_again = look_again

    @cached_property
    def log(self) -> "FilteringBoundLogger":
        """A logger that names the resource in every line."""
        resource = self.resource
        logger: FilteringBoundLogger = structlog.get_logger(f"operator_kit.{resource.kind}").bind(
            kind=resource.kind, namespace=resource.namespace, name=resource.name
        )
        return logger

    async def rest(self, seconds: float) -> bool:
        """Do nothing for a while, or until told to stop; whether to go on: `while await ctx.rest(10): …`."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopped.wait()
        except TimeoutError:
            return True
        return False


class RunningDaemon(Generic[R]):
    """One daemon of one resource, from its start until it has ended.

    Attributes:
        failure: what it last failed of, None while it is well.
        gave_up: it raised `PermanentError`.
    """

    def __init__(self, name: str, run: "Run[R]", ctx: DaemonContext[R], random: Random) -> None:
        self.name = name
        self.failure: str | None = None
        self.gave_up = False
        self._run = run
        self._ctx = ctx
        self._random = random
        self._task = asyncio.create_task(self._supervise(), name=f"daemon {name} of {ctx.resource.path}")

    def show(self, resource: R) -> None:
        """Let the daemon see the resource as it is now."""
        self._ctx.resource = resource

    async def stop(self) -> bool:
        """Tell it to end, and cancel it if it does not; whether it has ended."""
        self._ctx.stopped.set()
        if not self._task.done():
            await asyncio.wait((self._task,), timeout=POLITE)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=FIRM)
        if not self._task.done():
            self._ctx.log.error("a daemon goes on though it was cancelled", daemon=self.name)
        return self._task.done()

    async def _supervise(self) -> None:
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            recovery = asyncio.get_running_loop().call_later(STEADY, self._tell, None)
            try:
                await self._run(self._ctx.resource, self._ctx)
                return self._tell(None)
            except PermanentError as error:
                self.gave_up = True
                return self._tell(str(error))
            except Exception as error:
                if asyncio.get_running_loop().time() - began >= STEADY:
                    failures = 0
                failures += 1
                delay = error.delay if isinstance(error, TemporaryError) else None
                if not isinstance(error, TemporaryError):
                    self._ctx.log.exception("a daemon raised", daemon=self.name)
                self._tell(str(error) if isinstance(error, TemporaryError) else f"{type(error).__name__}: {error}")
            finally:
                recovery.cancel()
            if not await self._ctx.rest(RESTART.pause(failures, self._random) if delay is None else delay):
                return None

    def _tell(self, failure: str | None) -> None:
        if failure != self.failure:
            self.failure = failure
            self._ctx.look_again()


class Daemons(Generic[R]):
    """The daemons of one resource."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._running: dict[str, RunningDaemon[R]] = {}

    def changed(self) -> None:
        """The spec is another one: those that gave up may try again."""
        self._running = {name: daemon for name, daemon in self._running.items() if not daemon.gave_up}

    async def keep(self, wanted: "Mapping[str, Run[R]]", resource: R, ctx: Context[R]) -> None:
        """Start those that are wanted and were never started, stop those that are not, show the others the resource."""
        shown = _copy(resource)
        for name in [name for name in self._running if name not in wanted]:
            if await self._running[name].stop():
                del self._running[name]
        for name, run in wanted.items():
            if name in self._running:
                self._running[name].show(shown)
            else:
                self._running[name] = RunningDaemon(name, run, DaemonContext(shown, ctx.nomad, ctx.look_again), self._random)

    def failures(self) -> list[str]:
        """What those that are not well failed of."""
        return [f"{name}: {daemon.failure}" for name, daemon in self._running.items() if daemon.failure is not None]

    async def stop(self) -> list[str]:
        """Stop them, all at once; the names of those that go on nevertheless."""
        return await self.stop_all([self])

    @staticmethod
    async def stop_all(groups: "Sequence[Daemons[Any]]") -> list[str]:
        """Stop the daemons of several resources, all at once; the names of those that go on nevertheless."""
        daemons = [daemon for group in groups for daemon in group._running.values()]
        ended = await asyncio.gather(*(daemon.stop() for daemon in daemons))
        return [daemon.name for daemon, over in zip(daemons, ended, strict=True) if not over]


def _copy(resource: R) -> R:
    """The resource with a status that reconciles do not write to."""
    shown = copy(resource)
    shown._status = resource.status.model_copy(deep=True)
    return shown
