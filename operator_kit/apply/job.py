"""Jobs: Nomad itself plans them, and some of their counts are a scaler's.

A job is as it should be when a plan shows no difference: Nomad's own comparison decides, not ours, since it alone knows what it
fills in. Registering is bound to the JobModifyIndex that was planned for.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models import Job, TaskGroup
from operator_kit.apply.object_kind import Live, ObjectKind, Plan
from operator_kit.ownership import MARKS, Owner

_UNDER_WAY: Final = ("pending", "running")


class JobKind(ObjectKind[Job]):
    """Jobs are owned whole: a job's author decides all of it, but the counts that he leaves to a scaler."""

    name = "Job"
    noun = "job"
    shareable = False
    mark_fields = frozenset(f"Meta[{mark}]" for mark in MARKS)

    def id_of(self, wish: Job) -> str:
        return wish.id or ""

    def namespace_of(self, wish: Job) -> str:
        return wish.namespace or ""

    def placed(self, wish: Job, namespace: str) -> Job:
        return wish.evolve(namespace=namespace)

    def content(self, wish: Job) -> bytes:
        return wish.to_json()

    async def read(self, nomad: Nomad, id: str) -> Live[Job] | None:
        try:
            job = await nomad.jobs.get(id)
        except NotFound:
            return None
        return Live(job, job.job_modify_index or 0, Owner.of(job.meta))

    async def plan(
        self, nomad: Nomad, wish: Job, live: Live[Job] | None, owner: Owner | None, owned: Collection[str], *, new: bool
    ) -> Plan[Job]:
        wanted = wish if owner is None else wish.evolve(meta={**(wish.meta or {}), **owner.marks()})
        if live is not None:
            wanted = with_scaled_counts(wanted, live.object)
        diff = (await nomad.jobs.plan(wanted)).diff or {}
        changes = changed_fields(diff)
        if live is not None and live.object.stop:
            changes.append("Stop")
        return Plan(wanted, live, changes)

    async def write(self, nomad: Nomad, id: str, plan: Plan[Job]) -> int:
        registration = await nomad.jobs.register(plan.wanted, check_index=plan.live.index if plan.live else 0)
        return registration.job_modify_index

    async def delete(self, nomad: Nomad, live: Live[Job], owned: Collection[str]) -> None:
        await nomad.jobs.deregister(live.object.id or "", purge=True)

    async def retire(self, nomad: Nomad, id: str, live: Live[Job] | None, owned: Collection[str]) -> bool:
        """Stop the job, wait for its allocations, purge it: purging at once would make Nomad forget what still runs."""
        if live is None:
            return True
        if not live.object.stop:
            await nomad.jobs.deregister(id)
            return False
        if any(allocation.client_status in _UNDER_WAY for allocation in await nomad.jobs.allocations(id)):
            return False
        await self.delete(nomad, live, owned)
        return True

    async def strip(self, nomad: Nomad, id: str, live: Live[Job], fields: Collection[str]) -> None:
        """Meta is part of the tasks' environment, so the allocations are replaced, as gently as the job's `update` says."""
        meta = {key: text for key, text in (live.object.meta or {}).items() if f"Meta[{key}]" not in fields}
        if meta != (live.object.meta or {}):
            await nomad.jobs.register(live.object.evolve(meta=meta), check_index=live.index)


JOB: Final = JobKind()


def with_scaled_counts(wanted: Job, live: Job) -> Job:
    """The wanted job with the live counts of those groups whose count is a scaler's.

    These are the groups with a `scaling` block, within its bounds, and those whose count is left out.
    """
    return wanted.evolve(task_groups=[_with_count_of(group, live.group(group.name)) for group in wanted.task_groups or ()])


def changed_fields(diff: Mapping[str, Any]) -> list[str]:
    """The fields that differ by a plan, as `TaskGroups[web].Tasks[main].Env[PORT]`; of what came or went, only its name."""
    if diff.get("Type", "None") == "None":
        return []
    return sorted(set(_changed(diff, ""))) or [str(diff["Type"])]


def _changed(diff: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for field in diff.get("Fields") or ():
        if field.get("Type") != "None":
            yield f"{prefix}{field['Name']}"
    for part, named in (("Objects", False), ("TaskGroups", True), ("Tasks", True)):
        for inner in diff.get(part) or ():
            name = f"{prefix}{part}[{inner['Name']}]" if named else f"{prefix}{inner['Name']}"
            if inner.get("Type") == "Edited":
                yield from _changed(inner, f"{name}.")
            elif inner.get("Type") != "None":
                yield name


def _with_count_of(wanted: TaskGroup, live: TaskGroup | None) -> TaskGroup:
    if live is None or live.count is None or not (wanted.count is None or wanted.scaling):
        return wanted
    low = wanted.scaling.min if wanted.scaling and wanted.scaling.min is not None else 0
    high = wanted.scaling.max if wanted.scaling and wanted.scaling.max is not None else live.count
    return wanted.evolve(count=max(low, min(live.count, max(low, high))))
