"""State in, state out: what one look makes of a state, and which states cannot be."""

from typing import Any

import pytest

from nomad_api.models import AllocationStub, Job, Task, TaskGroup
from operator_kit import Context, PermanentError, Result, TemporaryError
from operator_kit.status import ResourceStatus
from operator_kit.testing import InconsistentState, Scenario, State
from tests.operator_kit.conftest import Widget, WidgetReconciler, widget_job


def widget(size: int = 1, text: str = "", **identity: Any) -> Widget:
    return Widget("one", Widget.Spec(size=size, text=text), **identity)


def test_a_new_resource_gets_its_job_and_a_status() -> None:
    after = Scenario(WidgetReconciler()).run(State(resource=widget(2, "x")))
    assert after.job("widget-one").task_groups[0].count == 2  # type: ignore[index]
    assert isinstance(after.status, Widget.Status)
    assert after.status.seen == 2
    assert after.status.condition("Ready").status == "False"
    assert after.status.last_applied is not None
    assert "PUT /v1/jobs" in after.writes
    assert after.attempt is not None
    assert after.attempt.outcome == "success"


def test_what_is_healthy_is_ready_and_a_second_look_writes_nothing() -> None:
    scenario = Scenario(WidgetReconciler())
    first = scenario.run(State(resource=widget()))
    second = scenario.run(first)
    assert second.status is not None
    assert second.status.condition("Ready").status == "True"
    third = scenario.run(second)
    assert third.writes == []
    assert third.status == second.status


def test_allocations_can_be_as_one_likes() -> None:
    scenario = Scenario(WidgetReconciler())
    first = scenario.run(State(resource=widget()))
    assert first.allocations is not None
    waiting = [AllocationStub.model_validate({**row.to_wire(), "ClientStatus": "pending"}) for row in first.allocations]
    after = scenario.run(State(resource=first.resource, status=first.status, jobs=first.jobs, allocations=waiting))
    assert after.status is not None
    assert after.status.condition("Ready").status == "False"


def test_items_are_those_that_a_user_types() -> None:
    after = Scenario(WidgetReconciler()).run(State(items={"size": "many"}, name="one"))
    assert after.status is not None
    assert after.status.condition("Accepted").status == "False"
    assert "size" in after.status.condition("Accepted").message
    assert after.items == {"size": "many"}
    assert not after.jobs


def test_a_purged_resource_takes_its_jobs_along() -> None:
    reconciler = WidgetReconciler()
    other = Job(id="other", task_groups=[TaskGroup(name="g", tasks=[Task(name="t", driver="mock_driver")])])
    after = Scenario(reconciler).run(
        State(resource=widget(), owned_jobs=[widget_job(widget())], jobs=[other]), event="finalize"
    )
    assert reconciler.calls == ["finalize one"]
    assert [job.id for job in after.jobs] == ["other"]
    assert after.status is None


def test_a_purge_can_follow_what_came_out() -> None:
    scenario = Scenario(WidgetReconciler())
    first = scenario.run(State(resource=widget()))
    after = scenario.run(first, event="finalize")
    assert not after.jobs
    assert after.status is None


def test_errors_that_are_meant_are_told_and_others_are_raised() -> None:
    async def later(resource: Widget, ctx: Context[Widget]) -> Result | None:
        raise TemporaryError("not now", 7.0)

    async def never(resource: Widget, ctx: Context[Widget]) -> Result | None:
        raise PermanentError("never")

    async def wrong(resource: Widget, ctx: Context[Widget]) -> Result | None:
        raise ZeroDivisionError("oops")

    after = Scenario(WidgetReconciler(later)).run(State(resource=widget()))
    assert after.attempt is not None
    assert (after.attempt.outcome, after.attempt.after) == ("error", 7.0)
    after = Scenario(WidgetReconciler(never)).run(State(resource=widget()))
    assert after.status is not None
    assert after.status.condition("Stalled").status == "True"
    with pytest.raises(ZeroDivisionError, match="oops"):
        Scenario(WidgetReconciler(wrong)).run(State(resource=widget()))


def test_other_variables_are_there() -> None:
    async def read(resource: Widget, ctx: Context[Widget]) -> Result | None:
        found = await ctx.nomad.variables.get("settings")
        await ctx.nomad.variables.put("answer", {"k": (found.items or {})["k"] + "!"})
        return None

    after = Scenario(WidgetReconciler(read)).run(State(resource=widget(), variables={"settings": {"k": "v"}}))
    assert after.variables == {"settings": {"k": "v"}, "answer": {"k": "v!"}}


def test_a_job_that_is_not_there_is_an_error_that_says_which_are() -> None:
    after = Scenario(WidgetReconciler()).run(State(resource=widget()))
    with pytest.raises(LookupError, match="there is no job blog; there are: widget-one"):
        after.job("blog")


EMPTY = Job(id="empty")


@pytest.mark.parametrize(
    ("state", "event", "problem"),
    [
        (State(), "reconcile", "nothing is declared"),
        (State(resource=widget(), items={"size": "1"}), "reconcile", "both declare the resource"),
        (State(items={}), "reconcile", "has at least one"),
        (State(items={"size": "1"}), "finalize", "a purged resource has none"),
        (State(), "finalize", "what has been purged"),
        (State(resource=widget(), status=ResourceStatus()), "reconcile", "status: it is a ResourceStatus"),
        (State(resource=widget(uid=5, generation=5), status=Widget.Status(uid=4)), "reconcile", "another resource than uid 5"),
        (
            State(resource=widget(uid=5, generation=5), status=Widget.Status(uid=5, observed_generation=6)),
            "reconcile",
            "observed generation 6",
        ),
        (State(resource=widget(), jobs=[EMPTY]), "reconcile", "empty has no task groups"),
        (State(resource=widget(), jobs=[widget_job(widget())] * 2), "reconcile", "widget-one is there 2 times"),
        (State(resource=widget(), allocations=[AllocationStub(id="a", job_id="x")]), "reconcile", "job x, which is not there"),
        (State(resource=widget(), variables={"status/test/widget/two": {"k": "v"}}), "reconcile", "give it as `resource`"),
        (State(resource=widget()), "delete", 'there is no "delete"'),
    ],
)
def test_a_state_that_cannot_be_is_refused(state: State, event: Any, problem: str) -> None:
    with pytest.raises(InconsistentState) as caught:
        Scenario(WidgetReconciler()).run(state, event=event)
    assert problem in str(caught.value)
