"""Handlers: what is new, changed, gone or due, told apart for an operator that would rather not ask.

    class WebsiteHandlers(Handlers[Website]):
        @on.create
        async def created(self, website: Website, ctx: Context[Website]) -> None: ...

        @on.field("spec.replicas")
        async def scaled(self, website: Website, ctx: Context[Website], change: FieldChange[int]) -> None: ...

        @on.timer(every=30)
        async def refresh(self, website: Website, ctx: Context[Website]) -> None: ...

The engine underneath knows nothing of this: a `Handlers` is a `Reconciler`, whose reconcile compares the spec with what was
last dealt with, and calls who has not seen it yet. Where one function can bring the world in line whatever happened, write a
`Reconciler`; handlers are for steps that differ, and for what must happen once.

Flow
    1. A resource that no handler of its creation has succeeded for is new: `on.create` handlers are called.
    2. From then on, daemons run; `on.update` and `on.field` handlers are called when the spec, or their field, is not what they
       last dealt with. Then the timers that are due.
    3. When the resource is gone, its daemons are stopped and the `on.delete` handlers called; then what it owns is removed.
    Within each step handlers are called one after the other, as the class defines them. A handler that returns has succeeded.
    One that returns `Result(requeue_after=…)` is not finished and is called again then; one that raises, as a reconcile that
    raises: after the pauses of failures, or after a `PermanentError` when the spec changes.

Guarantees
    * No change is missed: each handler is called until it has succeeded with the spec as it is, over restarts too.
    * A handler that succeeded is not called again because a later one failed. Success is written down before the next begins.
    * Each `on.field` handler sees a chain: `old` is what it was last given as `new` when it succeeded. Changes that it missed
      are one change.
    * A change that comes while handlers run is seen afterwards.
    * Those after a handler that has not succeeded wait: they may rely on it. Daemons and timers do not wait for each other.
    * No finalizer where there is no `on.delete`: timers and daemons end with the resource, or with the process.
    * What a handler says of `Ready` holds until a handler says something else.

Assumptions
    * Handlers are idempotent. A process that is killed between a success and its writing calls the handler again.
    * They do not change what they are not told of: a handler of a field brings the new value about, not the difference.

Caveats
    * A handler is not called because the world changed. To see that a job is still as it should be, extend `reconcile`.
    * The spec is compared as it is read, defaults filled in: a new version of the operator with another default, or a new
      field, is a change of every resource. A handler that is new or renamed starts from what the others have dealt with: it is
      not called for what happened before.
    * Old values of fields are remembered up to 8 KiB in all, and not where a status has no room: `change.forgotten`.
    * Timers and daemons are in memory: after a restart or a new leader they begin anew, and `idle` counts from there.
    * A daemon that swallows its cancellation holds up the deletion of its resource, which says so.
"""

from operator_kit.handlers import on
from operator_kit.handlers.daemons import DaemonContext
from operator_kit.handlers.field import FieldChange
from operator_kit.handlers.reconciler import Handlers

__all__ = ["DaemonContext", "FieldChange", "Handlers", "on"]
