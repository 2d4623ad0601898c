"""`Context`: what a reconciler has at hand besides its resource.

What it does to Nomad goes through here where the kit can make it better: jobs are applied by plan and marked with their owner,
conditions follow their conventions, events are counted and bounded. For all else there is the client itself, `ctx.nomad`.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import structlog

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import Job
from operator_kit.apply.job import apply_job, fingerprint
from operator_kit.apply.ownership import OwnedIndex, Owner
from operator_kit.conditions import Condition, remove_condition, set_condition, status_text
from operator_kit.failures import is_over
from operator_kit.informers.jobs import JobInformer
from operator_kit.masking import Mask
from operator_kit.reconciler import PermanentError
from operator_kit.resource import Resource
from operator_kit.rollout import Rollout, observe
from operator_kit.secrets import Secret, SecretRef, Secrets
from operator_kit.status import EventType, OwnedObject

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

R = TypeVar("R", bound=Resource)

Drift = Literal["correct", "report"]
"""What to do about an object that another has changed: put it right, or only say so in the condition `Drifted`."""

RECHECK: Final = 2.0
"""Seconds after which an unfinished roll-out is looked at again where no event stream tells of it."""


class Context(Generic[R]):
    """For one reconcile of one resource.

    Attributes:
        resource: the same that `reconcile` gets.
        nomad: the client, in the resource's namespace.
        owner: the mark that jobs of this resource bear.
        reasons: why the resource is looked at, in the words of its triggers.
        recheck: seconds after which to look again at the latest, None if nothing asked for it.
        now: the time of day, in UTC.
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
        drift: Drift = "correct",
    ) -> None:
        self.resource = resource
        self.nomad = nomad
        self.owner = Owner(resource.path, resource.uid)
        self.recheck: float | None = None
        self._jobs = jobs
        self.now = now
        self.streaming = streaming
        self.reasons = tuple(reasons)
        self._owned = OwnedIndex() if owned is None else owned
        self._write = save
        self._drift = drift
        self._set: set[str] = set()
        self._mask: Mask = resource.status.mask
        self._secrets = Secrets(nomad, self._mask)

    @cached_property
    def log(self) -> "FilteringBoundLogger":
        """A logger that names the resource in every line, and shows no secret that was resolved for it."""
        resource = self.resource
        logger: FilteringBoundLogger = structlog.wrap_logger(
            None,
            processors=[self._mask.event, *structlog.get_config()["processors"], self._mask.line],
            logger_factory_args=(f"operator_kit.{resource.kind}",),
            kind=resource.kind,
            namespace=resource.namespace,
            name=resource.name,
            generation=resource.generation,
        )
        return logger

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
        return self._secrets.paths

    # Status

    def set_condition(self, type: str, status: bool | None, reason: str, message: str = "") -> None:
        """Say what is true of the resource now; None is "unknown". `reason` is one CamelCase word."""
        condition = Condition(
            type=type,
            status=status_text(status),
            reason=reason,
            message=self._mask.text(message),
            observed_generation=self.resource.generation,
            last_transition_time=self.now(),
        )
        set_condition(self.resource.status.conditions, condition)
        self._set.add(type)

    def remove_condition(self, type: str) -> None:
        """Say nothing about it any more."""
        remove_condition(self.resource.status.conditions, type)

    def has_set(self, type: str) -> bool:
        """Whether that condition has been set in this reconcile."""
        return type in self._set

    def event(self, type: EventType, reason: str, message: str) -> None:
        """Note that something happened; it is kept in the status, counted while it repeats, and logged."""
        message = self._mask.text(message)
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

    # Jobs

    async def apply(self, job: Job) -> Job:
        """Make sure that the job runs as given, and belongs to the resource; the job as it was asked for in the end.

        Nothing is sent while neither the wish nor the job has changed. A changed job is planned and registered again,
        whoever changed it; the count of a group with a `scaling` block is left to its scaler.

        Raises:
            TemporaryError: the job belongs to another resource.
            NomadError: Nomad refused the job or cannot be reached.
        """
        if not job.id:
            raise PermanentError("a job needs an ID before it can be applied", reason="InvalidJob")
        wanted = self.owner.mark(job.evolve(namespace=job.namespace or self.resource.namespace))
        print_now = fingerprint(wanted)
        record = self._record_of(job.id)
        jobs = self._informer
        live = jobs.get(job.id)
        if (
            record is not None
            and live is not None
            and (record.fingerprint, record.index) == (print_now, live.job_modify_index)
            and live.owner == self.owner
            and not live.stopped
        ):
            return wanted
        applied = await apply_job(self.nomad, wanted, self.owner)
        if applied.outcome == "updated" and record is not None and record.fingerprint == print_now:
            self.event("Normal", "DriftCorrected", f"job {job.id} had been changed by another")
        elif applied.outcome != "unchanged":
            self.event("Normal", f"Job{applied.outcome.capitalize()}", f"job {job.id} {applied.outcome}")
        jobs.registered(job.id, self.owner, applied.index)
        made = OwnedObject(id=job.id, namespace=wanted.namespace or "", fingerprint=print_now, index=applied.index)
        self._keep(job.id, made)
        return applied.job

    async def delete(self, job: Job | str) -> None:
        """Stop and purge a job of this resource; no error if it does not exist.

        Raises:
            PermanentError: the job belongs to somebody else.
            NomadError: Nomad refused or cannot be reached.
        """
        job_id = job if isinstance(job, str) else job.id or ""
        try:
            live = await self.nomad.jobs.get(job_id)
        except NotFound:
            pass
        else:
            if (present := Owner.of(live.meta)) != self.owner:
                whose = present.path if present else "nobody"
                raise PermanentError(f"job {job_id} belongs to {whose}, so it is not deleted", reason="NotOwned")
            await self.nomad.jobs.deregister(job_id, purge=True)
            self.event("Normal", "JobDeleted", f"job {job_id} deleted")
        self._informer.purged(job_id)
        self._keep(job_id, None)

    async def owned_jobs(self) -> list[Job]:
        """The jobs that belong to this resource, as they are on the server, by ID."""
        known = {entry.id for entry in self.resource.status.owned if entry.kind == "Job"}
        jobs: list[Job] = []
        for job_id in sorted(known.union(self._informer.owned_by(self.owner))):
            try:
                job = await self.nomad.jobs.get(job_id)
            except NotFound:
                continue
            if Owner.of(job.meta) == self.owner:
                jobs.append(job)
        return jobs

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

    @property
    def _informer(self) -> JobInformer:
        if self._jobs is None:
            raise TypeError("a reconciler that makes jobs must say so: owns = [Job]")
        return self._jobs

    def _record_of(self, job_id: str) -> OwnedObject | None:
        owned: list[OwnedObject] = self.resource.status.owned
        return next((entry for entry in owned if (entry.kind, entry.id) == ("Job", job_id)), None)

    def _keep(self, job_id: str, made: OwnedObject | None) -> None:
        status: Any = self.resource.status
        others = [entry for entry in status.owned if (entry.kind, entry.id) != ("Job", job_id)]
        status.owned = sorted([*others, made] if made else others, key=lambda entry: (entry.kind, entry.id))
