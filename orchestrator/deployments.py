"""Deployments: the watcher that moves a roll-out on, and what a user may do with one.

The scheduler replaces as many allocations as a group's `max_parallel` allows and then rests. When allocations become healthy
the watcher asks for another evaluation; when one becomes unhealthy it lets the scheduler replace it, or fails the deployment
if that is of no use; when nothing becomes healthy in time the deployment fails at its progress deadline. A failed deployment
goes back to the newest stable version if its groups say so.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Deployment, DeploymentState, Evaluation, Job
from nomad_api.models.allocation import DesiredTransition
from orchestrator.errors import APIError, multiple_errors
from orchestrator.jobs import rescheduling
from orchestrator.jobs.allocations import set_health, set_transition
from orchestrator.jobs.evaluations import new_evaluation, put_evaluation
from orchestrator.jobs.register import put_version, spec_changed
from orchestrator.scheduler.descriptions import RUNNING
from orchestrator.scheduler.plan import DeploymentUpdate, set_deployment_status
from orchestrator.state.schema import State
from orchestrator.state.store import Commit, Store, Transaction
from orchestrator.timestamps import format_time, parse_time

log = structlog.get_logger(__name__)

PAUSED = "Deployment is paused"
FAILED_ALLOCATIONS = "Failed due to unhealthy allocations"
FAILED_DEADLINE = "Failed due to progress deadline"
FAILED_BY_USER = "Deployment marked as failed"


@dataclass(frozen=True)
class DeploymentResult:
    """What a change of a deployment leads to; `reverted_version` is the version of the job that is registered anew."""

    eval_id: str = ""
    reverted_version: int | None = None


def fail(tx: Transaction, deployment_id: str) -> DeploymentResult:
    """Mark a deployment as failed.

    Raises:
        APIError: 500, there is no such deployment, or it is over.
    """
    deployment = _active(tx.state, deployment_id, "can't fail terminal deployment")
    rollback = any(state.auto_revert for state in _states(deployment).values())
    return _fail(tx, deployment, FAILED_BY_USER, rollback=rollback)


def pause(tx: Transaction, deployment_id: str, paused: bool) -> DeploymentResult:
    """Pause a deployment, or let it go on.

    Raises:
        APIError: 500, there is no such deployment, or it is over.
    """
    verb = "pause" if paused else "resume"
    deployment = _active(tx.state, deployment_id, f"can't {verb} terminal deployment")
    if paused:
        set_deployment_status(tx, DeploymentUpdate(deployment.id, "paused", PAUSED))
        return DeploymentResult()
    set_deployment_status(tx, DeploymentUpdate(deployment.id, "running", RUNNING))
    return DeploymentResult(_evaluate(tx, deployment))


def promote(tx: Transaction, deployment_id: str, groups: list[str] | None) -> DeploymentResult:
    """Take the canaries of some groups (None: of all) as good, and let the rest of the roll-out follow.

    Raises:
        APIError: 500, there is no such deployment, it is over, or canaries are missing or not healthy.
    """
    deployment = _active(tx.state, deployment_id, "can't promote terminal deployment")
    chosen = {name: state for name, state in _states(deployment).items() if groups is None or name in groups}
    canaries = {key for state in _states(deployment).values() for key in state.placed_canaries or ()}
    promotable = [
        alloc
        for alloc in tx.state.allocations.by("deployment", deployment.id)
        if alloc.id in canaries and alloc.task_group in chosen and alloc.healthy and not alloc.terminal
    ]
    problems = []
    for name, state in chosen.items():
        have = sum(alloc.task_group == name for alloc in promotable)
        if have < state.desired_canaries:
            problems.append(f'Task group "{name}" has {have}/{state.desired_canaries} healthy allocations')
    if problems:
        raise APIError(500, multiple_errors(problems))
    states = dict(_states(deployment))
    for name, state in chosen.items():
        require_by = state.require_progress_by
        if state.progress_deadline and parse_time(require_by):
            require_by = format_time(tx.now + state.progress_deadline)
        states[name] = state.evolve(promoted=True, require_progress_by=require_by)
    waiting = any(state.desired_canaries and not state.promoted for state in states.values())
    description = deployment.status_description
    if not waiting and deployment.status == "running":
        description = RUNNING
    tx.put(deployment.evolve(task_groups=states, status_description=description, modify_time=tx.now))
    evaluation = _evaluate(tx, deployment)
    for alloc in promotable:
        if alloc.deployment_status:
            status = alloc.deployment_status.evolve(canary=False, modify_index=tx.index)
            tx.put(alloc.evolve(deployment_status=status, alloc_modify_index=tx.index))
    return DeploymentResult(evaluation)


def set_allocation_health(tx: Transaction, deployment_id: str, healthy: list[str], unhealthy: list[str]) -> DeploymentResult:
    """Decide about the health of allocations; one that is in both lists is unhealthy. An unhealthy one fails the deployment.

    Raises:
        APIError: 500, there is no such deployment, it is over, or an allocation is not part of it.
    """
    if not healthy and not unhealthy:
        raise APIError(500, "must specify at least one healthy/unhealthy allocation ID")
    deployment = _active(tx.state, deployment_id, "can't set health of allocations for a terminal deployment")
    for allocation_id, verdict in (*((each, True) for each in healthy), *((each, False) for each in unhealthy)):
        alloc = tx.state.allocations.get(allocation_id)
        if alloc is None:
            raise APIError(500, f'unknown alloc "{allocation_id}"')
        if alloc.deployment_id != deployment.id:
            raise APIError(500, f'alloc "{allocation_id}" is not part of deployment "{deployment.id}"')
        set_health(tx, alloc, verdict)
    if not unhealthy:
        return DeploymentResult(_evaluate(tx, deployment))
    groups = {alloc.task_group for each in unhealthy if (alloc := tx.state.allocations.get(each))}
    rollback = any(_states(deployment)[name].auto_revert for name in groups if name in _states(deployment))
    return _fail(tx, deployment, FAILED_ALLOCATIONS, rollback=rollback, explain_missing_target=False)


class DeploymentWatcher:
    """Moves the active deployments on. One timer serves the nearest progress deadline."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._active: set[str] = set()
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Take up the deployments that the state has, and those that come."""
        self._active = {deployment.id for deployment in self._store.state.deployments if deployment.active}
        self._changed = dict.fromkeys(self._active)
        self._unsubscribe = self._store.subscribe(self._notice)
        self._task = asyncio.create_task(self._run(), name="deployment watcher")

    async def stop(self) -> None:
        """Leave the deployments as they are."""
        if self._unsubscribe:
            self._unsubscribe()
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _notice(self, commit: Commit) -> None:
        for change in commit.changes:
            row = change.new
            if change.table == "deployments" and (row is None or not row.active):
                self._active.discard(change.old.id if row is None else row.id)
            elif row is None:
                continue
            elif change.table == "deployments":
                self._active.add(row.id)
                self._changed[row.id] = None
                self._wake.set()
            elif change.table == "allocations" and row.deployment_id:
                before = change.old.deployment_status if change.old else None
                if row.deployment_status != before:
                    self._changed[row.deployment_id] = None
                    self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            changed, self._changed = self._changed, {}
            for deployment_id in changed:
                await self._guarded(self._advance, deployment_id)
            deadline = self._deadline()
            if deadline is None:
                await self._wake.wait()
                continue
            due, deployment_id = deadline
            try:
                async with asyncio.timeout(max(0, due - self._clock()) / SECOND):
                    await self._wake.wait()
            except TimeoutError:
                if self._clock() >= due:
                    await self._guarded(self._expire, deployment_id)

    async def _guarded(self, action: Callable[[Transaction, str], None], deployment_id: str) -> None:
        """A deployment that cannot be handled must not stop the others."""
        try:
            await self._store.write("DeploymentStatusUpdate", lambda tx: action(tx, deployment_id))
        except Exception:
            log.exception("deployment cannot be handled", deployment_id=deployment_id)

    def _advance(self, tx: Transaction, deployment_id: str) -> None:
        """React to the health of a deployment's allocations."""
        deployment = tx.state.deployments.get(deployment_id)
        job = tx.state.jobs.get(deployment.namespace, deployment.job_id) if deployment else None
        if deployment is None or job is None or not deployment.active:
            return
        latest = _latest_evaluation(tx.state, deployment)
        progress = False
        replace: list[Allocation] = []
        for alloc in tx.state.allocations.by("deployment", deployment.id):
            state = _states(deployment).get(alloc.task_group)
            status = alloc.deployment_status
            if state is None or status is None or status.healthy is None:
                continue
            if status.healthy:
                progress = progress or status.modify_index > latest
            elif _hopeless(job, alloc, state, tx.now):
                _fail(tx, deployment, FAILED_ALLOCATIONS, rollback=state.auto_revert)
                return
            elif alloc.desired_status == "run" and not alloc.desired_transition.reschedule:
                replace.append(alloc)
        if _may_promote(tx.state, deployment):
            tx.kind = "DeploymentPromotion"
            promote(tx, deployment.id, None)
            return
        if progress or replace:
            tx.kind = "AllocationUpdateDesiredStatus"
            for alloc in replace:
                set_transition(tx, alloc, DesiredTransition(reschedule=True))
            _evaluate(tx, deployment)

    def _deadline(self) -> tuple[int, str] | None:
        """The nearest progress deadline and whose it is."""
        deadlines = []
        for deployment in map(self._store.state.deployments.get, self._active):
            if deployment and deployment.status == "running":
                for name, state in _states(deployment).items():
                    due = parse_time(state.require_progress_by)
                    if due and not _group_done(self._store.state, deployment, name, state):
                        deadlines.append((due, deployment.id))
        return min(deadlines, default=None)

    def _expire(self, tx: Transaction, deployment_id: str) -> None:
        """The progress deadline has passed."""
        deployment = tx.state.deployments.get(deployment_id)
        if deployment is None or deployment.status != "running":
            return
        late = [state for state in _states(deployment).values() if not _has_progressed(state)]
        if late:
            _fail(tx, deployment, FAILED_DEADLINE, rollback=any(state.auto_revert for state in late))


