"""When a job counts as healthy, as getting there, and as failed."""

from typing import Any

import pytest

from nomad_api.models import AllocationStub, Deployment, Job, Task, TaskGroup
from operator_kit.rollout import judge, observe
from operator_kit.testing import MemoryNomad, virtual_time


def job(type: str = "service", *, version: int = 2, count: int | None = 2, stop: bool = False) -> Job:
    return Job(id="web", type=type, version=version, stop=stop, task_groups=[TaskGroup(name="g", count=count)])


def allocation(number: int = 0, *, version: int = 2, status: str = "running", healthy: bool | None = True, desired: str = "run",
               states: dict[str, Any] | None = None) -> AllocationStub:  # fmt: skip
    data: dict[str, Any] = {
        "ID": f"a{number}",
        "JobVersion": version,
        "ClientStatus": status,
        "DesiredStatus": desired,
        "ModifyIndex": number,
        "TaskStates": states,
    }
    if healthy is not None:
        data["DeploymentStatus"] = {"Healthy": healthy}
    return AllocationStub.model_validate(data)


def deployment(status: str = "successful", *, version: int = 2, total: int = 2, description: str = "") -> Deployment:
    return Deployment.model_validate(
        {
            "ID": "d",
            "JobVersion": version,
            "Status": status,
            "StatusDescription": description,
            "TaskGroups": {"g": {"DesiredTotal": total}},
        }
    )


def verdict(*arguments: Any) -> tuple[str, str]:
    rollout = judge(*arguments)
    assert (rollout.healthy, rollout.failed) == (rollout.reason == "Healthy", rollout.reason == "Failed")
    return rollout.reason, rollout.message


def test_all_allocations_of_the_current_version_are_healthy() -> None:
    assert verdict(job(), deployment(), [allocation(0), allocation(1)]) == ("Healthy", "2 of 2 allocations healthy")
    rollout = judge(job(), deployment(), [allocation(0), allocation(1)])
    assert (rollout.desired, rollout.running) == (2, 2)


@pytest.mark.parametrize(
    ("allocations", "message"),
    [
        ([], "0 of 2 allocations healthy"),
        ([allocation(0)], "1 of 2 allocations healthy"),
        ([allocation(0), allocation(1, healthy=False)], "1 of 2 allocations healthy"),
        ([allocation(0), allocation(1, status="pending", healthy=None)], "1 of 2 allocations healthy"),
        ([allocation(0), allocation(1), allocation(2, version=1, desired="stop")], "2 of 2 allocations healthy, 1 of an older "
         "version still there"),
    ],
)  # fmt: skip
def test_it_is_on_the_way(allocations: list[AllocationStub], message: str) -> None:
    assert verdict(job(), deployment(), allocations) == ("Progressing", message)


def test_healthy_allocations_of_an_older_version_are_not_the_answer_to_a_new_spec() -> None:
    old = [allocation(0, version=1), allocation(1, version=1)]
    assert verdict(job(), deployment(version=1), old)[0] == "Progressing"


def test_a_running_deployment_has_the_word() -> None:
    allocations = [allocation(0), allocation(1, healthy=None)]
    assert verdict(job(), deployment("running"), allocations) == ("Progressing", "1 of 2 allocations healthy")
    both = [allocation(0), allocation(1)]
    assert verdict(job(), deployment("running"), both) == (
        "Progressing",
        "2 of 2 allocations healthy, the deployment is running",
    )


def test_a_rescheduled_allocation_has_no_verdict_and_needs_none() -> None:
    assert verdict(job(), deployment(), [allocation(0), allocation(1, healthy=None)])[0] == "Healthy"


def test_a_failed_deployment_is_a_failure_with_its_reason() -> None:
    crashed = {"main": {"State": "dead", "Failed": True, "Events": [{"Type": "Terminated", "DisplayMessage": "Exit Code: 1"}]}}
    failed = deployment("failed", description="Failed due to progress deadline")
    assert verdict(job(), failed, [allocation(0, status="failed", healthy=False, states=crashed)]) == (
        "Failed",
        "Failed due to progress deadline (task main: Exit Code: 1)",
    )


