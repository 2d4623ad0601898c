"""The reconciliation of one group of a service or batch job.

The order of the steps is that of Nomad: what is surplus is stopped before anything is placed, canaries go before the rest of a
roll-out, and what failed is replaced even while a roll-out waits.
"""

from typing import Any

from nomad_api.duration import SECOND
from nomad_api.models import Allocation, Deployment, DeploymentState, Evaluation, Job
from nomad_api.models.evaluation import DesiredUpdates
from nomad_api.models.job import TaskGroup, Update
from orchestrator.scheduler.classification import classify, reschedulable, stop_all
from orchestrator.scheduler.descriptions import LOST, MIGRATING, NOT_NEEDED, RESCHEDULED, UPDATING
from orchestrator.scheduler.names import NameIndex
from orchestrator.scheduler.situation import Allocations, Placement, Reconciliation, Situation, Stop
from orchestrator.timestamps import format_time

BATCH_WINDOW = 5 * SECOND
"""Later replacements that are due within this time of each other share an evaluation."""


class GroupReconciliation:
    """The reconciliation of one group. Works on sets that shrink as it is decided what becomes of their members."""

    def __init__(
        self,
        situation: Situation,
        job: Job,
        name: str,
        allocations: Allocations,
        current: Deployment | None,
        old: Deployment | None,
        result: Reconciliation,
        states: dict[str, DeploymentState],
    ) -> None:
        self.situation = situation
        self.job = job
        self.name = name
        self.all = allocations
        self.current = current
        self.old = old
        self.result = result
        self.states = states
        self.counts: dict[str, int] = dict.fromkeys(DesiredUpdates.model_fields, 0)
        self.paused = current is not None and current.status in ("paused", "pending", "initializing")
        self.failed = current is not None and current.status == "failed"
        known = (current.task_groups or {}).get(name) if current else None
        self.existing = known is not None
        self.state = known or DeploymentState()

    def compute(self) -> bool:
        """Decide about all allocations; whether the group's part of the deployment is complete."""
        complete = self._compute()
        self.result.desired[self.name] = DesiredUpdates(**self.counts)
        return complete

    def _compute(self) -> bool:
        group = self.job.group(self.name)
        batch = self.situation.batch
        self.all = {
            key: alloc
            for key, alloc in self.all.items()
            if alloc.desired_status not in ("stop", "evict") or (batch and not alloc.desired_transition.reschedule)
        }
        if group is None or not group.count:
            stopped = stop_all({key: alloc for key, alloc in self.all.items() if not alloc.terminal}, self.situation)
            self.result.stop += stopped
            self.counts["stop"] += len(stopped)
            return True
        update = group.update
        if not self.existing and rolls_out(update):
            self.state = DeploymentState(
                auto_revert=bool(update.auto_revert),
                auto_promote=bool(update.auto_promote),
                progress_deadline=update.progress_deadline or 0,
            )
        if batch:
            self._ignore_old_ends()
        canaries = self._cancel_canaries()
        classes = classify(self.all, self.situation.tainted)
        self.counts["ignore"] += classes.ignored
        migrate, lost = classes.migrate, classes.lost
        untainted, reschedule_now, reschedule_later = reschedulable(classes.untainted, self.situation, self.current)
        if reschedule_later:
            self._reschedule_later(reschedule_later)
        names = NameIndex(self.job.id or "", self.name, group.count, [*untainted.values(), *migrate.values(),
            *reschedule_now.values(), *lost.values()])  # fmt: skip
        self.result.names[self.name] = names
        canarying = self._canarying()
        self._stop_surplus(group, names, untainted, migrate, lost, canaries, canarying)
        in_place, destructive = self._changes(group, untainted)
        if not self.existing:
            self.state = self.state.evolve(desired_total=self.state.desired_total + len(in_place) + len(destructive))
        if canarying:
            untainted = {key: alloc for key, alloc in untainted.items() if key not in canaries}
        wants_canaries = (
            update is not None and bool(destructive) and len(canaries) < (update.canary or 0) and not self.state.promoted
        )
        if wants_canaries and update:
            self._place_canaries(group, update.canary or 0, canaries, destructive, names)
        canarying = self._canarying()
        limit = self._limit(group, untainted, destructive, migrate, canarying)
        place = self._placements(group, names, untainted, migrate, reschedule_now, lost, canarying)
        if not self.existing:
            self.state = self.state.evolve(desired_total=self.state.desired_total + len(place))
        ready = not self.paused and not self.failed and not canarying
        limit = self._place(ready, place, reschedule_now, lost, limit)
        if ready:
            self._replace(group, destructive, limit)
        else:
            self.counts["ignore"] += len(destructive)
        self._migrate(group, migrate, canarying)
        self._deploy(update, destructive, in_place)
        pending = (destructive, in_place, place, migrate, reschedule_now, reschedule_later)
        if any(pending) or wants_canaries or self.current is None:
            return False
        if not self.existing:
            return True
        enough = self.state.healthy_allocs >= max(self.state.desired_total, self.state.desired_canaries)
        return enough and (self.state.desired_canaries == 0 or self.state.promoted)

    def _canarying(self) -> bool:
        return self.state.desired_canaries != 0 and not self.state.promoted

    def _ignore_old_ends(self) -> None:
        """What has ended for an older version of a batch job has no say about the new one."""
        kept = {}
        for key, alloc in self.all.items():
            older = _version(alloc) < (self.job.version or 0) or _create_index(alloc) < (self.job.create_index or 0)
            if older and alloc.terminal:
                self.counts["ignore"] += 1
            else:
                kept[key] = alloc
        self.all = kept

    def _cancel_canaries(self) -> Allocations:
        """Stop canaries of an older or failed deployment; returns those of the current one."""
        unneeded = _canary_ids(self.old)
        if self.current and self.failed:
            unneeded += _canary_ids(self.current)
        stop = [alloc for key, alloc in self.all.items() if key in unneeded]
        self.result.stop += [Stop(alloc, NOT_NEEDED) for alloc in stop]
        self.counts["stop"] += len(stop)
        self.all = {key: alloc for key, alloc in self.all.items() if key not in unneeded}
        if self.current is None:
            return {}
        ids = {key for state in (self.current.task_groups or {}).values() for key in state.placed_canaries or ()}
        classes = classify({key: alloc for key, alloc in self.all.items() if key in ids}, self.situation.tainted)
        self.result.stop += [Stop(alloc, MIGRATING) for alloc in classes.migrate.values()]
        self.result.stop += [Stop(alloc, LOST, "lost") for alloc in classes.lost.values()]
        gone = classes.migrate | classes.lost
        self.all = {key: alloc for key, alloc in self.all.items() if key not in gone}
        return classes.untainted

    def _reschedule_later(self, later: list[tuple[int, Allocation]]) -> None:
        """Make evaluations for later replacements, and note them in the allocations."""
        evaluation: Evaluation | None = None
        first = 0
        for due, alloc in later:
            if evaluation is None or due - first >= BATCH_WINDOW:
                trigger = {"triggered_by": "alloc-failure"} if evaluation else {"triggered_by": "alloc-reschedule",
                    "status_description": "created for delayed rescheduling"}  # fmt: skip
                evaluation = self.situation.new_evaluation(wait_until=format_time(due), **trigger)
                self.result.followups.append(evaluation)
                first = due
            self.result.attributes.append(alloc.evolve(followup_eval_id=evaluation.id))
        self.counts["reschedule_later"] = len(later)

    def _stop_surplus(
        self,
        group: TaskGroup,
        names: NameIndex,
        untainted: Allocations,
        migrate: Allocations,
        lost: Allocations,
        canaries: Allocations,
        canarying: bool,
    ) -> None:
        """Stop what is lost and what is more than the count; removes it from `untainted` and `migrate`."""
        self.result.stop += [Stop(alloc, LOST, "lost") for alloc in lost.values()]
        self.counts["stop"] += len(lost)
        working = {key: alloc for key, alloc in untainted.items() if not (canarying and key in canaries)}
        surplus = len(working) + len(migrate) - (group.count or 0)
        if surplus <= 0:
            return
        working = {key: alloc for key, alloc in working.items() if alloc.desired_status not in ("stop", "evict")}
        victims: list[Allocation] = []
        if not canarying and canaries:
            # Promoted canaries take the place of the allocations whose names they have.
            taken = {alloc.name for alloc in canaries.values()}
            victims += [alloc for key, alloc in working.items() if key not in canaries and alloc.name in taken][:surplus]
        if migrate and len(victims) < surplus:
            highest = NameIndex(self.job.id or "", self.name, group.count or 0, migrate.values()).highest(
                surplus - len(victims)
            )
            for alloc in [alloc for alloc in migrate.values() if alloc.name in highest][: surplus - len(victims)]:
                del migrate[alloc.id]
                names.free(alloc.name)
                victims.append(alloc)
        chosen = {alloc.id for alloc in victims}
        rest = [alloc for key, alloc in working.items() if key not in chosen]
        if len(victims) < surplus:
            highest = names.highest(surplus - len(victims))
            rest.sort(key=lambda alloc: alloc.name not in highest)
            victims += rest[: surplus - len(victims)]
        for alloc in victims:
            untainted.pop(alloc.id, None)
            self.result.stop.append(Stop(alloc, NOT_NEEDED))
        self.counts["stop"] += len(victims)

    def _changes(self, group: TaskGroup, untainted: Allocations) -> tuple[list[Allocation], list[Allocation]]:
        """Those updated in place (as they shall be) and those that must be replaced."""
        in_place: list[Allocation] = []
        destructive: list[Allocation] = []
        for alloc in untainted.values():
            change = self.situation.change(alloc, group)
            if change == "ignore":
                self.counts["ignore"] += 1
            elif change == "destructive":
                destructive.append(alloc)
            else:
                in_place.append(change)
        self.result.in_place += in_place
        self.counts["in_place_update"] += len(in_place)
        return in_place, destructive

    def _place_canaries(
        self, group: TaskGroup, wanted: int, canaries: Allocations, destructive: list[Allocation], names: NameIndex
    ) -> None:
        self.state = self.state.evolve(desired_canaries=wanted)
        if self.paused or self.failed:
            return
        missing = wanted - len(canaries)
        self.counts["canary"] += missing
        chosen = names.next_canaries(missing, canaries.values(), destructive)
        self.result.place += [Placement(name, group, canary=True) for name in chosen]

    def _limit(
        self,
        group: TaskGroup,
        untainted: Allocations,
        destructive: list[Allocation],
        migrate: Allocations,
        canarying: bool,
    ) -> int:
        """How many allocations may be replaced now."""
        update = group.update
        if not rolls_out(update) or not (destructive or migrate):
            return group.count or 0
        parallel = (update.max_parallel if update else None) or 0
        if self.current is None:
            return parallel
        if self.paused or self.failed or canarying:
            return 0
        part = [alloc for alloc in untainted.values() if alloc.deployment_id == self.current.id]
        if any(alloc.healthy is False for alloc in part):
            return 0
        return max(0, parallel - sum(alloc.healthy is None for alloc in part))

    def _placements(
        self,
        group: TaskGroup,
        names: NameIndex,
        untainted: Allocations,
        migrate: Allocations,
        reschedule: Allocations,
        lost: Allocations,
        canarying: bool,
    ) -> list[Placement]:
        place: list[Placement] = []

        def successor(alloc: Allocation, **fields: Any) -> Placement:
            canary = alloc.deployment_status is not None and alloc.deployment_status.canary
            return Placement(
                alloc.name,
                group,
                previous=alloc,
                canary=canary,
                old_version=canarying and not canary,
                min_version=_version(alloc),
                **fields,
            )

        place += [successor(alloc, rescheduling=True) for alloc in reschedule.values()]
        existing = len(untainted) + len(migrate) + len(reschedule)
        room = max(0, (group.count or 0) - existing)
        place += [successor(alloc, lost=True) for alloc in list(lost.values())[:room]]
        missing = room - min(room, len(lost))
        place += [Placement(name, group, old_version=canarying) for name in names.next(missing)]
        return place

    def _place(self, ready: bool, place: list[Placement], reschedule_now: Allocations, lost: Allocations, limit: int) -> int:
        """Take placements that are allowed now; returns how many replacements that leaves."""
        if ready:
            self.counts["place"] += len(place)
            self.result.place += place
            self.result.stop += [Stop(alloc, RESCHEDULED) for alloc in reschedule_now.values()]
            self.counts["stop"] += len(reschedule_now)
            return limit - min(len(place), limit)
        # While a roll-out is paused, failed or waits for promotion, only what is gone is replaced.
        allowed = [each for each in place if each.lost]
        for each in place:
            previous = each.previous
            if not each.rescheduling or previous is None:
                continue
            if self.failed and self.current and self.current.id == previous.deployment_id:
                continue
            allowed.append(each)
            self.result.stop.append(Stop(previous, RESCHEDULED))
            self.counts["stop"] += 1
        self.result.place += allowed
        self.counts["place"] += len(allowed)
        return limit

    def _replace(self, group: TaskGroup, destructive: list[Allocation], limit: int) -> None:
        chosen = destructive[: max(0, limit)]
        self.counts["destructive_update"] += len(chosen)
        self.counts["ignore"] += len(destructive) - len(chosen)
        self.result.destructive += [Placement(alloc.name, group, previous=alloc, stop_previous=UPDATING) for alloc in chosen]

    def _migrate(self, group: TaskGroup, migrate: Allocations, canarying: bool) -> None:
        self.counts["migrate"] += len(migrate)
        for alloc in migrate.values():
            self.result.stop.append(Stop(alloc, MIGRATING))
            transition = alloc.desired_transition
            if self.situation.batch and (transition.reschedule or transition.migrate_disable_placement):
                continue
            canary = alloc.deployment_status is not None and alloc.deployment_status.canary
            self.result.place.append(
                Placement(
                    alloc.name,
                    group,
                    previous=alloc,
                    canary=canary,
                    old_version=canarying and not canary,
                    min_version=_version(alloc),
                )
            )

    def _deploy(self, update: Update | None, destructive: list[Allocation], in_place: list[Allocation]) -> None:
        """Take the group into a deployment if this version has none yet and there is something to roll out."""
        if self.existing or not rolls_out(update) or self.state.desired_total == 0:
            return
        same = any(
            _version(alloc) == self.job.version and _create_index(alloc) == self.job.create_index for alloc in self.all.values()
        )
        if same and not destructive and not in_place:
            return
        self.states[self.name] = self.state


def rolls_out(update: Update | None) -> bool:
    """Whether new versions of the group are rolled out by deployments."""
    return update is not None and bool(update.max_parallel)


def _canary_ids(deployment: Deployment | None) -> list[str]:
    """The canaries of a deployment that were not promoted."""
    if deployment is None:
        return []
    states = (deployment.task_groups or {}).values()
    return [key for state in states if not state.promoted for key in state.placed_canaries or ()]


def _version(alloc: Allocation) -> int:
    return (alloc.job.version if alloc.job else None) or 0


def _create_index(alloc: Allocation) -> int:
    return (alloc.job.create_index if alloc.job else None) or 0
