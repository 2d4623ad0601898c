"""A roll-out over many jobs: a few at a time, the next only when the earlier ones are healthy, and none after a failure.

    fleet = await roll_out(ctx, [shard(cluster, number) for number in range(cluster.spec.shards)], max_unavailable=2)
    ctx.set_condition("Ready", fleet.healthy, fleet.reason, fleet.message)

The strategies are metacontroller's:

    RollingInPlace    change at most `max_unavailable` jobs at a time, where they are
    RollingRecreate   the same, but take each down and wait for its end before it is made anew
    InPlace           change all at once
    OnDelete          change a job only when somebody has deleted it

Flow: every reconcile looks at all jobs, and begins what may be begun. Nothing is waited for, and nothing but the fingerprint of
what was applied to each job is remembered: a restarted operator goes on where the earlier one was.
Guarantees: with the rolling strategies a healthy job is touched only while fewer than `max_unavailable` are not healthy, and
no more than that many are under way; they are taken in the order given. A failure pauses the roll-out: what is wanted of the
failed job must change, or the job be purged to try the same again. While it is paused, what was lost or changed by others in
jobs that are done is still put right.
Assumptions: the jobs have the same IDs from one reconcile to the next. One that is no longer wanted is deleted at once.
Caveats: a deployment that fails and is reverted by Nomad counts as failed, as long as Nomad remembers it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nomad_api.errors import NotFound
from nomad_api.models import Job
from operator_kit.apply.fingerprint import fingerprint
from operator_kit.context import RECHECK, Context
from operator_kit.engine.result import PermanentError
from operator_kit.rollout import Rollout
from operator_kit.status_parts import FleetRecord

Strategy = Literal["RollingInPlace", "RollingRecreate", "InPlace", "OnDelete"]

Check = Callable[[Job, Rollout], Awaitable[bool]]
"""Whether a job that Nomad holds healthy is so in truth."""

AT_ONCE: Final = 8
"""Jobs that are looked at at the same time."""

State = Literal["Missing", "Outdated", "Changed", "Replacing", "Updating", "Failed", "Healthy"]


@dataclass(frozen=True, slots=True)
class Child:
    """One job of a fleet.

    Attributes:
        state: `Missing`, there is none; `Outdated`, it was applied when something else was wanted; `Changed`, another has
            changed it; `Replacing`, it is being taken down to be made anew; `Updating`, it is as wanted, but not healthy yet;
            `Failed`; `Healthy`.
        available: whether it is healthy, be it as wanted or not.
        known: whether what is wanted was applied to it before.
    """

    job: Job
    state: State
    message: str
    available: bool = False
    known: bool = False


@dataclass(frozen=True, slots=True)
class FleetRollout:
    """How far a roll-out is. `reason` and `message` are made for a condition."""

    reason: Literal["Healthy", "Progressing", "Paused"]
    message: str
    children: tuple[Child, ...]

    @property
    def healthy(self) -> bool:
        return self.reason == "Healthy"


async def roll_out(
    ctx: Context[Any],
    jobs: Sequence[Job],
    *,
    name: str = "fleet",
    strategy: Strategy = "RollingInPlace",
    max_unavailable: int = 1,
    check: Check | None = None,
) -> FleetRollout:
    """Bring all the jobs about, as far as the strategy allows at this moment.

    Args:
        name: tells the fleets of a resource apart.
        max_unavailable: how many jobs may be not healthy, or under way, before no healthy one is touched.
        check: is asked of jobs that Nomad holds healthy, before the roll-out goes on.

    Raises:
        PermanentError: a job has no ID, or two have the same.
        AlreadyOwned: a job belongs to another resource.
        NomadError: Nomad refused a job or cannot be reached.
    """
    if max_unavailable < 1:
        raise ValueError("max_unavailable must be at least 1, or nothing could ever be changed")
    fleet = _Fleet(ctx, name, jobs)
    await fleet.remove_unwanted()
    children = await fleet.look(check)
    if strategy == "OnDelete":
        due = [child for child in children if child.state in ("Missing", "Changed", "Replacing")]
    else:
        due = _due(children, len(children) if strategy == "InPlace" else max_unavailable)
    for child in due:
        await fleet.bring_about(child, anew=strategy == "RollingRecreate")
    return fleet.judge(children, {child.job.id for child in due}, waits_for_deletion=strategy == "OnDelete")


def _due(children: Sequence[Child], most: int) -> list[Child]:
    """What may be begun now. What is down already costs nothing, so it waits only for its turn among those under way."""
    halted = any(child.state == "Failed" for child in children)
    due = [child for child in children if child.state == "Replacing"]
    under_way = sum(child.state in ("Replacing", "Updating") for child in children)
    down = sum(not child.available for child in children)
    for child in children:
        if child.state not in ("Missing", "Outdated", "Changed") or (halted and not child.known):
            continue
        if under_way >= most or (child.available and down >= most):
            continue
        due.append(child)
        under_way += 1
        down += child.available
    return due


class _Fleet:
    """The jobs of one roll-out during one look at them."""

    def __init__(self, ctx: Context[Any], name: str, jobs: Sequence[Job]) -> None:
        ids = [job.id or "" for job in jobs]
        if "" in ids or len(set(ids)) < len(ids):
            raise PermanentError("the jobs of a fleet need IDs, each its own", reason="InvalidJob")
        self._ctx = ctx
        self._name = name
        self._jobs = dict(zip(ids, jobs, strict=True))
        self._prints = {id: fingerprint(job.to_json())[:8] for id, job in self._jobs.items()}
        before: FleetRecord = ctx.resource.status.fleets.get(name) or FleetRecord()
        self._applied = dict(before.applied)
        self._failed = {id: why for id, why in before.failed.items() if self._applied.get(id) == self._prints.get(id)}
        self._revision = fingerprint(repr(sorted(self._prints.items())).encode())[:8]

    async def remove_unwanted(self) -> None:
        for id in [id for id in self._applied if id not in self._jobs]:
            await self._ctx.delete(id)
            del self._applied[id]
        self._keep()

    async def look(self, check: Check | None) -> list[Child]:
        """All jobs as they are, in the order given."""
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(job: Job) -> Child:
            async with limit:
                return await self._look(job, check)

        found = await asyncio.gather(*map(one, self._jobs.values()), return_exceptions=True)
        self._keep()
        children = [child for child in found if isinstance(child, Child)]
        if len(children) < len(found):
            raise next(error for error in found if isinstance(error, BaseException))
        return children

    async def bring_about(self, child: Child, *, anew: bool) -> None:
        """Apply what is wanted; with `anew` what is there must be gone before."""
        ctx, id = self._ctx, child.job.id or ""
        # What happens now need not lead to an event, if the job was as wanted already.
        ctx.recheck = min(RECHECK, ctx.recheck or RECHECK)
        if child.state == "Replacing" or (anew and child.state == "Outdated"):
            self._applied[id] = ""
            self._keep()
            if not await ctx.remover.part(ctx.holdings.key_of(child.job), "foreground"):
                return
        await ctx.apply(child.job)
        self._applied[id] = self._prints[id]
        self._keep()

    def judge(self, children: Sequence[Child], begun: set[str | None], *, waits_for_deletion: bool) -> FleetRollout:
        healthy = sum(child.state == "Healthy" for child in children)
        told = [f"{healthy} of {len(children)} jobs healthy at revision {self._revision}"]
        told += [f"{child.job.id}: {child.message}" for child in children if child.state in ("Failed", "Updating", "Replacing")]
        if begun:
            told.append(f"{', '.join(sorted(str(id) for id in begun))} begun")
        waiting = [
            child for child in children if child.state in ("Missing", "Outdated", "Changed") and child.job.id not in begun
        ]
        if waiting:
            told.append(f"{len(waiting)} wait for being deleted" if waits_for_deletion else f"{len(waiting)} wait")
        reason: Literal["Healthy", "Progressing", "Paused"] = "Progressing"
        if self._failed:
            reason = "Paused"
            told.append("paused until what is wanted of the failed job changes, or it is purged")
        elif healthy == len(children):
            reason = "Healthy"
        return FleetRollout(reason, "; ".join(told), tuple(children))

    async def _look(self, job: Job, check: Check | None) -> Child:
        id = job.id or ""
        known = self._applied.get(id) == self._prints[id]
        try:
            rollout = await self._ctx.rollout(job)
        except NotFound:
            self._failed.pop(id, None)
            return Child(job, "Replacing" if self._is_replaced(id) else "Missing", "it is missing", known=known)
        if self._is_replaced(id):
            return Child(job, "Replacing", "it comes to its end")
        available = rollout.healthy and (check is None or await check(job, rollout))
        if not known:
            return Child(job, "Outdated", rollout.message, available)
        if id in self._failed:
            return Child(job, "Failed", self._failed[id], known=True)
        unchanged = self._ctx.holdings.is_unchanged(self._ctx.holdings.key_of(job))
        why = rollout.message if rollout.failed and unchanged else "" if unchanged else await self._reverted(job)
        if why:
            self._failed[id] = why
            self._ctx.event("Warning", "RolloutPaused", f"job {id}: {why}")
            return Child(job, "Failed", why, known=True)
        if not unchanged:
            return Child(job, "Changed", "another has changed it", available, known=True)
        return Child(job, "Healthy" if available else "Updating", rollout.message, available, known=True)

    def _is_replaced(self, id: str) -> bool:
        return self._applied.get(id) == ""

    async def _reverted(self, job: Job) -> str:
        """Why the deployment of what was applied last has failed; Nomad may have gone back to an older version meanwhile."""
        record = self._ctx.holdings.record(self._ctx.holdings.key_of(job))
        for deployment in await self._ctx.nomad.jobs.deployments(job.id or ""):
            if deployment.status == "failed" and record and deployment.job_spec_modify_index == record.index:
                return deployment.status_description or "its deployment failed"
        return ""

    def _keep(self) -> None:
        record = FleetRecord(revision=self._revision, applied=self._applied, failed=self._failed)
        self._ctx.resource.status.fleets = {**self._ctx.resource.status.fleets, self._name: record}
