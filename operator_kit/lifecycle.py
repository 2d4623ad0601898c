"""The life of a resource, one look at a time: accept, reconcile, finalize.

`Lifecycle.look` reads the resource and its status, and does the one thing that is due:

    resource  status              what is due
    --------  ------------------  ---------------------------------------------------------------------------
    no        no                  nothing
    no        yes                 a pending deletion: `finalize` from the last applied spec, remove what it owns and the status
    yes       of another uid      the resource was made anew: finalize the old one first
    paused    any                 nothing, and the status says so
    yes       no, or of this uid  read the spec (`Accepted`), remember it in the status, then `reconcile`

The spec is remembered **before** the first reconcile of it. So whatever a reconcile did, even one that was killed in the
middle, there is a status that tells of it, and a deletion that nobody saw is carried out later. Only where nothing will ever be
undone, for a reconciler that owns nothing and has no `finalize`, it is remembered with the outcome, in one write.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any, Final, Generic, TypeVar

import structlog

from nomad_api.errors import Conflict, NomadError
from operator_kit.conditions import ACCEPTED, PAUSED, READY, RECONCILED, STALLED, find_condition
from operator_kit.context import Context
from operator_kit.crd_store.codec import InvalidItems
from operator_kit.crd_store.declarations import Declaration, caution, is_remembered, recall, remember
from operator_kit.crd_store.status_items import StatusTooLarge
from operator_kit.crd_store.store import ResourceStore, StatusDraft
from operator_kit.deletion import part_with_all
from operator_kit.engine.attempt import GONE, Attempt, attempt
from operator_kit.engine.result import Result
from operator_kit.engine.visit import Visit
from operator_kit.informers.jobs import JobInformer
from operator_kit.reconciler import Reconciler
from operator_kit.references import References
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus, Retry
from operator_kit.world import World

R = TypeVar("R", bound=Resource)

_log = structlog.get_logger("operator_kit.lifecycle")

_TERMINAL: Final = Attempt("terminal")
_AT_ONCE: Final = Attempt("requeue_after", 0.0)


class Lifecycle(Generic[R]):
    """Looks at resources of one kind. One look at a name at a time: that is the caller's part."""

    def __init__(
        self,
        reconciler: Reconciler[R],
        store: ResourceStore[R],
        jobs: JobInformer | None,
        world: World,
        look_again: Callable[[str], None],
        references: References,
    ) -> None:
        """
        Args:
            jobs: of a kind that owns jobs.
            look_again: asks for a look at that name.
            references: learns which variables a resource refers to.
        """
        self._reconciler = reconciler
        self._store = store
        self._jobs = jobs
        self._world = world
        self._look_again = look_again
        self._references = references
        self._halted: dict[str, int] = {}
        self._untold: dict[str, R] = {}
        """What a reconcile was begun for whose status could not be written since."""

    async def look(self, visit: Visit) -> Attempt:
        """Do what is due for the resource of that name. Raises nothing but cancellation."""
        try:
            return await self._look(visit)
        except Conflict as error:
            # Another wrote the status: a former leader, or a person. It is read anew at the next look.
            return Attempt("error", reason="Conflict", message=str(error), error=error)
        except NomadError as error:
            _log.warning("cannot look", kind=self._reconciler.resource.kind, name=visit.id, error=str(error))
            return Attempt("error", reason=type(error).__name__, message=str(error), error=error)

    async def _look(self, visit: Visit) -> Attempt:
        name = visit.id
        variable, observed = await self._store.read(name)
        if variable is None and observed is None:
            self._halted.pop(name, None)
            self._references.learn(name, ())
            return await self._undo_untold(visit)
        if variable is None and not await self._store.confirm_absence(name):
            return _AT_ONCE
        declared = None if variable is None else Declaration(variable)
        draft = self._store.draft(name, observed)
        if draft.written and (declared is None or draft.status.uid not in (0, declared.uid)):
            # Which of the two is the older one? Once it was the resource, as a new leader knew it, and what was made for the
            # present one was undone.
            if declared is not None and not await self._store.confirm_identity(name, declared.uid):
                return _AT_ONCE
            ended = await self._finalize(visit, draft, declared)
            return _AT_ONCE if ended is GONE and declared is not None else ended
        assert declared is not None
        if self._halted.get(name) == declared.generation:
            return _TERMINAL
        self._halted.pop(name, None)
        if declared.controls.paused:
            return await self._pause(visit, declared, draft)
        try:
            resource = self._store.resource(name, declared, draft.status)
        except InvalidItems as error:
            return await self._reject(visit, declared, draft, "InvalidSpec", str(error))
        if not is_remembered(resource):
            applied = draft.status.last_applied
            try:
                await self._accept(visit, resource, draft)
            except StatusTooLarge as error:
                draft.status.last_applied = applied
                return await self._reject(visit, declared, draft, "SpecTooLarge", str(error))
        return await self._reconcile(visit, resource, draft)

    async def _undo_untold(self, visit: Visit) -> Attempt:
        """There is nothing any more. Undo what a reconcile of this process did after another leader had undone it all."""
        resource = self._untold.get(visit.id)
        if resource is None:
            return GONE
        ended = _AT_ONCE
        if await self._store.confirm_absence(visit.id):
            ended = await self._finalize(visit, self._store.draft(visit.id, None, resource.status), None)
        # Only now: what the server keeps from being done is tried again.
        del self._untold[visit.id]
        return ended

    # Acceptance

    async def _accept(self, visit: Visit, resource: R, draft: StatusDraft) -> None:
        """Remember the spec in the status, as the one to undo."""
        status = draft.status
        context = self._context(visit, resource, draft)
        status.uid = resource.uid
        status.last_applied = remember(resource)
        context.set_condition(ACCEPTED, True, "Valid", caution(resource))
        for type in (RECONCILED, READY):
            if find_condition(status.conditions, type) is None:
                context.set_condition(type, None, "Pending", "the first reconcile has begun")
        if self._reconciler.leaves_traces:
            await draft.save()
        else:
            draft.check()

    async def _reject(self, visit: Visit, declared: Declaration, draft: StatusDraft, reason: str, message: str) -> Attempt:
        """Say what is wrong with the spec. What an earlier spec brought about goes on as it is."""
        context = self._bearer(visit, declared, draft)
        context.set_condition(ACCEPTED, False, reason, message)
        if find_condition(draft.status.conditions, READY) is None:
            context.set_condition(READY, None, "NotAccepted", "the spec is not valid")
        context.event("Warning", reason, message)
        draft.status.last_handled_reconcile = declared.controls.reconcile
        await draft.save()
        return _TERMINAL

    async def _pause(self, visit: Visit, declared: Declaration, draft: StatusDraft) -> Attempt:
        """Say that nothing is done. What was brought about goes on as it is."""
        context = self._bearer(visit, declared, draft)
        context.set_condition(PAUSED, True, "PausedByUser", "operator.paused=true; remove the item, and work goes on")
        draft.status.retry = None
        await self._reconciler.paused(visit.id)
        await draft.save()
        return _TERMINAL

    def _bearer(self, visit: Visit, declared: Declaration, draft: StatusDraft) -> Context[Any]:
        """A context for a resource whose spec is not read: it only lends its identity to the conditions."""
        draft.status.uid = declared.uid
        bearer: Any = self._reconciler.resource(
            visit.id, ResourceStatus(), uid=declared.uid, generation=declared.generation, status=draft.status
        )
        return self._context(visit, bearer, draft)

    # Reconciliation

    async def _reconcile(self, visit: Visit, resource: R, draft: StatusDraft) -> Attempt:
        context = self._context(visit, resource, draft)
        status = draft.status
        self._untold[resource.name] = resource
        ended = await self._call(self._reconciler.reconcile, resource, context)
        context.remove_condition(PAUSED)
        self._references.learn(resource.name, context.references)
        if ended.failed:
            self._tell_failure(visit, context, ended)
        else:
            _settle(status, resource.generation)
            context.set_condition(RECONCILED, True, "Success", "")
            context.remove_condition(STALLED)
            if not context.has_set(READY):
                context.set_condition(READY, True, "Reconciled", "")
        if ended.outcome == "terminal":
            self._halted[resource.name] = resource.generation
        if status.last_handled_reconcile != resource.controls.reconcile:
            status.last_handled_reconcile = resource.controls.reconcile
        ended = await self._save(draft, context, ended)
        self._untold.pop(resource.name, None)
        return ended

    async def _finalize(self, visit: Visit, draft: StatusDraft, declared: Declaration | None) -> Attempt:
        """Undo what was done for a resource that is gone, and forget it."""
        status = draft.status
        applied = status.last_applied
        if applied is None:
            await draft.delete()
            return GONE
        kind = self._reconciler.resource
        try:
            resource: Any = recall(kind, visit.id, self._world.nomad.namespace or "default", status, applied, declared)
        except InvalidItems as error:
            _log.error("the last applied spec cannot be read", kind=kind.kind, name=visit.id, problem=str(error))
            return Attempt("error", reason="LastAppliedUnreadable", message=str(error), error=error)
        context = self._context(visit, resource, draft)
        ended = await self._call(self._undo, resource, context)
        if ended.failed:
            # Nobody can mend the spec of what is gone: even a permanent error is tried again.
            ended = replace(ended, outcome="error")
            self._tell_failure(visit, context, ended)
        if ended.outcome != "success":
            return await self._save(draft, context, ended)
        await draft.delete()
        _log.info("finalized", kind=kind.kind, name=visit.id)
        return GONE

    async def _undo(self, resource: R, context: Context[R]) -> Result | None:
        result = await self._reconciler.finalize(resource, context)
        return result if result and result.requeue_after is not None else await part_with_all(context)

    async def _call(
        self, act: Callable[[R, Context[R]], Awaitable[Result | None]], resource: R, context: Context[R]
    ) -> Attempt:
        """Call the author's code; the next look is due when it or the context wants it, whichever is sooner."""
        ended = await attempt(act(resource, context), self._reconciler.timeout)
        if ended.panicked:
            context.log.error("the reconciler raised", exc_info=ended.error)
        if ended.failed and (mask := context.mask):
            ended = replace(ended, message=mask.text(ended.message), error=None)  # spans are told of it
        if ended.failed or context.recheck is None:
            return ended
        after = context.recheck if ended.after is None else min(ended.after, context.recheck)
        return Attempt("requeue_after", after, ended.priority)

    def _tell_failure(self, visit: Visit, context: Context[R], ended: Attempt) -> None:
        """Put a failure into the conditions, the events and the record of retries."""
        context.set_condition(RECONCILED, False, ended.reason, ended.message)
        if ended.stalled:
            context.set_condition(STALLED, True, ended.reason, ended.message)
        context.event("Warning", ended.reason, ended.message)
        now, status = self._world.now(), context.resource.status
        before: Retry | None = status.retry
        known = visit.failures
        next_at = None
        if ended.outcome == "error":
            next_at = now + timedelta(seconds=ceil(visit.put_off(ended.after, f"retry after {ended.reason}")))
        counts = before is None or next_at is None or visit.failures > known
        if before is not None and before.next_at is not None and next_at is not None and not counts:
            next_at = min(before.next_at, next_at)  # the appointment stands; rounding must not make another write of it
        status.retry = Retry(
            attempts=(before.attempts if before else 0) + counts,
            since=before.since if before else now,
            next_at=next_at,
            reason=ended.reason,
            last_error=ended.message,
            first_error=before.first_error if before else ended.message,
        )

    async def _save(self, draft: StatusDraft, context: Context[R], ended: Attempt) -> Attempt:
        try:
            await draft.save()
        except StatusTooLarge as error:
            context.log.error("the status is not written", problem=str(error))
            return Attempt("error", reason="StatusTooLarge", message=str(error), error=error)
        return ended

    def _context(self, visit: Visit, resource: R, draft: StatusDraft) -> Context[R]:
        return Context(
            resource,
            self._world.nomad,
            self._jobs,
            now=self._world.now,
            streaming=self._world.informers.feed.connected,
            owned=self._world.owned,
            drift=self._reconciler.drift,
            save=draft.save,
            reasons=visit.reasons,
            look_again=partial(self._look_again, resource.name),
            refer=partial(self._references.refer, resource.name),
            lister=self._world.lister,
            mask=draft.mask,
        )


def _settle(status: ResourceStatus, generation: int) -> None:
    """Take a success into the status. What is so already is not set: a model checks what it is given."""
    if status.observed_generation != generation:
        status.observed_generation = generation
    if status.retry is not None:
        status.retry = None
