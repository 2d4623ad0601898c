"""The difference between a job and its allocations. A small world applies what is decided, again and again."""

import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_api.duration import HOUR, SECOND
from nomad_api.models import Allocation, Deployment, Evaluation, Job, TaskState
from nomad_api.models.allocation import AllocationDeploymentStatus, DesiredTransition
from orchestrator.jobs import canonicalize
from orchestrator.scheduler.in_place import needs_replacement
from orchestrator.scheduler.names import index_of
from orchestrator.scheduler.reconcile import reconcile
from orchestrator.scheduler.situation import Reconciliation, Situation
from orchestrator.timestamps import format_time

NOW = 1_700_000_000 * SECOND


def job(*, version: int = 0, kind: str = "service", env: str = "", **group: Any) -> Job:
    task = {"Name": "t", "Driver": "d", "Env": {"V": env}}
    body = {"ID": "j", "Type": kind, "TaskGroups": [{"Name": "g", "Tasks": [task], **group}]}
    return canonicalize(Job.model_validate(body)).evolve(version=version, job_modify_index=10 + version, create_index=1)


def alloc(number: int, of: Job, index: int | None = None, **fields: Any) -> Allocation:
    defaults = {"client_status": "running", "desired_status": "run", "node_id": "n", "modify_time": NOW, **fields}
    name = f"j.g[{number if index is None else index}]"
    return Allocation(id=f"a{number}", name=name, job_id="j", task_group="g", job=of, **defaults)


def failed(number: int, of: Job, *, ago: int = HOUR, **fields: Any) -> Allocation:
    state = TaskState(state="dead", failed=True, finished_at=format_time(NOW - ago))
    return alloc(number, of, client_status="failed", task_states={"t": state}, **fields)


def decide(wanted: Job, allocations: list[Allocation], deployment: Deployment | None = None, **fields: Any) -> Reconciliation:
    def change(each: Allocation, group: Any) -> Any:
        if each.job.job_modify_index == wanted.job_modify_index:
            return "ignore"
        return "destructive" if needs_replacement(each.job, wanted, group.name) else each.evolve(job=wanted)

    defaults: dict[str, Any] = {
        "tainted": {},
        "now": NOW,
        "evaluation_id": "e",
        "batch": wanted.type == "batch",
        "new_evaluation": lambda **given: Evaluation(id="later", **given),
        "new_deployment": lambda states: Deployment(
            id=f"d{wanted.version}", status="running", task_groups=states, job_version=wanted.version, job_create_index=1
        ),
    }
    return reconcile(
        Situation(job=wanted, allocations=allocations, deployment=deployment, change=change, **{**defaults, **fields})
    )


def test_a_new_job_is_placed_and_rolled_out():
    result = decide(job(Count=3), [])
    assert [place.name for place in result.place] == ["j.g[0]", "j.g[1]", "j.g[2]"]
    assert result.desired["g"].place == 3
    assert result.deployment.task_groups["g"].desired_total == 3


def test_a_job_without_updates_has_no_deployment():
    assert decide(job(Count=3, Update={"MaxParallel": 0}), []).deployment is None


def test_nothing_to_do_is_nothing():
    wanted = job(Count=2)
    result = decide(wanted, [alloc(0, wanted), alloc(1, wanted)])
    assert not any((result.place, result.stop, result.destructive, result.in_place, result.deployment))
    assert result.desired["g"].ignore == 2


def test_a_group_that_is_gone_is_stopped():
    wanted = job()
    result = decide(wanted, [alloc(0, wanted).evolve(task_group="old")])
    assert [stop.alloc.id for stop in result.stop] == ["a0"]
    assert result.desired["old"].stop == 1


def test_surplus_goes_from_the_top():
    wanted = job(Count=1)
    result = decide(wanted, [alloc(number, wanted) for number in range(3)])
    assert sorted(stop.alloc.name for stop in result.stop) == ["j.g[1]", "j.g[2]"]


def test_what_was_on_a_lost_node_is_replaced():
    wanted = job(Count=1)
    result = decide(wanted, [alloc(0, wanted)], tainted={"n": None})
    assert [(stop.client_status, stop.description) for stop in result.stop] == [
        ("lost", "alloc is lost since its node is down")
    ]
    assert [(place.name, place.previous.id, place.lost) for place in result.place] == [("j.g[0]", "a0", True)]


