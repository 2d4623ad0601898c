"""`Reconciler`: what an author of an operator writes.

A reconcile is level-triggered: it gets the resource, looks at the world, and brings it in line. Why it was called does not
matter, so it must be idempotent, and it may be called at any time. It never waits for the world: it says in a condition how
far things are, and is called again when something of it changes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from operator_kit.apply.drift import Drift
from operator_kit.resource import Resource

if TYPE_CHECKING:
    from operator_kit.context import Context

R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Result:
    """How a reconcile ended well.

    Attributes:
        requeue_after: seconds after which to look again, at the latest; None leaves it to events and the regular resync.
    """

    requeue_after: float | None = None


class TemporaryError(Exception):
    """Not now: try again, after `delay` seconds if given, else after the growing pauses of other failures."""

    def __init__(self, message: str, delay: float | None = None, *, reason: str = "TemporaryError") -> None:
        super().__init__(message)
        self.delay = delay
        self.reason = reason


class PermanentError(Exception):
    """Trying again is pointless until the spec changes (or the operator is started anew)."""

    def __init__(self, message: str, *, reason: str = "PermanentError") -> None:
        super().__init__(message)
        self.reason = reason


class Reconciler(ABC, Generic[R]):
    """The operator of one kind, `class WebsiteReconciler(Reconciler[Website])`.

    Class attributes:
        owns: what it makes for its resources, so that their changes bring the resource back: `[Job]`, or nothing.
        workers: how many resources are reconciled at the same time (one resource never twice).
        timeout: seconds that a reconcile may take before it is cancelled and the resource marked `Stalled`.
        drift: what to do about owned objects that another has changed: `correct` them, or only `report` it in the condition
            `Drifted` until the wish changes.
        resync: seconds after which a resource is looked at though nothing happened; jittered by a tenth.
    """

    owns: ClassVar[Sequence[type[Any]]] = ()
    workers: ClassVar[int] = 8
    timeout: ClassVar[float] = 60.0
    resync: ClassVar[float] = 600.0
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
            TemporaryError, PermanentError: see there. Any other exception counts as temporary, without a delay of its own.
        """

    async def finalize(self, resource: R, ctx: "Context[R]") -> Result | None:
        """Undo what `reconcile` did outside of Nomad, or in an order that matters. The resource is gone already.

        Called before the jobs that the resource owns are removed, as often as it takes to succeed; idempotent, and also for
        a resource whose `reconcile` never ran to its end. A `Result` with `requeue_after` means "not finished yet".
        """
        return None

    async def paused(self, name: str) -> None:
        """Nothing is to be done for the resource of that name for now: what runs beside the reconciles for it is to end."""

    async def stopped(self) -> None:
        """This process ceases to lead, or stops: what runs beside the reconciles is to end. It takes at most a few seconds."""
