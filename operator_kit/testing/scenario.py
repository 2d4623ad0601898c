"""State in, state out: one look of an operator at one resource, without a cluster, a loop or a clock.

    def test_a_website_gets_a_job():
        before = State(resource=Website("blog", Website.Spec(image="nginx")))
        after = Scenario(WebsiteReconciler()).run(before)
        assert after.job("website-blog").task_groups[0].count == 1
        assert after.status.condition("Ready").status == "False"

    def test_a_purged_website_takes_its_job_along():
        before = State(resource=blog, owned_jobs=[job])
        assert not Scenario(WebsiteReconciler()).run(before, event="finalize").jobs

Flow: the state is put into a Nomad in memory; the kit looks at the resource once, as it does for every event; what is there
afterwards is the state that comes out, and can go in again.

Guarantees: the whole kit takes part (decoding, acceptance, conditions, ownership, the status's limits), so what a test sees is
what a user will see. A state that cannot be is refused with what is wrong with it. What the reconciler raises without meaning
it (anything but `TemporaryError`, `PermanentError` and errors of Nomad) is raised from `run`.
Caveats: jobs are placed at once, and nothing that takes time happens. `run` has an event loop of its own, so it is not for
coroutines.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final, Literal

from nomad_api.models import AllocationStub, Job
from operator_kit.controllers import controller_of
from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import encode
from operator_kit.crd_store.declarations import remember
from operator_kit.crd_store.status_items import pack, unpack
from operator_kit.engine.attempt import Attempt
from operator_kit.informers.shared import Informers
from operator_kit.ownership import Owner
from operator_kit.reconciler import Reconciler
from operator_kit.resource import Resource
from operator_kit.status import ResourceStatus
from operator_kit.testing.consistency import InconsistentState, check
from operator_kit.testing.harness import loop_time
from operator_kit.testing.loop import simulate
from operator_kit.testing.nomad import MemoryNomad
from operator_kit.testing.state import Cluster
from operator_kit.world import World

__all__ = ["InconsistentState", "Scenario", "State"]

Event = Literal["reconcile", "finalize"]

FIRST: Final = 10
"""The uid and generation of a resource that names none."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What there is, before or after a look.

    Attributes:
        resource: the declared resource; for `finalize`, the one that has been purged.
        items: in its place, the items that a user types: for specs that are not valid.
        name: of the resource that `items` declare.
        status: the observed state; None if there is none.
        owned_jobs: jobs that were made for the resource.
        jobs: all other jobs; in a result, all jobs.
        allocations: None is what Nomad makes of the jobs at once: everything runs and is healthy.
        variables: other variables, by path.
        attempt: of a result: how the look ended, and when the next one is wanted.
        writes: of a result: the changes that were asked of Nomad, as `PUT /v1/jobs`.
    """

    resource: Resource | None = None
    items: Mapping[str, str] | None = None
    name: str = "example"
    status: ResourceStatus | None = None
    owned_jobs: Sequence[Job] = ()
    jobs: Sequence[Job] = ()
    allocations: Sequence[AllocationStub] | None = None
    variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    attempt: Attempt | None = None
    writes: Sequence[str] = ()

    def job(self, id: str) -> Job:
        """The job of that ID.

        Raises:
            LookupError: there is none; the text says which there are.
        """
        for job in self.jobs:
            if job.id == id:
                return job
        raise LookupError(f"there is no job {id}; there are: {', '.join(job.id or '' for job in self.jobs) or 'none'}")


class Scenario:
    """Runs one reconciler on states; see the module's text."""

    def __init__(self, reconciler: Reconciler[Any]) -> None:
        self._reconciler = reconciler

    def run(self, state: State, event: Event = "reconcile") -> State:
        """What one look makes of the state.

        Args:
            event: `reconcile` looks at a resource that is declared, `finalize` at one that has been purged.

        Raises:
            InconsistentState: the state cannot be.
            Exception: whatever the reconciler raises without meaning it.
        """
        check(self._reconciler, state, event)
        return simulate(self._run(state, event))

    async def _run(self, state: State, event: Event) -> State:
        kind = self._reconciler.resource
        nomad = MemoryNomad(cluster=Cluster(healthy_after=None, batch_takes=None))
        resource = _with_identity(state)
        name = resource.name if resource is not None else state.name
        await self._arrange(nomad, state, event, resource, name)
        nomad.cluster.requests.clear()
        attempt = await self._look(nomad, name)
        if attempt.panicked and attempt.error is not None:
            raise attempt.error
        path, status_path = paths.resource(kind.group, kind.kind, name), paths.status(kind.group, kind.kind, name)
        status = nomad.items(status_path)
        return replace(
            state,
            resource=resource,
            items=nomad.items(path) if resource is None else None,
            status=None if status is None else unpack(kind.Status, status),
            owned_jobs=(),
            jobs=[Job.model_validate(row) for row in nomad.cluster.jobs.values()],
            allocations=[AllocationStub.model_validate(row) for row in nomad.cluster.allocations.values()],
            variables={
                row["Path"]: row["Items"] for row in nomad.cluster.variables.values() if row["Path"] not in (path, status_path)
            },
            attempt=attempt,
            writes=[f"{method} {path}" for method, path in nomad.cluster.requests if method != "GET"],
        )

    async def _arrange(self, nomad: MemoryNomad, state: State, event: Event, resource: Resource | None, name: str) -> None:
        """Put the state into Nomad."""
        kind, cluster = self._reconciler.resource, nomad.cluster
        path, uid, generation = paths.resource(kind.group, kind.kind, name), FIRST, FIRST
        if resource is not None:
            uid, generation = resource.uid, resource.generation
        cluster.index = max(uid, generation, *(job.modify_index or 0 for job in state.jobs), FIRST)
        status = state.status
        if event == "finalize" and resource is not None:
            status = (kind.Status() if status is None else status).model_copy(deep=True)
            status.uid = status.uid or uid
            status.last_applied = status.last_applied or remember(resource)
        if status is not None:
            await nomad.variables.put(paths.status(kind.group, kind.kind, name), pack(status))
        for other, items in state.variables.items():
            await nomad.variables.put(other, items)
        owner = Owner(path, uid)
        for job in [*state.jobs, *(job.evolve(meta={**(job.meta or {}), **owner.marks()}) for job in state.owned_jobs)]:
            await _place(nomad, job)
        if state.allocations is not None:
            cluster.allocations = {row.id: row.to_wire() for row in state.allocations}
        if event == "reconcile":
            declared = dict(state.items or {}) if resource is None else _declaration(resource)
            await nomad.variables.put(path, declared)
            cluster.variables[path] |= {"CreateIndex": uid, "ModifyIndex": generation}

    async def _look(self, nomad: MemoryNomad, name: str) -> Attempt:
        informers = Informers(nomad, Random(1))
        controller = controller_of(self._reconciler, World(informers, random=Random(1), now=loop_time))
        following = asyncio.create_task(informers.run())
        try:
            await informers.synced()
            await informers.feed.begun.wait()
            return await controller.look_now(name, reason="scenario")
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)


def _with_identity(state: State) -> Resource | None:
    """The resource with a uid and a generation, those of its status where it has none."""
    resource = state.resource
    if resource is None or resource.uid:
        return resource
    uid = (state.status.uid if state.status else 0) or FIRST
    kind: Any = type(resource)
    return kind(  # type: ignore[no-any-return]
        resource.name,
        resource._spec,
        namespace=resource.namespace,
        uid=uid,
        generation=max(uid, resource.generation, state.status.observed_generation if state.status else 0),
        labels=resource.labels,
        status=resource._status,
        controls=resource.controls,
    )


def _declaration(resource: Resource) -> dict[str, str]:
    """The items by which a user declares the resource."""
    labels = {f"labels.{key}": text for key, text in resource.labels.items()}
    return {**encode(resource._spec), **labels, **resource.controls.items()} or {"labels.scenario": "empty"}


async def _place(nomad: MemoryNomad, job: Job) -> None:
    """Register a job, and let it be healthy; one that comes from a result keeps its indexes."""
    assert job.id is not None
    await nomad.jobs.register(job)
    nomad.make_healthy(job.id)
    if job.job_modify_index:
        kept = {key: value for key, value in job.to_wire().items() if value is not None}
        nomad.cluster.jobs[job.id] |= kept
