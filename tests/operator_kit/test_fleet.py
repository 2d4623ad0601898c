"""Roll-outs over many jobs: never too many down, none after a failure, and an end whatever happens."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_api.models import Job, Task, TaskGroup
from operator_kit import Context, PermanentError
from operator_kit.context import RECHECK
from operator_kit.fleet import FleetRollout, roll_out
from operator_kit.informers.jobs import JobInformer
from operator_kit.rollout import Rollout
from operator_kit.testing import Cluster, MemoryNomad, ready, running, simulate, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget, WidgetReconciler


def shard(number: int, text: str) -> Job:
    task = Task(name="main", driver="mock_driver", env={"TEXT": text})
    return Job(id=f"shard-{number}", type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[task])])


class Operator:
    """Rolls a fleet out by hand: nothing gets healthy, and nothing is looked at, unless the test says so."""

    def __init__(self, size: int = 3, **options: Any) -> None:
        self.nomad = MemoryNomad(cluster=Cluster(healthy_after=None))
        self.jobs = JobInformer(self.nomad, Random(1))
        self.options = options
        self.size = size
        self.text = "a"
        self.saved = Widget.Status()
        self.recheck: float | None = None

    async def look(self) -> FleetRollout:
        widget = Widget("one", Widget.Spec(), uid=7, generation=9, status=self.saved.model_copy(deep=True))
        ctx = Context(widget, self.nomad, self.jobs, now=loop_time)
        fleet = await roll_out(ctx, [shard(number, self.text) for number in range(self.size)], **self.options)
        self.saved, self.recheck = widget.status, ctx.recheck
        return fleet

    async def finish(self) -> FleetRollout:
        """Let all jobs get healthy whenever they can, and look until nothing changes any more."""
        for _ in range(4 * self.size + 4):
            for job_id in self.ids():
                self.heal(job_id)
            fleet = await self.look()
            if fleet.reason != "Progressing":
                return fleet
        raise AssertionError("the roll-out does not end")

    def ids(self) -> list[str]:
        return sorted(row["ID"] for row in self.nomad.cluster.jobs.values())

    def heal(self, job_id: str) -> None:
        deployment = self.deployment(job_id)
        if deployment is None or deployment["Status"] != "failed":
            self.nomad.make_healthy(job_id)

    def fail(self, job_id: str) -> None:
        self.nomad.fail_deployment(job_id)

    def deployment(self, job_id: str) -> dict[str, Any] | None:
        rows = [row for row in self.nomad.cluster.deployments.values() if row["JobID"] == job_id]
        return max(rows, key=lambda row: int(row["CreateIndex"]), default=None)

    async def purge(self, job_id: str) -> None:
        """What a person does; the informer is told of it."""
        await self.nomad.jobs.deregister(job_id, purge=True)
        self.jobs.purged(job_id)

    def texts(self) -> dict[str, str]:
        return {job_id: self._text(job_id) for job_id in self.ids()}

    def _text(self, job_id: str) -> str:
        job = self.nomad.job(job_id)
        assert job is not None
        return str(((job.task_groups or [])[0].tasks or [])[0].env["TEXT"])  # type: ignore[index]

    def down(self) -> set[str]:
        """Those of the fleet that are not healthy in truth."""
        up = {job_id for job_id in self.ids() if (self.deployment(job_id) or {}).get("Status") == "successful"}
        stopped = {row["ID"] for row in self.nomad.cluster.jobs.values() if row["Stop"]}
        return {f"shard-{number}" for number in range(self.size)} - (up - stopped)


def states(fleet: FleetRollout) -> Sequence[str]:
    return [child.state for child in fleet.children]


@virtual_time
async def test_a_new_fleet_comes_up_a_few_at_a_time() -> None:
    operator = Operator(size=5, max_unavailable=2)
    fleet = await operator.look()
    assert operator.ids() == ["shard-0", "shard-1"]
    assert operator.recheck == RECHECK
    assert fleet.message.endswith("; shard-0, shard-1 begun; 3 wait")
    assert states(await operator.look()) == ["Updating", "Updating", "Missing", "Missing", "Missing"]
    operator.heal("shard-1")
    await operator.look()
    assert operator.ids() == ["shard-0", "shard-1", "shard-2"]
    fleet = await operator.finish()
    assert (fleet.healthy, states(fleet)) == (True, ["Healthy"] * 5)
    assert fleet.message.startswith("5 of 5 jobs healthy at revision ")


@virtual_time
async def test_an_update_goes_on_only_when_the_earlier_ones_are_healthy() -> None:
    operator = Operator()
    await operator.finish()
    operator.text = "b"
    for done in range(3):
        await operator.look()
        await operator.look()
        assert list(operator.texts().values()) == ["b"] * (done + 1) + ["a"] * (2 - done)
        operator.heal(f"shard-{done}")
    assert (await operator.look()).healthy


@virtual_time
async def test_a_finished_fleet_costs_no_write() -> None:
    operator = Operator()
    await operator.finish()
    before, writes = operator.saved.model_copy(deep=True), len(operator.nomad.cluster.requests)
    assert (await operator.look()).healthy
    assert operator.recheck is None
    assert operator.saved == before
    assert all(method == "GET" for method, _ in operator.nomad.cluster.requests[writes:])


@virtual_time
async def test_a_failure_pauses_the_roll_out_and_says_so() -> None:
    operator = Operator()
    await operator.finish()
    operator.text = "b"
    await operator.look()
    operator.fail("shard-0")
    for _ in range(3):
        fleet = await operator.look()
        assert fleet.reason == "Paused"
        assert "shard-0: Failed due to progress deadline" in fleet.message
        assert "2 wait; paused until what is wanted of the failed job changes, or it is purged" in fleet.message
    assert operator.texts() == {"shard-0": "b", "shard-1": "a", "shard-2": "a"}
    assert [event.reason for event in operator.saved.events].count("RolloutPaused") == 1
    operator.text = "c"
    assert (await operator.finish()).healthy
    assert set(operator.texts().values()) == {"c"}


@virtual_time
async def test_a_failed_job_that_is_purged_is_tried_again() -> None:
    operator = Operator()
    await operator.look()
    operator.fail("shard-0")
    assert (await operator.look()).reason == "Paused"
    await operator.purge("shard-0")
    assert (await operator.finish()).healthy


@virtual_time
async def test_a_revert_by_nomad_is_a_failure_and_no_drift() -> None:
    operator = Operator()
    await operator.finish()
    operator.text = "b"
    await operator.look()
    index = operator.saved.owned[0].index
    failed = operator.deployment("shard-0")
    assert failed is not None
    failed |= {"Status": "failed", "StatusDescription": "rolling back to job version 0", "JobSpecModifyIndex": index}
    await operator.nomad.jobs.register(shard(0, "a").evolve(meta=(operator.nomad.job("shard-0") or Job()).meta))
    operator.jobs.registered("shard-0", Context(Widget("one", Widget.Spec(), uid=7), operator.nomad, None, now=loop_time).owner,
                             operator.nomad.cluster.index)  # fmt: skip
    operator.heal("shard-0")
    for _ in range(2):
        fleet = await operator.look()
        assert (fleet.reason, states(fleet)[0]) == ("Paused", "Failed")
        assert "rolling back to job version 0" in fleet.message
    assert operator.texts()["shard-0"] == "a"


@virtual_time
async def test_what_is_lost_is_put_right_also_during_a_pause() -> None:
    operator = Operator()
    await operator.finish()
    operator.text = "b"
    await operator.look()
    operator.heal("shard-0")
    await operator.look()
    operator.fail("shard-1")
    assert (await operator.look()).reason == "Paused"
    await operator.purge("shard-0")
    await operator.look()
    assert operator.texts() == {"shard-0": "b", "shard-1": "b", "shard-2": "a"}


@virtual_time
async def test_unhealthy_jobs_are_changed_first_and_cost_no_availability() -> None:
    operator = Operator()
    await operator.finish()
    operator.nomad.crash("shard-2", "boom")
    operator.text = "b"
    await operator.look()
    assert operator.texts() == {"shard-0": "a", "shard-1": "a", "shard-2": "b"}


@virtual_time
async def test_recreation_takes_a_job_down_before_it_comes_anew() -> None:
    operator = Operator(strategy="RollingRecreate")
    await operator.finish()
    operator.text = "b"
    fleet = await operator.look()
    assert operator.nomad.cluster.jobs["shard-0"]["Stop"]
    assert operator.texts()["shard-0"] == "a"
    fleet = await operator.look()
    assert states(fleet)[0] == "Replacing"
    assert operator.nomad.cluster.jobs["shard-0"]["Version"] == 0
    assert operator.texts() == {"shard-0": "b", "shard-1": "a", "shard-2": "a"}
    assert (await operator.finish()).healthy


@virtual_time
async def test_in_place_changes_all_at_once() -> None:
    operator = Operator(strategy="InPlace")
    await operator.look()
    assert len(operator.ids()) == 3
    await operator.finish()
    operator.text = "b"
    await operator.look()
    assert set(operator.texts().values()) == {"b"}


@virtual_time
async def test_on_delete_waits_for_somebody_to_delete() -> None:
    operator = Operator(strategy="OnDelete")
    await operator.finish()
    operator.text = "b"
    fleet = await operator.look()
    assert (fleet.reason, set(operator.texts().values())) == ("Progressing", {"a"})
    assert "3 wait for being deleted" in fleet.message
    await operator.purge("shard-1")
    await operator.look()
    assert operator.texts() == {"shard-0": "a", "shard-1": "b", "shard-2": "a"}


@virtual_time
async def test_jobs_that_are_no_longer_wanted_go_at_once() -> None:
    operator = Operator()
    await operator.finish()
    operator.size = 1
    assert (await operator.look()).healthy
    assert operator.ids() == ["shard-0"]
    assert list(operator.saved.fleets["fleet"].applied) == ["shard-0"]


@virtual_time
async def test_a_check_of_the_authors_own_holds_the_roll_out() -> None:
    answers = {"shard-0": False}

    async def check(job: Job, rollout: Rollout) -> bool:
        assert rollout.healthy
        return answers.get(job.id or "", True)

    operator = Operator(check=check)
    await operator.look()
    operator.heal("shard-0")
    assert states(await operator.look())[0] == "Updating"
    assert operator.ids() == ["shard-0"]
    answers.clear()
    assert (await operator.finish()).healthy


@virtual_time
async def test_a_restart_before_the_status_was_written_goes_on() -> None:
    operator = Operator()
    await operator.look()
    operator.saved = Widget.Status()
    assert (await operator.finish()).healthy
    assert all(row["Version"] == 0 for row in operator.nomad.cluster.jobs.values())


@virtual_time
async def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await Operator(max_unavailable=0).look()
    operator = Operator()
    ctx = Context(Widget("one", Widget.Spec()), operator.nomad, operator.jobs, now=loop_time)
    with pytest.raises(PermanentError, match="each its own"):
        await roll_out(ctx, [shard(0, "a"), shard(0, "b")])


@virtual_time
async def test_drift_is_corrected_within_the_limits() -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        fleet = await roll_out(ctx, [shard(number, widget.spec.text) for number in range(widget.spec.size)])
        ctx.set_condition("Ready", fleet.healthy, fleet.reason, fleet.message)

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare("resources/test/widget/one", size="3", text="a")
        await ready(nomad, Widget, "one")
        changed = (nomad.job("shard-1") or Job()).evolve(priority=70)
        await nomad.jobs.register(changed)
        await ready(nomad, Widget, "one", when=lambda status: any(e.reason == "DriftCorrected" for e in status.events))
        await ready(nomad, Widget, "one")
        assert (nomad.job("shard-1") or Job()).priority == 50
        await nomad.declare("resources/test/widget/one", size="3", text="b")
        await ready(nomad, Widget, "one")
        assert all(row["TaskGroups"][0]["Tasks"][0]["Env"] == {"TEXT": "b"} for row in nomad.cluster.jobs.values())


operations = st.lists(
    st.tuples(st.sampled_from(("look", "heal", "spec", "look", "heal", "forget")), st.integers(min_value=0, max_value=4)),
    max_size=30,
)


@settings(max_examples=40, deadline=None)
@given(operations, st.integers(min_value=1, max_value=3), st.sampled_from(("RollingInPlace", "RollingRecreate")))
def test_never_more_are_down_than_may_be_and_it_always_ends(steps: list[tuple[str, int]], most: int, strategy: str) -> None:
    async def run() -> None:
        operator = Operator(size=5, max_unavailable=most, strategy=strategy)
        await operator.finish()
        for step, number in steps:
            match step:
                case "look":
                    before = operator.down()
                    await operator.look()
                    assert len(operator.down()) <= max(most, len(before)), (before, operator.down())
                    assert len(operator.down()) <= most
                case "heal":
                    operator.heal(f"shard-{number}") if f"shard-{number}" in operator.ids() else None
                case "spec":
                    operator.text = str(number)
                case "forget":
                    operator.saved.fleets = {}
        assert (await operator.finish()).healthy
        assert set(operator.texts().values()) == {operator.text}

    simulate(run())


@settings(max_examples=40, deadline=None)
@given(operations, st.integers(min_value=0, max_value=4), st.integers(min_value=1, max_value=3))
def test_after_a_failure_nothing_more_is_begun_until_the_wish_changes(
    steps: list[tuple[str, int]], victim: int, most: int
) -> None:
    async def run() -> None:
        operator = Operator(size=5, max_unavailable=most)
        await operator.finish()
        operator.text = "bad"
        while f"shard-{victim}" not in [job_id for job_id, text in operator.texts().items() if text == "bad"]:
            await operator.look()
            for job_id in operator.ids():
                if job_id != f"shard-{victim}":
                    operator.heal(job_id)
        operator.fail(f"shard-{victim}")
        await operator.look()
        reached = operator.texts()
        for step, number in steps:
            if step == "heal":
                operator.heal(f"shard-{number}")
            assert (await operator.look()).reason == "Paused"
        assert operator.texts() == reached
        operator.text = "good"
        assert (await operator.finish()).healthy

    simulate(run())