def _fail(
    tx: Transaction, deployment: Deployment, description: str, *, rollback: bool, explain_missing_target: bool = True
) -> DeploymentResult:
    """Fail a deployment, and register the newest stable version anew if that shall and can be done."""
    target = None
    if rollback:
        target = _stable_version(tx.state, deployment)
        current = tx.state.jobs.get(deployment.namespace, deployment.job_id)
        if target is None:
            if explain_missing_target:
                description += " - no stable job version to auto revert to"
        elif current and spec_changed(current, target):
            description += f" - rolling back to job version {target.version}"
        else:
            description += f" - not rolling back to stable job version {target.version} as current job has same specification"
            target = None
    set_deployment_status(tx, DeploymentUpdate(deployment.id, "failed", description))
    if target:
        put_version(tx, target)
    return DeploymentResult(_evaluate(tx, deployment), target.version if target else None)


def _evaluate(tx: Transaction, deployment: Deployment) -> str:
    """Have the scheduler look at the deployment's job; returns the evaluation's identifier, empty if the job is gone."""
    job = tx.state.jobs.get(deployment.namespace, deployment.job_id)
    if job is None:
        return ""
    priority = deployment.eval_priority or job.priority
    evaluation: Evaluation = new_evaluation(tx, job, "deployment-watcher", priority=priority, deployment_id=deployment.id)
    return put_evaluation(tx, evaluation).id


