"""The life of a resource, one look at a time: accept, reconcile, finalize.

`Lifecycle.look` gets a name, reads the resource and its status, and does the one thing that is due:

    resource  status              what is due
    --------  ------------------  ---------------------------------------------------------------------------
    no        no                  nothing
    yes       no, or of this uid  read the spec (`Accepted`), remember it in the status, then `reconcile`
    yes       of another uid      the resource was made anew: finalize the old one first
    no        yes                 a pending deletion: `finalize` from the last applied spec, remove owned jobs and the status

The spec is remembered **before** the first reconcile of it. So whatever a reconcile did, even one that was killed in the
middle, there is a status that tells of it, and a deletion that nobody saw is carried out later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar

import structlog

from nomad_api.client import Nomad
from nomad_api.errors import Conflict, NomadError
from operator_kit.apply.owned_index import OwnedIndex
from operator_kit.conditions import ACCEPTED, READY, RECONCILED, STALLED, find_condition
from operator_kit.context import Context
from operator_kit.crd_store.codec import InvalidItems
from operator_kit.crd_store.declarations import caution, is_remembered, recall, remember
from operator_kit.crd_store.status_items import StatusTooLarge
from operator_kit.crd_store.store import ResourceStore
from operator_kit.deletion import part_with_all
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.jobs import JobInformer
from operator_kit.informers.variables import Record
from operator_kit.reconciler import PermanentError, Reconciler, Result, TemporaryError
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus

R = TypeVar("R", bound=Resource)

_log = structlog.get_logger("operator_kit.lifecycle")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look came to, and when to look again.

    Attributes:
        result: `success`, `requeue_after` (a success that wants another look), `error` (another look is due), `terminal`
            (only a change helps), `gone` (there is nothing any more).
        after: seconds until the next look; None for the default of the result.
    """

    result: Literal["success", "requeue_after", "error", "terminal", "gone"]
    after: float | None = None


GONE: Final = Verdict("gone")
TERMINAL: Final = Verdict("terminal")


