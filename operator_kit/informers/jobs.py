"""The informer of owned jobs: which jobs belong to resources, and whom to call when something of them changes."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from nomad_api.client import Nomad
from nomad_api.models.event import Event
from operator_kit.informers.source import Source
from operator_kit.ownership import OWNER, Owner


@dataclass(frozen=True, slots=True)
class OwnedJob:
    """A job as the informer knows it: its owner, and the indexes by which changes are noticed."""

    owner: Owner
    job_modify_index: int
    modify_index: int
    summary_index: int = 0
    stopped: bool = False


class JobInformer(Source):
    """Follows the jobs of one namespace that belong to resources, and calls their owners when something of them changes.

    With the event stream, changes of allocations and deployments call the owner too; a list of jobs shows of them only the
    numbers of its summary.
    """

    def __init__(self, nomad: Nomad, random: Random) -> None:
        # The server leaves out the jobs of others, of which a busy cluster has many.
        super().__init__("jobs", nomad, "jobs", {"meta": True, "filter": f'"{OWNER}" in Meta'}, random)
        self._jobs: dict[str, OwnedJob] = {}
        self._of_owner: dict[Owner, set[str]] = defaultdict(set)
        self._listeners: list[tuple[str, Callable[[str], None]]] = []

    def listen(self, prefix: str, changed: Callable[[str], None]) -> None:
        """Call `changed` with the path of every owner below `prefix` whose jobs change."""
        self._listeners.append((prefix, changed))

    def __len__(self) -> int:
        return len(self._jobs)

    def cached_bytes(self) -> int:
        return 0  # of a job only its owner and its indexes are kept

    def get(self, job_id: str) -> OwnedJob | None:
        """An owned job, None if there is none of that ID."""
        return self._jobs.get(job_id)

    def owned_by(self, owner: Owner) -> list[str]:
        """IDs of the jobs that belong to the resource, sorted."""
        return sorted(self._of_owner.get(owner, ()))

    def owners(self) -> list[tuple[str, Owner]]:
        """The IDs of all owned jobs with their owners, by ID."""
        return sorted(((job_id, job.owner) for job_id, job in self._jobs.items()), key=lambda pair: pair[0])

    def registered(self, job_id: str, owner: Owner, job_modify_index: int) -> None:
        """Take over our own registration: what was written is known at once."""
        known = self._jobs.get(job_id)
        if known is None or known.job_modify_index < job_modify_index:
            self._put(job_id, OwnedJob(owner, job_modify_index, job_modify_index))

    def purged(self, job_id: str) -> None:
        """Take over that we have removed a job ourselves."""
        self._remove(job_id)

    def _replace(self, rows: list[dict[str, Any]], index: int) -> None:
        found = {row["ID"]: _from_stub(row) for row in rows}
        for job_id, known in list(self._jobs.items()):
            if known.modify_index <= index and found.get(job_id) != known:
                self._remove(job_id)
                self._call(known.owner)
        for job_id, job in found.items():
            present = self._jobs.get(job_id)
            if job is not None and (present is None or present.modify_index <= index):
                self._put(job_id, job)
                if present != job:
                    self._call(job.owner)

    def see(self, event: Event) -> bool:
        payload = event.payload or {}
        if event.topic == "Job" and event.index <= self.listed:
            return True  # a replay: a job that is gone since must not come back
        if event.topic == "Job":
            return self._see_job(payload.get("Job") or {}, bool(payload.get("Deleted")))
        job_id = (payload.get(event.topic) or {}).get("JobID", "")
        if (job := self._jobs.get(job_id)) is None:
            return False
        self._call(job.owner)
        return True

    def stream_connected(self) -> None:
        super().stream_connected()
        # Health of allocations is not in the list, so what happened to it while there was no stream is unknown.
        for owner in list(self._of_owner):
            self._call(owner)

    def _restart(self) -> None:
        owners = list(self._of_owner)
        self._jobs.clear()
        self._of_owner.clear()
        for owner in owners:
            self._call(owner)

    def _see_job(self, data: dict[str, Any], deleted: bool) -> bool:
        job_id = data.get("ID") or ""
        known = self._jobs.get(job_id)
        if known is not None and known.modify_index > (data.get("ModifyIndex") or 0):
            return True  # a replay
        owner = Owner.of(data.get("Meta"))
        if known is not None and (deleted or owner is None):
            self._remove(job_id)
            self._call(known.owner)
        elif owner is not None and not deleted:
            job = OwnedJob(owner, data.get("JobModifyIndex") or 0, data["ModifyIndex"], 0, bool(data.get("Stop")))
            self._put(job_id, job)
            self._call(owner)
            if known is not None and known.owner != owner:
                self._call(known.owner)
        return known is not None or owner is not None

    def _put(self, job_id: str, job: OwnedJob) -> None:
        self._remove(job_id)
        self._jobs[job_id] = job
        self._of_owner[job.owner].add(job_id)

    def _remove(self, job_id: str) -> None:
        if (known := self._jobs.pop(job_id, None)) is not None:
            jobs = self._of_owner[known.owner]
            jobs.discard(job_id)
            if not jobs:
                del self._of_owner[known.owner]

    def _call(self, owner: Owner) -> None:
        for prefix, changed in self._listeners:
            if owner.path.startswith(prefix):
                changed(owner.path)


def _from_stub(row: dict[str, Any]) -> OwnedJob | None:
    owner = Owner.of(row.get("Meta"))
    if owner is None:
        return None
    summary = (row.get("JobSummary") or {}).get("ModifyIndex") or 0
    return OwnedJob(owner, row["JobModifyIndex"], row["ModifyIndex"], summary, bool(row.get("Stop")))