def _active(state: State, deployment_id: str, refusal: str) -> Deployment:
    deployment = _known(state, deployment_id)
    if not deployment.active:
        raise APIError(500, refusal)
    return deployment


def _known(state: State, deployment_id: str) -> Deployment:
    deployment = state.deployments.get(deployment_id)
    if deployment is None:
        raise APIError(500, "deployment not found")
    return deployment


def _states(deployment: Deployment) -> dict[str, DeploymentState]:
    return deployment.task_groups or {}


def _stable_version(state: State, deployment: Deployment) -> Job | None:
    versions = state.job_versions.by("job", (deployment.namespace, deployment.job_id))
    return max((job for job in versions if job.stable), key=lambda job: job.version or 0, default=None)


def _latest_evaluation(state: State, deployment: Deployment) -> int:
    """The index of the newest evaluation of the job that has been processed or waits."""
    evaluations = state.evaluations.by("job", (deployment.namespace, deployment.job_id))
    return max((evaluation.create_index for evaluation in evaluations), default=0)


def _hopeless(job: Job, alloc: Allocation, state: DeploymentState, now: int) -> bool:
    """Whether an unhealthy allocation fails the deployment, as it will not be replaced."""
    group = job.group(alloc.task_group)
    return state.progress_deadline == 0 or not rescheduling.eligible(alloc, group.reschedule_policy if group else None, now)


def _may_promote(state: State, deployment: Deployment) -> bool:
    """Whether all canaries are healthy and promote themselves."""
    canarying = [each for each in _states(deployment).values() if each.desired_canaries]
    if not canarying or all(each.promoted for each in canarying):
        return False
    for each in canarying:
        placed = each.placed_canaries or []
        if not each.auto_promote or len(placed) < each.desired_canaries:
            return False
        healthy = sum(bool(alloc and alloc.healthy) for alloc in map(state.allocations.get, placed))
        if healthy != each.desired_canaries:
            return False
    return True


def _has_progressed(state: DeploymentState) -> bool:
    """Whether a group has done what it can for now."""
    wanted = state.desired_canaries if state.desired_canaries and not state.promoted else state.desired_total
    return state.healthy_allocs >= wanted


def _group_done(state: State, deployment: Deployment, name: str, group: DeploymentState) -> bool:
    if _has_progressed(group) and group.desired_canaries and not group.promoted:
        return True  # the canaries are healthy: it waits for its user, who has no deadline
    healthy = sum(
        bool(alloc.healthy) and not alloc.terminal
        for alloc in state.allocations.by("deployment", deployment.id)
        if alloc.task_group == name
    )
    return healthy >= group.desired_total and not (group.desired_canaries and not group.promoted)