def test_migration_places_a_successor():
    wanted = job(Count=1)
    result = decide(wanted, [alloc(0, wanted, desired_transition=DesiredTransition(migrate=True))])
    assert [stop.description for stop in result.stop] == ["alloc is being migrated"]
    assert [place.previous.id for place in result.place] == ["a0"]


def test_a_failure_is_replaced_now_or_later():
    wanted = job(Count=1, Update={"MaxParallel": 0})
    now = decide(wanted, [failed(0, wanted)])
    assert [(place.name, place.rescheduling) for place in now.place] == [("j.g[0]", True)]
    later = decide(wanted, [failed(0, wanted, ago=0)])
    assert not later.place
    assert [each.wait_until for each in later.followups] == [format_time(NOW + 30 * SECOND)]
    assert [each.followup_eval_id for each in later.attributes] == ["later"]
    assert later.desired["g"].reschedule_later == 1


def test_failures_close_to_each_other_share_an_evaluation():
    wanted = job(Count=3, Update={"MaxParallel": 0})
    result = decide(wanted, [failed(number, wanted, ago=ago * SECOND) for number, ago in enumerate((0, 2, 20))])
    assert len(result.followups) == 2


def test_a_batch_job_that_completed_is_done_and_one_that_failed_for_good_too():
    wanted = job(kind="batch", Count=2, ReschedulePolicy={"Attempts": 0, "Unlimited": False})
    result = decide(wanted, [alloc(0, wanted, client_status="complete"), failed(1, wanted)])
    assert not result.place + result.stop


def test_only_as_many_are_replaced_as_may_be():
    old, new = job(Count=5, env="1"), job(Count=5, version=1, env="2", Update={"MaxParallel": 2})
    result = decide(new, [alloc(number, old) for number in range(5)])
    assert [place.name for place in result.destructive] == ["j.g[0]", "j.g[1]"]
    assert (result.desired["g"].destructive_update, result.desired["g"].ignore) == (2, 3)


def test_an_unhealthy_allocation_stops_the_roll_out():
    old, new = job(Count=3, env="1"), job(Count=3, version=1, env="2")
    first = decide(new, [alloc(number, old) for number in range(3)])
    status = AllocationDeploymentStatus(healthy=False)
    part = alloc(0, new, deployment_id="d1", deployment_status=status)
    result = decide(new, [part, alloc(1, old), alloc(2, old)], first.deployment)
    assert not result.destructive


def test_canaries_come_beside_the_old_ones():
    old, new = job(Count=2, env="1"), job(Count=2, version=1, env="2", Update={"MaxParallel": 1, "Canary": 1})
    result = decide(new, [alloc(0, old), alloc(1, old)])
    assert [(place.name, place.canary) for place in result.place] == [("j.g[0]", True)]
    assert not result.stop + result.destructive
    assert result.deployment.task_groups["g"].desired_canaries == 1


ACTIONS = st.sampled_from(["fail", "complete", "heal", "lose", "migrate", "new version", "same version", "scale"])