def test_trouble_is_told_while_it_goes_on() -> None:
    restarting = {"main": {"State": "pending", "Restarts": 2, "Events": [{"Type": "Restarting", "DisplayMessage": "in 15s"}]}}
    assert verdict(job(), None, [allocation(0), allocation(1, status="pending", healthy=None, states=restarting)]) == (
        "Progressing",
        "1 of 2 allocations healthy (task main: in 15s)",
    )


def test_a_stopped_job_is_not_healthy() -> None:
    assert verdict(job(stop=True), None, []) == ("Failed", "the job is stopped")


def test_no_wanted_allocations_are_healthy_allocations() -> None:
    assert verdict(job(count=0), deployment(total=0), []) == ("Healthy", "no allocations are wanted")


def test_a_system_job_wants_as_many_as_its_deployment_or_the_nodes_say() -> None:
    assert verdict(job("system"), deployment(total=3), [allocation(0), allocation(1)])[0] == "Progressing"
    assert verdict(job("system"), None, [allocation(0), allocation(1)])[0] == "Healthy"
    assert verdict(job("system"), None, [])[0] == "Progressing"


def test_a_batch_job_is_as_well_done_as_running() -> None:
    allocations = [allocation(0, status="complete", healthy=None), allocation(1, healthy=None)]
    assert verdict(job("batch"), None, allocations)[0] == "Healthy"
    assert verdict(job("batch"), None, [allocation(0, status="failed", healthy=None)])[0] == "Progressing"


def test_a_count_that_is_left_out_is_one() -> None:
    assert verdict(job(count=None), None, [allocation(0)])[0] == "Healthy"


def test_the_first_error_stands_beside_the_last() -> None:
    loop = {
        "main": {
            "State": "pending",
            "Restarts": 1,
            "Events": [
                {"Type": "Driver Failure", "Time": 1, "DisplayMessage": "no such image"},
                {"Type": "Terminated", "Time": 2, "ExitCode": 1, "DisplayMessage": "Exit Code: 1"},
                {"Type": "Restarting", "Time": 3, "DisplayMessage": "in 15s"},
            ],
        }
    }
    troubled = allocation(1, status="pending", healthy=None, states=loop)
    rollout = judge(job(), None, [allocation(0), troubled])
    assert rollout.message == "1 of 2 allocations healthy (task main: Exit Code: 1; the first error was: no such image)"
    assert [failure.message for failure in rollout.failures] == ["no such image", "Exit Code: 1"]
    assert rollout.first_failure
    assert rollout.first_failure.version == 2


def test_errors_of_an_older_version_are_not_those_of_this_one() -> None:
    crashed = {"main": {"State": "dead", "Failed": True, "Events": [{"Type": "Terminated", "ExitCode": 1}]}}
    rollout = judge(job(), None, [allocation(0, version=1, desired="stop", states=crashed, status="failed")])
    assert (rollout.failures, rollout.first_failure) == ((), None)


def test_what_could_not_be_placed_is_told_first() -> None:
    why = "group g cannot be placed: memory exhausted on 1 node"
    assert judge(job(), None, [allocation(0)], placement=why).message == f"1 of 2 allocations healthy ({why})"


@virtual_time
async def test_nomad_is_asked_why_only_where_something_is_not_placed() -> None:
    nomad = MemoryNomad()
    await nomad.jobs.register(job().evolve(version=None, id="web", task_groups=[TaskGroup(name="g", tasks=[Task(name="t")])]))
    asked = ("GET", "/v1/job/web/evaluations")
    assert (await observe(nomad, "web")).message == "0 of 1 allocations healthy"
    assert asked not in nomad.cluster.requests
    nomad.cluster.allocations.clear()
    (evaluation,) = nomad.cluster.evaluations.values()
    evaluation["FailedTGAllocs"] = {"g": {"NodesEvaluated": 3, "DimensionExhausted": {"memory": 3}}}
    told = "0 of 1 allocations healthy (group g cannot be placed: memory exhausted on 3 nodes)"
    assert (await observe(nomad, "web")).message == told
    assert nomad.cluster.requests.count(asked) == 1