class Lifecycle(Generic[R]):
    """Looks at resources of one kind. One look at a name at a time: that is the caller's part."""

    def __init__(
        self,
        reconciler: Reconciler[R],
        nomad: Nomad,
        store: ResourceStore[R],
        jobs: JobInformer | None,
        feed: EventFeed,
        now: Callable[[], datetime],
        look_again: Callable[[str], None],
        owned: OwnedIndex | None = None,
    ) -> None:
        self._look_again = look_again
        self._reconciler = reconciler
        self._nomad = nomad
        self._store = store
        self._jobs = jobs
        self._feed = feed
        self._now = now
        self._owned = OwnedIndex() if owned is None else owned
        self._halted: dict[str, int] = {}

    async def look(self, name: str) -> Verdict:
        """Do what is due for the resource of that name. Raises nothing but cancellation."""
        try:
            return await self._look(name)
        except Conflict:
            # Another wrote the status: a former leader, or a person. It is read anew at the next look.
            return Verdict("error")
        except NomadError as error:
            _log.warning("cannot look", kind=self._reconciler.resource.kind, name=name, error=str(error))
            return Verdict("error")

    async def _look(self, name: str) -> Verdict:
        declared, observed = await self._store.read(name)
        status = self._store.status(observed)
        if declared is None and observed is None:
            self._halted.pop(name, None)
            return GONE
        if declared is None and not await self._store.confirm_absence(name):
            return Verdict("requeue_after", 0.0)
        if observed is not None and (declared is None or status.uid not in (0, declared.create_index)):
            verdict = await self._finalize(name, status, observed)
            return Verdict("requeue_after", 0.0) if verdict is GONE and declared is not None else verdict
        assert declared is not None
        if self._halted.get(name) == declared.modify_index:
            return TERMINAL
        self._halted.pop(name, None)
        try:
            resource = self._store.resource(name, declared, status)
        except InvalidItems as error:
            return await self._reject(name, declared, status, observed, "InvalidSpec", str(error))
        if not is_remembered(resource):
            before = status.last_applied
            try:
                observed = await self._accept(resource, observed)
            except StatusTooLarge as error:
                status.last_applied = before
                return await self._reject(name, declared, status, observed, "SpecTooLarge", str(error))
        return await self._reconcile(resource, observed)

    # Acceptance

    async def _accept(self, resource: R, observed: Record | None) -> Record:
        """Remember the spec in the status, as the one to undo."""
        status: ResourceStatus = resource.status
        context = self._context(resource)
        status.uid = resource.uid
        status.last_applied = remember(resource)
        context.set_condition(ACCEPTED, True, "Valid", caution(resource))
        for type in (RECONCILED, READY):
            if find_condition(status.conditions, type) is None:
                context.set_condition(type, None, "Pending", "the first reconcile has begun")
        return await self._store.write_status(resource.name, status, observed)

    async def _reject(
        self, name: str, declared: Record, status: ResourceStatus, observed: Record | None, reason: str, message: str
    ) -> Verdict:
        """Say what is wrong with the spec. What an earlier spec brought about goes on as it is."""
        # A resource without a spec cannot be: this one only lends its identity to the conditions.
        bearer: Any = self._reconciler.resource(
            name, ResourceStatus(), uid=declared.create_index, generation=declared.modify_index, status=status
        )
        context = self._context(bearer)
        status.uid = declared.create_index
        context.set_condition(ACCEPTED, False, reason, message)
        if find_condition(status.conditions, READY) is None:
            context.set_condition(READY, None, "NotAccepted", "the spec is not valid")
        context.event("Warning", reason, message)
        await self._store.write_status(name, status, observed)
        return TERMINAL

    # Reconciliation

    async def _reconcile(self, resource: R, observed: Record | None) -> Verdict:
        status: ResourceStatus = resource.status

        async def save() -> None:
            nonlocal observed
            observed = await self._store.write_status(resource.name, status, observed)

        context = self._context(resource, save)
        verdict = await self._call(self._reconciler.reconcile, resource, context)
        if verdict.result in ("success", "requeue_after"):
            status.observed_generation = resource.generation
            context.set_condition(RECONCILED, True, "Success", "")
            context.remove_condition(STALLED)
            if not context.has_set(READY):
                context.set_condition(READY, True, "Reconciled", "")
        elif verdict is TERMINAL:
            self._halted[resource.name] = resource.generation
        return await self._save(resource, context, observed, verdict)

    async def _finalize(self, name: str, status: ResourceStatus, observed: Record) -> Verdict:
        """Undo what was done for a resource that is gone, and forget it."""
        applied = status.last_applied
        if applied is None:
            await self._store.delete_status(name, observed)
            return GONE
        kind = self._reconciler.resource
        try:
            resource: Any = recall(kind, name, self._nomad.namespace or "default", status, applied)
        except InvalidItems as error:
            _log.error("the last applied spec cannot be read", kind=kind.kind, name=name, problem=str(error))
            return Verdict("error")

        async def save() -> None:
            nonlocal observed
            observed = await self._store.write_status(name, status, observed)

        context = self._context(resource, save)
        verdict = await self._call(self._undo, resource, context)
        if verdict.result != "success":
            return await self._save(resource, context, observed, Verdict("error") if verdict is TERMINAL else verdict)
        await self._store.delete_status(name, observed)
        _log.info("finalized", kind=kind.kind, name=name)
        return GONE

    async def _undo(self, resource: R, context: Context[R]) -> Result | None:
        result = await self._reconciler.finalize(resource, context)
        return result if result and result.requeue_after is not None else await part_with_all(context)

    async def _call(self, act: Callable[..., Any], resource: R, context: Context[R]) -> Verdict:
        """Call the author's code, with a limit of time; every way in which it can end is a verdict, told in the status."""
        seconds = self._reconciler.timeout
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                result: Result | None = await act(resource, context)
        except PermanentError as error:
            self._failed(context, error.reason, str(error), stalled=True)
            return TERMINAL
        except TemporaryError as error:
            self._failed(context, error.reason, str(error))
            return Verdict("error", error.delay)
        except TimeoutError as error:
            if limit.expired():
                self._failed(context, "Timeout", f"it took longer than {seconds:g} seconds", stalled=True)
            else:
                self._failed(context, "TimeoutError", str(error) or "something took too long")
            return Verdict("error")
        except NomadError as error:
            self._failed(context, "NomadUnavailable" if error.retryable else type(error).__name__, str(error))
            return Verdict("error")
        except Exception as error:
            context.log.exception("the reconciler raised")
            self._failed(context, "InternalError", f"{type(error).__name__}: {error}")
            return Verdict("error")
        pauses = [result.requeue_after if result else None, context.recheck]
        after = min((pause for pause in pauses if pause is not None), default=None)
        return Verdict("success") if after is None else Verdict("requeue_after", after)

    def _failed(self, context: Context[R], reason: str, message: str, *, stalled: bool = False) -> None:
        context.set_condition(RECONCILED, False, reason, message)
        if stalled:
            context.set_condition(STALLED, True, reason, message)
        context.event("Warning", reason, message)

    async def _save(self, resource: R, context: Context[R], observed: Record | None, verdict: Verdict) -> Verdict:
        status: ResourceStatus = resource.status
        try:
            await self._store.write_status(resource.name, status, observed)
        except StatusTooLarge as error:
            context.log.error("the status is not written", problem=str(error))
            return Verdict("error")
        return verdict

    def _context(self, resource: R, save: Callable[[], Awaitable[None]] | None = None) -> Context[R]:
        return Context(
            resource,
            self._nomad,
            self._jobs,
            now=self._now,
            streaming=self._feed.connected,
            owned=self._owned,
            drift=self._reconciler.drift,
            save=save,
            look_again=partial(self._look_again, resource.name),
        )