class World:
    """Applies reconciliations with endless room, and lets the node do what it is told."""

    def __init__(self, kind: str, canary: int, parallel: int) -> None:
        self.group = {"Update": {"MaxParallel": parallel, "Canary": canary}} if kind == "service" else {}
        self.kind, self.count, self.version = kind, 2, 0
        self.allocations: dict[str, Allocation] = {}
        self.deployment: Deployment | None = None
        self.numbers = itertools.count()
        self.tainted: dict[str, None] = {}

    @property
    def job(self) -> Job:
        return job(version=self.version, kind=self.kind, env=str(self.version), Count=self.count, **self.group)

    def live(self) -> list[Allocation]:
        return [each for each in self.allocations.values() if not each.terminal]

    def reconcile(self) -> bool:
        """One evaluation; whether it did anything."""
        wanted = self.job
        deployment = self.deployment if self.kind == "service" else None
        result = decide(wanted, list(self.allocations.values()), deployment, tainted=self.tainted)
        if result.deployment:
            self.deployment = result.deployment
        for update in result.deployment_updates:
            if self.deployment and self.deployment.id == update.id:
                self.deployment = self.deployment.evolve(status=update.status)
        for stop in result.stop:
            self.stop(stop.alloc, stop.client_status)
        for updated in result.in_place:
            self.allocations[updated.id] = updated
        for place in (*result.destructive, *result.place):
            if place.stop_previous and place.previous:
                self.stop(place.previous, "")
            self.place(place, wanted, result.names["g"].without_duplicate(place.name))
        return bool(result.stop or result.in_place or result.place or result.destructive)

    def stop(self, each: Allocation, client_status: str) -> None:
        self.allocations[each.id] = self.allocations[each.id].evolve(
            desired_status="stop", client_status=client_status or "complete"
        )

    def place(self, place: Any, wanted: Job, name: str) -> None:
        number = next(self.numbers)
        older = [each.job for each in (place.previous, *self.live()) if each and each.job.version < wanted.version]
        if place.old_version and older:
            made = alloc(number, older[0], index_of(name), node_id=f"n{number}")
        else:
            made = self.in_roll_out(alloc(number, wanted, index_of(name), node_id=f"n{number}"), place.canary)
        if place.previous:
            made = made.evolve(previous_allocation=place.previous.id)
            previous = self.allocations[place.previous.id]
            self.allocations[previous.id] = previous.evolve(next_allocation=made.id)
        self.allocations[made.id] = made

    def in_roll_out(self, made: Allocation, canary: bool) -> Allocation:
        if not self.deployment or not self.deployment.active:
            return made
        if canary:
            state = self.deployment.task_groups["g"]
            state = state.evolve(placed_canaries=[*(state.placed_canaries or ()), made.id])
            self.deployment = self.deployment.evolve(task_groups={"g": state})
        status = AllocationDeploymentStatus(canary=True) if canary else None
        return made.evolve(deployment_id=self.deployment.id, deployment_status=status)

    def heal(self) -> None:
        """All allocations of the roll-out become healthy or may be replaced, and canaries are promoted."""
        for each in list(self.allocations.values()):
            if each.client_status == "failed" and each.desired_status == "run":
                again = each.desired_transition.evolve(reschedule=True)
                self.allocations[each.id] = each.evolve(desired_transition=again)
        for each in self.live():
            if self.deployment and each.deployment_id == self.deployment.id:
                status = (each.deployment_status or AllocationDeploymentStatus()).evolve(healthy=True, canary=False)
                self.allocations[each.id] = each.evolve(deployment_status=status)
        if self.deployment:
            healthy = sum(bool(each.healthy) for each in self.live() if each.deployment_id == self.deployment.id)
            state = self.deployment.task_groups["g"].evolve(promoted=True, healthy_allocs=healthy)
            self.deployment = self.deployment.evolve(task_groups={"g": state})

    def act(self, action: str, number: int) -> None:
        live = self.live()
        chosen = live[number % len(live)] if live else None
        if action == "new version":
            self.version += 1
        elif action == "scale":
            self.version, self.count = self.version + 1, number % 5
        elif action == "heal":
            self.heal()
        elif chosen is None or action == "same version":
            return
        elif action == "fail":
            state = TaskState(state="dead", failed=True, finished_at=format_time(NOW - HOUR))
            self.allocations[chosen.id] = chosen.evolve(client_status="failed", task_states={"t": state})
        elif action == "complete":
            state = TaskState(state="dead", finished_at=format_time(NOW - HOUR))
            self.allocations[chosen.id] = chosen.evolve(client_status="complete", task_states={"t": state})
        elif action == "lose":
            self.tainted[chosen.node_id] = None
        elif action == "migrate":
            self.allocations[chosen.id] = chosen.evolve(desired_transition=DesiredTransition(migrate=True))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["service", "batch"]),
    canary=st.integers(0, 2),
    parallel=st.integers(1, 3),
    actions=st.lists(st.tuples(ACTIONS, st.integers(0, 9)), max_size=12),
)
def test_whatever_happens_a_job_becomes_what_it_should_be(kind, canary, parallel, actions):
    world = World(kind, canary, parallel)
    for action, number in (("same version", 0), *actions):
        world.act(action, number)
        world.reconcile()
        assert len(world.live()) <= 2 * max(5, world.count) + canary, "it never runs away"
    for _ in range(40):
        world.heal()
        if not world.reconcile():
            break
    else:
        raise AssertionError("it does not come to rest")
    names = [each.name for each in world.live()]
    assert len(names) == len(set(names)), "names are unique"
    if kind == "service":
        assert sorted(names) == [f"j.g[{index}]" for index in range(world.count)]
        assert {each.job.version for each in world.live()} <= {world.version}
    else:
        assert len(names) <= world.count
