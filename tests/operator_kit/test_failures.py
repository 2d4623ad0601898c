"""First and last errors of tasks, and why something could not be placed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from nomad_api.duration import SECOND
from nomad_api.models import AllocationStub, Evaluation
from operator_kit.failures import SETTLED, first_failure, is_over, placement_failure, task_failures, told
from operator_kit.status_parts import FirstFailure
from operator_kit.testing import Cluster, MemoryNomad, ready, running, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler


def event(type: str, at: int = 0, message: str = "", **fields: Any) -> dict[str, Any]:
    return {"Type": type, "Time": at, "DisplayMessage": message, **fields}


def exited(code: int, at: int = 0, **fields: Any) -> dict[str, Any]:
    return event("Terminated", at, f"Exit Code: {code}", ExitCode=code, **fields)


def allocation(*events: dict[str, Any], failed: bool = False, number: int = 0, task: str = "web") -> AllocationStub:
    state = {"State": "dead", "Failed": failed, "Events": list(events)}
    return AllocationStub.model_validate({"ID": f"a{number}", "CreateIndex": number, "TaskStates": {task: state}})


def messages(*allocations: AllocationStub) -> list[str]:
    return [failure.message for failure in task_failures(allocations)]


def test_the_causes_are_told_from_the_consequences() -> None:
    loop = allocation(
        event("Received"),
        event("Task Setup"),
        event("Driver Failure", 1, "image x not found"),
        event("Restarting", 2, "in 15s"),
        event("Started", 3),
        exited(1, 4),
        event("Restarting", 5, "in 15s"),
        event("Alloc Unhealthy", 6, "not healthy"),
        exited(2, 7),
        event("Not Restarting", 8, "too often"),
        event("Killing", 9, "sibling"),
    )
    assert messages(loop) == ["image x not found", "Exit Code: 1", "Exit Code: 2"]
    assert [failure.exit_code for failure in task_failures([loop])] == [None, 1, 2]


@pytest.mark.parametrize(
    ("events", "failures"),
    [
        ([event("Killing"), exited(143)], 0),
        ([event("Restart Signaled"), exited(137), event("Restarting")], 0),
        ([exited(0)], 0),
        ([exited(0), event("Restarting")], 1),
        ([exited(0, Signal=9)], 1),
        ([event("Killing", FailsTask=True)], 1),
        ([event("Template", message="waiting for nomadVar"), event("Sibling Task Failed")], 0),
    ],
)
def test_an_end_that_was_wanted_is_no_failure(events: list[dict[str, Any]], failures: int) -> None:
    assert len(messages(allocation(*events))) == failures


def test_the_earliest_comes_first_over_all_allocations() -> None:
    late, early = allocation(exited(1, 90), number=1), allocation(exited(2, 10), exited(3, 95), number=2)
    assert messages(late, early) == ["Exit Code: 2", "Exit Code: 1", "Exit Code: 3"]


def test_an_event_without_text_is_told_by_its_type() -> None:
    assert messages(allocation(event("Setup Failure"))) == ["Setup Failure"]


def test_the_first_failure_of_a_version_is_kept_and_that_of_another_is_not() -> None:
    failures = task_failures([allocation(exited(2, 5))])
    known = FirstFailure(version=3, task="web", time=1, message="no such image")
    assert first_failure(known, 3, failures) == known
    assert first_failure(known, 3, []) == known
    assert first_failure(known, 4, []) is None
    assert first_failure(known, 4, failures) == FirstFailure(version=4, task="web", time=5, message="Exit Code: 2")


def test_first_and_last_are_told_once_if_they_are_the_same() -> None:
    one, two = task_failures([allocation(exited(1, 1), exited(2, 2))])
    first = FirstFailure(version=0, task="web", time=0, message="no such image")
    assert told(None, None) == ""
    assert told(None, two) == "task web: Exit Code: 2"
    assert told(first_failure(None, 0, [one]), one) == "task web: Exit Code: 1"
    assert told(first, two) == "task web: Exit Code: 2; the first error was: no such image"
    assert told(first, None) == "task web failed first with: no such image"
    other = first.model_copy(update={"task": "sidecar"})
    assert told(other, two) == "task web: Exit Code: 2; the first error was: task sidecar: no such image"


def test_trouble_is_over_some_time_after_the_last_failure() -> None:
    failures = task_failures([allocation(exited(1, 1000 * SECOND))])
    assert is_over([], datetime.fromtimestamp(0, UTC))
    assert not is_over(failures, datetime.fromtimestamp(1000 + SETTLED - 1, UTC))
    assert is_over(failures, datetime.fromtimestamp(1000 + SETTLED, UTC))


def evaluation(index: int, status: str = "complete", **metrics: Any) -> Evaluation:
    failed = {"web": metrics} if metrics else None
    return Evaluation.model_validate(
        {"ID": f"e{index}", "Status": status, "FailedTGAllocs": failed, "CreateIndex": index, "ModifyIndex": index}
    )


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ({"NodesEvaluated": 2, "DimensionExhausted": {"memory": 2, "cpu": 1}},
         "cpu exhausted on 1 node, memory exhausted on 2 nodes"),
        ({"NodesEvaluated": 1, "ConstraintFiltered": {"missing drivers": 1}}, 'constraint "missing drivers" excludes 1 node'),
        ({"NodesEvaluated": 1, "ClassFiltered": {"small": 3}}, 'node class "small" excludes 3 nodes'),
        ({"NodesEvaluated": 1, "QuotaExhausted": ["memory 10 > 5"]}, "quota memory 10 > 5 is exhausted"),
        ({"NodesEvaluated": 0, "NodePool": "gpu"}, "no node of node pool gpu is ready for it"),
        ({"NodesEvaluated": 0, "NodesInPool": 1}, "no node is ready for it"),
        ({"NodesEvaluated": 4}, "none of 4 nodes fits"),
    ],
)  # fmt: skip
def test_what_keeps_a_group_from_being_placed(metrics: dict[str, Any], text: str) -> None:
    assert placement_failure([evaluation(1, **metrics)]) == f"group web cannot be placed: {text}"


def test_the_newest_verdict_counts_and_a_blocked_one_is_the_newest() -> None:
    failed = evaluation(1, NodesEvaluated=1, DimensionExhausted={"cpu": 1})
    blocked = evaluation(2, "blocked", NodesEvaluated=1, DimensionExhausted={"memory": 1})
    placed, canceled = evaluation(3), evaluation(4, "canceled", NodesEvaluated=1)
    assert "memory" in placement_failure([failed, blocked, placed, canceled])
    assert "cpu" in placement_failure([failed])
    assert placement_failure([failed, placed, canceled]) == ""
    assert placement_failure([]) == ""


@virtual_time
async def test_the_status_keeps_the_first_error_beside_the_last_until_all_is_well() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=None))

    async with running(nomad, WidgetReconciler()):
        await nomad.declare("resources/test/widget/one", size="1")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.owned))
        nomad.crash("widget-one", "no such image")
        await ready(nomad, Widget, "one", when=lambda status: bool(status.first_failures))
        nomad.crash("widget-one", "Exit Code: 1")
        status = await ready(nomad, Widget, "one", when=lambda status: "first error" in status.condition("Ready").message)
        assert "(task main: Exit Code: 1; the first error was: no such image)" in status.condition("Ready").message
        for row in nomad.cluster.allocations.values():
            row |= {"ClientStatus": "running", "TaskStates": {}}
        nomad.make_healthy("widget-one")
        status = await ready(nomad, Widget, "one")
        assert status.first_failures == {}
