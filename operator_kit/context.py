"""`Context`: what a reconciler has at hand besides its resource.

What it does to Nomad goes through here where the kit can make it better: objects are applied by plan and marked with their
owner, conditions follow their conventions, events are counted and bounded. For all else there is the client, `ctx.nomad`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import structlog

from nomad_api.client import Nomad
from nomad_api.models import Job
from operator_kit.apply.applier import Applier
from operator_kit.apply.drift import Drift, tell_drift
from operator_kit.apply.holdings import Holdings
from operator_kit.apply.job import JOB
from operator_kit.apply.kinds import Applicable
from operator_kit.apply.owned_index import OwnedIndex
from operator_kit.apply.remover import Remover
from operator_kit.conditions import (
    Condition,
    find_condition,
    remove_condition,
    set_condition,
    shortened,
    status_text,
)
from operator_kit.crd_store.lister import Lister
from operator_kit.crd_store.selectors import Selector
from operator_kit.failures import is_over
from operator_kit.informers.jobs import JobInformer
from operator_kit.masking import Mask
from operator_kit.ownership import Owner
from operator_kit.resource import Resource
from operator_kit.rollout import Rollout, observe
from operator_kit.secrets import Secret, SecretRef, Secrets
from operator_kit.status import EventType

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

R = TypeVar("R", bound=Resource)
K = TypeVar("K", bound=Resource)
T = TypeVar("T", bound=Applicable)

RECHECK: Final = 2.0
"""Seconds after which an unfinished roll-out is looked at again where no event stream tells of it."""


class Context(Generic[R]):
    """For one reconcile of one resource.

    Attributes:
        resource: the same that `reconcile` gets.
        nomad: the client, in the resource's namespace.
        owner: the mark that objects of this resource bear.
        reasons: why the resource is looked at, in the words of its triggers.
        look_again: have the resource reconciled once more, as soon as possible; also of use long after this reconcile.
        recheck: seconds after which to look again at the latest, None if nothing asked for it.
        now: the time of day, in UTC.
        mask: the values that the kit does not write anywhere: the secrets that were resolved.
        streaming: whether events tell of changes; without them, what is unfinished asks for a `recheck`.
    """

    def __init__(
        self,
        resource: R,
        nomad: Nomad,
        jobs: JobInformer | None,
        *,
        now: Callable[[], datetime],
        streaming: bool = True,
        owned: OwnedIndex | None = None,
        save: Callable[[], Awaitable[None]] | None = None,
        reasons: Sequence[str] = (),
        look_again: Callable[[], None] = lambda: None,
        drift: Drift = "correct",
        refer: Callable[[str], None] = lambda path: None,
        lister: Lister | None = None,
        mask: Mask | None = None,
    ) -> None:
        self.resource = resource
        self.nomad = nomad
        self.owner = Owner(resource.path, resource.uid)
        self.recheck: float | None = None
        self.now = now
        self.streaming = streaming
        self.reasons = tuple(reasons)
        self.look_again = look_again
        self._write = save
        self._jobs = jobs
        self._owned = OwnedIndex() if owned is None else owned
        self._drift = drift
        self._refer = refer
        self._lister = lister
        self._set: set[str] = set()
        self.mask = Mask() if mask is None else mask
        if resource.status.owned or self.owner in self._owned:
            _ = self.holdings  # the index learns what there is, whatever the reconcile will ask for

    # What most reconciles need, and the one that finds nothing to do does not, is made when it is asked for.

    @cached_property
    def holdings(self) -> Holdings:
        """What belongs to the resource, as far as is known."""
        resource = self.resource
        return Holdings(self.owner, resource.namespace, resource.status, self.nomad, self._jobs, self._owned)

    @cached_property
    def remover(self) -> Remover:
        """Takes away what belongs to the resource."""
        return Remover(self.holdings, self)

    @cached_property
    def _applier(self) -> Applier:
        return Applier(self.holdings, self._drift, self)

    @cached_property
    def _secrets(self) -> Secrets:
        return Secrets(self.nomad, self.mask, self._refer)

    @cached_property
    def log(self) -> "FilteringBoundLogger":
        """A logger that names the resource in every line, and shows no secret that was resolved for it."""
        resource = self.resource
        logger: FilteringBoundLogger = structlog.wrap_logger(
            None,
            processors=[self.mask.event, *structlog.get_config()["processors"], self.mask.line],
            logger_factory_args=(f"operator_kit.{resource.kind}",),
            kind=resource.kind,
            namespace=resource.namespace,
            name=resource.name,
            generation=resource.generation,
        )
        return logger

    # Other resources

    async def get(self, kind: type[K], name: str) -> K | None:
        """A resource of any kind, with its status, as far as is known here; None if there is none that can be read.

        Raises:
            NomadError: it had to be read, and could not be.
        """
        return await self._kinds.of(kind).get(name)

    async def select(self, kind: type[K], selector: Selector | str = "") -> list[K]:
        """The resources of a kind that a selector means, by name. Their changes bring this resource back where `watches`, or
        `owns`, of the reconciler says so.

        Raises:
            SelectorError: it is none, or asks for a field that the kind has not published as selectable.
            NomadError: something had to be read, and could not be.
        """
        return await self._kinds.of(kind).select(selector)

    @property
    def _kinds(self) -> Lister:
        if self._lister is None:
            raise TypeError("this context was made without a lister, so it knows of no other resources")
        return self._lister

    # Secrets

    async def secret(self, reference: SecretRef) -> Secret:
        """The value that a reference of the spec names; read once in a reconcile, and masked wherever the kit writes.

        Raises:
            TemporaryError: it is missing (reason `SecretMissing`), or may not be read (`SecretForbidden`).
            NomadError: Nomad cannot be reached.
        """
        return await self._secrets.resolve(reference)

    @property
    def references(self) -> frozenset[str]:
        """The paths of the variables that were asked for secrets, those that are missing too."""
        return self._secrets.paths if "_secrets" in self.__dict__ else frozenset()

    # Status

    def set_condition(self, type: str, status: bool | None, reason: str, message: str = "") -> None:
        """Say what is true of the resource now; None is "unknown". `reason` is one CamelCase word."""
        conditions = self.resource.status.conditions
        self._set.add(type)
        says = (status_text(status), reason, shortened(self.mask.text(message)), self.resource.generation)
        old = find_condition(conditions, type)
        if old is not None and (old.status, old.reason, old.message, old.observed_generation) == says:
            return  # most looks find nothing new, and a model costs more than four comparisons
        word, reason, message, generation = says
        condition = Condition(
            type=type,
            status=word,
            reason=reason,
            message=message,
            observed_generation=generation,
            last_transition_time=self.now(),
        )
        set_condition(conditions, condition)

    def remove_condition(self, type: str) -> None:
        """Say nothing about it any more."""
        remove_condition(self.resource.status.conditions, type)

    def has_set(self, type: str) -> bool:
        """Whether that condition has been set in this reconcile."""
        return type in self._set

    def event(self, type: EventType, reason: str, message: str) -> None:
        """Note that something happened; it is kept in the status, counted while it repeats, and logged."""
        message = self.mask.text(message)
        self.resource.status.record(type, reason, message, self.now())
        (self.log.warning if type == "Warning" else self.log.info)(message, reason=reason)

    async def save(self) -> None:
        """Write the status now, in the middle of a reconcile: for what must be remembered before the next step is taken.

        Raises:
            Conflict: another has written it meanwhile; the reconcile should end, and begin anew.
            StatusTooLarge: it does not fit into a variable.
            NomadError: it cannot be written.
        """
        if self._write is not None:
            await self._write()

    # What belongs to the resource

    async def apply(self, wish: T, *, share: bool = False, force: bool = False) -> T:
        """Make sure that there is an object as wished, and that it belongs to the resource.

        The wish is a job, a variable, a namespace, a node pool, an ACL policy, a volume or another resource. Nothing is sent
        while neither the wish nor the object has changed. An object of nobody's is adopted. Only the fields that the wish
        gives are the resource's: those that it gave last time and gives no more are removed, all others stay as they are,
        whoever set them. Of a job all is the resource's, but the counts that are left to a scaler: of a group with a `scaling`
        block, and of one without a count. What another has changed is put right or reported, as `Reconciler.drift` says.

        Args:
            share: only the fields of the wish belong to the resource; the object may be somebody else's. When the resource
                goes, they are taken out again. Jobs cannot be shared.
            force: take over what belongs to another resource: the object, or where it is shared, the fields.

        Returns:
            The wish.

        Raises:
            AlreadyOwned: the object belongs to another resource.
            FieldConflict: a shared object has other values in some of the fields.
            PermanentError: such an object cannot be applied, or it has no name.
            NomadError: Nomad refused, cannot be reached, or another changed the object at this moment.
        """
        applied = await self._applier.apply(wish, share=share, force=force)
        tell_drift(self, self.resource.status)
        return applied

    async def delete(self, wish: Applicable | str) -> None:
        """Remove an object of this resource, a job with all that runs of it; no error if it does not exist.

        Args:
            wish: the object as it was applied, of which only the name matters; or the ID of a job.

        Raises:
            PermanentError: the object belongs to somebody else.
            NomadError: Nomad refused or cannot be reached.
        """
        await self.remover.delete(self.holdings.key_of(Job(id=wish) if isinstance(wish, str) else wish))
        tell_drift(self, self.resource.status)

    async def owned_jobs(self) -> list[Job]:
        """The jobs that belong to this resource, as they are on the server, by ID."""
        jobs = await self.holdings.read_all(JOB)
        return sorted(jobs, key=lambda job: job.id or "")

    async def rollout(self, job: Job | str) -> Rollout:
        """How far the job is; to be put into a condition. The resource is called again when it gets further.

        Raises:
            NotFound: there is no such job.
        """
        job_id = job if isinstance(job, str) else job.id or ""
        status = self.resource.status
        rollout = await observe(self.nomad, job_id, status.first_failures.get(job_id))
        kept = {id: failure for id, failure in status.first_failures.items() if id != job_id}
        if rollout.first_failure and not (rollout.healthy and is_over(rollout.failures, self.now())):
            kept[job_id] = rollout.first_failure
        status.first_failures = kept
        if not (rollout.healthy or self.streaming):
            self.recheck = RECHECK
        return rollout
