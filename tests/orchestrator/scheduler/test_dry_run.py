import pytest

from orchestrator.errors import APIError
from orchestrator.scheduler import plan_job


async def test_a_plan_changes_nothing(cluster, new_job):
    before = cluster.store.index
    planned = plan_job(cluster.store, new_job(Count=3), diff=True)
    assert planned.annotations.desired_tg_updates["g"].place == 3
    assert planned.diff["Type"] == "Added"
    assert planned.job_modify_index == 0
    assert cluster.store.index == before
    assert cluster.state.jobs.get("default", "web") is None
    assert not list(cluster.state.evaluations)


async def test_a_plan_shows_what_a_change_costs(cluster, new_job):
    await cluster.register(new_job())
    index = cluster.job().job_modify_index
    tasks = [{"Name": "t", "Driver": "mock_driver", "Env": {"V": "2"}, "Resources": {"CPU": 10, "MemoryMB": 10}}]
    planned = plan_job(cluster.store, new_job(Tasks=tasks), diff=True)
    assert planned.annotations.desired_tg_updates["g"].destructive_update == 1
    (group,) = planned.diff["TaskGroups"]
    assert group["Updates"] == {"create/destroy update": 1}
    assert group["Tasks"][0]["Annotations"] == ["forces create/destroy update"]
    assert planned.job_modify_index == index


async def test_a_plan_tells_what_would_not_fit(cluster, new_job):
    tasks = [{"Name": "t", "Driver": "mock_driver", "Resources": {"CPU": 10, "MemoryMB": 5000}}]
    planned = plan_job(cluster.store, new_job(Tasks=tasks))
    assert planned.failed_tg_allocs["g"].dimension_exhausted == {"memory": 1}
    assert [each.status for each in planned.created_evals] == ["blocked"]
    assert planned.diff is None


async def test_an_invalid_job_is_refused(cluster, new_job):
    with pytest.raises(APIError, match="Missing tasks for task group"):
        plan_job(cluster.store, new_job(Tasks=[]))
