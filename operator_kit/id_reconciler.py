"""`IdReconciler`: an operator without a kind. It gets ids from streams and looks at each; what an id means is its own affair.

    class BackupReconciler(IdReconciler):
        name = "cron-backup"

        watches = [Watch("Job", namespace="*", filter='"backup.schedule" in Meta')]

        async def reconcile(self, id, ctx):
            ...

The same guarantees hold as for kinds: one look at an id at a time, bursts collapse, failures come back after growing pauses
and are never dropped, a healthy requeue is no failure.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import structlog

from nomad_api.client import Nomad
from operator_kit.engine.attempt import Attempt, attempt
from operator_kit.engine.pace import Pace
from operator_kit.engine.result import Result
from operator_kit.engine.visit import Visit
from operator_kit.watch import Trigger

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


class IdContext:
    """What a reconcile of an id gets.

    Attributes:
        nomad: the client, in the operator's namespace.
        reasons: why the id is looked at, in the words of the streams.
        failures: how often in a row looks at it have failed so far.
    """

    def __init__(self, reconciler: str, visit: Visit, nomad: Nomad) -> None:
        self.nomad = nomad
        self.reasons = visit.reasons
        self.failures = visit.failures
        self._reconciler = reconciler
        self._id = visit.id

    @cached_property
    def log(self) -> "FilteringBoundLogger":
        """A logger that names the id in every line."""
        logger: FilteringBoundLogger = structlog.get_logger(f"operator_kit.{self._reconciler}").bind(
            controller=self._reconciler, id=self._id
        )
        return logger


class IdReconciler(Pace, ABC):
    """See the module's text.

    Class attributes:
        name: for logs, metrics and traces; unique within a process.
        watches: where the ids come from: `Watch`, `Every`, `Cron`, `Poll`, or any stream.
        resync: as in `Pace`, but never by default: an `Every` stream says better which ids there are.
    """

    name: ClassVar[str]
    watches: Sequence[Trigger] = ()
    resync: ClassVar[float | None] = None

    @abstractmethod
    async def reconcile(self, id: str, ctx: IdContext) -> Result | None:
        """Look at the id, and bring about what it stands for. Idempotent; may be called at any time.

        Raises:
            TemporaryError, PermanentError: see `operator_kit.engine.result`. After a permanent error the id is looked at again
                when a stream emits it.
        """

    async def stopped(self) -> None:
        """This process leads no more, or stops: end what goes on in the background."""

    async def look(self, visit: Visit, nomad: Nomad) -> Attempt:
        """One look, with its limit of time; raises nothing but cancellation."""
        ctx = IdContext(self.name, visit, nomad)
        ended = await attempt(self.reconcile(visit.id, ctx), self.timeout)
        if ended.failed:
            ctx.log.warning(ended.message, reason=ended.reason, exc_info=ended.error if ended.panicked else None)
        return ended
