"""What states of a `Scenario` can be: a test that begins with an impossible one proves nothing, so it is told what is wrong."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nomad_api.models import Job
from operator_kit.crd_store import paths
from operator_kit.reconciler import Reconciler

if TYPE_CHECKING:
    from operator_kit.testing.scenario import Event, State


class InconsistentState(ValueError):
    """A state that cannot be, with all that is wrong with it."""


def check(reconciler: Reconciler[Any], state: "State", event: "Event") -> None:
    """Make sure that the state can be.

    Raises:
        InconsistentState: it cannot.
    """
    if event not in ("reconcile", "finalize"):
        raise InconsistentState(f'event: there is no "{event}"; it is "reconcile" or "finalize"')
    problems = [*_of_resource(reconciler, state, event), *_of_status(reconciler, state, event), *_of_rest(reconciler, state)]
    if problems:
        raise InconsistentState("this cannot be:\n" + "\n".join(f"  {problem}" for problem in problems))


def _of_resource(reconciler: Reconciler[Any], state: "State", event: "Event") -> Iterator[str]:
    kind, resource = reconciler.resource, state.resource
    if resource is not None and state.items is not None:
        yield "resource, items: both declare the resource; give one of them"
    if resource is not None and not isinstance(resource, kind):
        yield f"resource: it is a {type(resource).__name__}, and {type(reconciler).__name__} reconciles {kind.__name__}"
    if event == "reconcile" and resource is None and state.items is None:
        yield 'resource: nothing is declared, so there is nothing to reconcile; give it, or run event="finalize"'
    if state.items is not None and not state.items:
        yield "items: a variable has at least one"
    if event == "finalize" and state.items is not None:
        yield "items: a purged resource has none; give `resource`, or a status with `last_applied`"
    if event == "finalize" and resource is None and (state.status is None or state.status.last_applied is None):
        yield "resource: what has been purged? Give it, or a status with `last_applied`"


def _of_status(reconciler: Reconciler[Any], state: "State", event: "Event") -> Iterator[str]:
    kind, resource, status = reconciler.resource, state.resource, state.status
    if status is None:
        return
    if not isinstance(status, kind.Status):
        yield f"status: it is a {type(status).__name__}, and that of {kind.__name__} is a {kind.Status.__qualname__}"
    if resource is None or not resource.uid:
        return
    if status.uid not in (0, resource.uid) and event == "reconcile":
        yield (
            f"status: its uid {status.uid} is that of another resource than uid {resource.uid}; "
            'the kit would finalize that one first, which is event="finalize"'
        )
    if status.observed_generation > resource.generation:
        yield f"status: it has observed generation {status.observed_generation}, and the resource is at {resource.generation}"


def _of_rest(reconciler: Reconciler[Any], state: "State") -> Iterator[str]:
    if state.owned_jobs and Job not in reconciler.owns:
        yield f"owned_jobs: {type(reconciler).__name__} makes none; it lacks owns = [Job]"
    jobs = [*state.jobs, *state.owned_jobs]
    for job in jobs:
        if not job.id:
            yield "jobs: one has no ID"
        if not job.task_groups:
            yield f"jobs: {job.id} has no task groups, and Nomad takes none without"
    for id, times in Counter(job.id for job in jobs).items():
        if times > 1:
            yield f"jobs: {id} is there {times} times"
    known = {job.id for job in jobs}
    for allocation in state.allocations or ():
        if allocation.job_id not in known:
            yield f"allocations: {allocation.name or allocation.id} is of job {allocation.job_id}, which is not there"
    for path in state.variables:
        own = paths.ResourcePath.parse(path)
        if own is not None and (own.group, own.kind) == (reconciler.resource.group, reconciler.resource.kind):
            yield f"variables: {path} is a resource of this kind or its status; give it as `resource` or `status`"
