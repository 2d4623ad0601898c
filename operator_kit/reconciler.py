"""`Reconciler`: what an author of an operator writes.

A reconcile is level-triggered: it gets the resource, looks at the world, and brings it in line. Why it was called does not
matter, so it must be idempotent, and it may be called at any time. It never waits for the world: it says in a condition how
far things are, and is called again when something of it changes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from operator_kit.apply.drift import Drift
from operator_kit.engine.pace import Pace
from operator_kit.engine.result import Result
from operator_kit.resource import Resource
from operator_kit.watch import Trigger

if TYPE_CHECKING:
    from operator_kit.context import Context

R = TypeVar("R", bound=Resource)


class Reconciler(Pace, ABC, Generic[R]):
    """The operator of one kind, `class WebsiteReconciler(Reconciler[Website])`.

    Class attributes, besides those of `Pace`:
        owns: what it makes for its resources, so that their changes bring the resource back: `[Job]`, or nothing.
        watches: what else brings resources back: `Watch`, `Every`, `Cron`, `Poll`, or any stream of names.
        drift: what to do about owned objects that another has changed: `correct` them, or only `report` it in the condition
            `Drifted` until the wish changes.
    """

    owns: ClassVar[Sequence[type[Any]]] = ()
    watches: Sequence[Trigger] = ()
    drift: ClassVar[Drift] = "correct"

    resource: ClassVar[type[Resource]]
    """The kind, taken from the class's argument."""

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Reconciler) and isinstance(get_args(base)[0], type):
                cls.resource = get_args(base)[0]

    @abstractmethod
    async def reconcile(self, resource: R, ctx: "Context[R]") -> Result | None:
        """Bring the world in line with the spec, and say in the status how it is.

        Raises:
            TemporaryError, PermanentError: see `operator_kit.engine.result`. Any other exception counts as temporary, without a
                delay of its own.
        """

    async def finalize(self, resource: R, ctx: "Context[R]") -> Result | None:
        """Undo what `reconcile` did outside of Nomad, or in an order that matters. The resource is gone already.

        Called before the jobs that the resource owns are removed, as often as it takes to succeed; idempotent, and also for
        a resource whose `reconcile` never ran to its end. A `Result` with `requeue_after` means "not finished yet".
        """
        return None

    @property
    def leaves_traces(self) -> bool:
        """Whether something is to be undone when a resource goes: what it owns, or what `finalize` is there for."""
        return bool(self.owns) or type(self).finalize is not Reconciler.finalize

    async def paused(self, name: str) -> None:
        """Nothing is to be done for the resource of that name for now, or not here: what runs beside its reconciles is to end.

        Called when people pause it, and when another process comes to look after its shard. It must not raise.
        """

    async def stopped(self) -> None:
        """This process leads no more, or stops: what runs beside the reconciles is to end, within a few seconds. Called after
        the last look has ended."""
