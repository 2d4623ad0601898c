"""`Handlers`: a reconciler whose looks are sorted into what is new, changed, gone or due."""

from collections.abc import Sequence
from functools import cached_property
from random import Random
from typing import Any, ClassVar, Final, TypeVar

from operator_kit.conditions import READY, find_condition
from operator_kit.context import Context
from operator_kit.engine.result import Result, TemporaryError
from operator_kit.handlers.daemons import Daemons
from operator_kit.handlers.declaration import Create, Daemon, Declaration, Delete, Field, Handler, Timer, Update, handlers_of
from operator_kit.handlers.look import Look
from operator_kit.handlers.memory import Memory
from operator_kit.handlers.timers import Timetable
from operator_kit.reconciler import Reconciler
from operator_kit.resource import Resource
from operator_kit.status import Handled

R = TypeVar("R", bound=Resource)

DAEMON_FAILED: Final = "DaemonFailed"
"""Condition that is True while a daemon has failed, and absent otherwise."""

WAITING: Final = "HandlerWaits"
"""Reason for `Ready=False` while a handler has asked to be called again and says nothing of its own."""

_OUR_REASONS: Final = ("Pending", "NotAccepted", "Reconciled", WAITING)


class _Live:
    """What is kept in memory of a resource while it is there and this process leads."""

    def __init__(self, resource: Resource, random: Random) -> None:
        self.uid = resource.uid
        self.generation = resource.generation
        self.timetable = Timetable(random)
        self.daemons: Daemons[Any] = Daemons(random)

    def see(self, resource: Resource) -> None:
        """Take note of a spec that is another one."""
        if resource.generation != self.generation:
            self.generation = resource.generation
            self.timetable.changed()
            self.daemons.changed()


class Handlers(Reconciler[R]):
    """The operator of one kind, written as handlers: see the package's text.

    A class may extend `reconcile` and `finalize`: what should be looked at each time, such as the health of a job, goes after
    `await super().reconcile(resource, ctx)`.
    """

    _handlers: ClassVar[tuple[Handler, ...]] = ()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        kind: type[Resource] | None = getattr(cls, "resource", None)
        cls._handlers = handlers_of(cls, kind.Spec if kind else None)

    async def reconcile(self, resource: R, ctx: Context[R]) -> Result | None:
        """Call what is due: handlers of the creation, of changes, then timers; see that the daemons run.

        Raises:
            Exception: what a handler raised. Those after it wait until it has succeeded.
        """
        look = Look(resource, ctx)
        live = await self._live_of(resource)
        memory = Memory(self._declared(Create, Update, Field), resource, look.handled)
        waiting = await self._call_due(self._declared(Create), memory, look, resource)
        if waiting is None:
            await self._keep_daemons(live, resource, ctx)
            waiting = await self._call_due(self._declared(Update, Field), memory, look, resource)
        if waiting is not None:
            if not ctx.has_set(READY):
                ctx.set_condition(READY, False, WAITING, "a handler is not finished yet")
            return waiting
        memory.settle()
        look.remember(memory.record)
        await self._call_timers(live, look, resource)
        self._keep_ready(resource, ctx)
        pause = live.timetable.pause(self._declared(Timer))
        return None if pause is None else Result(requeue_after=pause if self.resync is None else min(pause, self.resync))

    async def finalize(self, resource: R, ctx: Context[R]) -> Result | None:
        """Stop the daemons, then call the handlers of the deletion that have not succeeded yet.

        Raises:
            TemporaryError: a daemon goes on.
            Exception: what a handler raised.
        """
        await self._end_background(resource.name)
        look = Look(resource, ctx)
        handled = look.handled or Handled()
        for handler in self._declared(Delete):
            if handler.id in handled.deleted or not handler.concerns(resource):
                continue
            if (waiting := await look.call(getattr(self, handler.name))) is not None:
                return waiting
            handled = handled.model_copy(update={"deleted": [*handled.deleted, handler.id]})
            look.remember(handled)
        return None

    async def paused(self, name: str) -> None:
        """Nothing is to be done for the resource here: its daemons are stopped, its timers forgotten."""
        live = self._lives.get(name)
        if live is not None and not await live.daemons.stop():
            del self._lives[name]

    async def stopped(self) -> None:
        """This process ceases to lead: all daemons are stopped, all timers forgotten."""
        lives = list(self._lives.values())
        self._lives.clear()
        await Daemons.stop_all([live.daemons for live in lives])

    async def _call_due(self, handlers: Sequence[Handler], memory: Memory, look: Look[R], resource: R) -> Result | None:
        """Call those that are due, in order, until one wants to be called again; its result."""
        for handler in handlers:
            if not memory.due(handler) or not handler.concerns(resource):
                continue
            change = (memory.change(handler),) if handler.path else ()
            if (waiting := await look.call(getattr(self, handler.name), *change)) is not None:
                return waiting
            memory.succeeded(handler)
            look.remember(memory.record)
        return None

    async def _call_timers(self, live: _Live, look: Look[R], resource: R) -> None:
        """Call all timers that are due, also if one of them fails."""
        failures: list[Exception] = []
        for timer in live.timetable.due(self._declared(Timer)):
            try:
                if timer.concerns(resource):
                    await look.call(getattr(self, timer.name))
            except Exception as error:
                failures.append(error)
            else:
                live.timetable.called(timer)
        if failures:
            raise failures[0]

    async def _keep_daemons(self, live: _Live, resource: R, ctx: Context[R]) -> None:
        """Have those run that should, and tell of those that cannot."""
        wanted = {handler.name: getattr(self, handler.name) for handler in self._declared(Daemon) if handler.concerns(resource)}
        await live.daemons.keep(wanted, resource, ctx)
        if failures := live.daemons.failures():
            ctx.set_condition(DAEMON_FAILED, True, "DaemonFailed", "; ".join(failures))
        else:
            ctx.remove_condition(DAEMON_FAILED)

    def _declared(self, *declarations: type[Declaration]) -> list[Handler]:
        return [handler for handler in self._handlers if isinstance(handler.declaration, declarations)]

    def _keep_ready(self, resource: R, ctx: Context[R]) -> None:
        """What a handler has said of `Ready` holds until a handler says something else."""
        said = find_condition(resource.status.conditions, READY)
        if said is not None and not ctx.has_set(READY) and said.reason not in _OUR_REASONS:
            ctx.set_condition(READY, {"True": True, "False": False}.get(said.status), said.reason, said.message)

    async def _live_of(self, resource: R) -> _Live:
        live = self._lives.get(resource.name)
        if live is None or live.uid != resource.uid:
            await self._end_background(resource.name)
            live = self._lives[resource.name] = _Live(resource, self._random)
        live.see(resource)
        return live

    async def _end_background(self, name: str) -> None:
        """As `paused`, for a resource that is gone.

        Raises:
            TemporaryError: a daemon goes on.
        """
        await self.paused(name)
        if name in self._lives:
            raise TemporaryError("a daemon goes on though it was cancelled", reason="DaemonGoesOn")

    # A reconciler may have an __init__ of its own that does not call this one's, so there is none.

    @cached_property
    def _lives(self) -> dict[str, _Live]:
        return {}

    @cached_property
    def _random(self) -> Random:
        return Random()
