"""Garbage collection: what has ended goes, what goes on or may be needed stays."""

import pytest

from nomad_api.models import Allocation, Deployment, Evaluation, Job
from orchestrator.garbage import collect
from orchestrator.state.store import Store


@pytest.fixture
def store() -> Store:
    return Store(lambda: 1_700_000_000_000_000_000)


async def put_job(store: Store, job_id: str, status: str, alloc_status: str = "complete", **fields) -> None:
    """A job with an evaluation, an allocation and a deployment of its own, each named after it."""
    of_job = {"namespace": "default", "job_id": job_id}
    rows = [
        Job(id=job_id, namespace="default", status=status, **{"type": "batch", "stop": False, **fields}),
        Evaluation(id=f"{job_id}-e", status="complete", **of_job),
        Allocation(
            id=f"{job_id}-a",
            eval_id=f"{job_id}-e",
            deployment_id=f"{job_id}-d",
            desired_status="run" if alloc_status == "running" else "stop",
            client_status=alloc_status,
            **of_job,
        ),
        Deployment(id=f"{job_id}-d", status="running" if alloc_status == "running" else "successful", **of_job),
    ]
    await store.write("x", lambda tx: [tx.put(row) for row in rows])


def left(store: Store) -> set[str]:
    state = store.state
    tables = (state.jobs, state.evaluations, state.allocations, state.deployments)
    return {row.id for table in tables for row in table}


async def test_dead_job_goes_with_all_that_is_its(store):
    await put_job(store, "j", "dead")
    await store.write("x", collect)
    assert left(store) == set()


async def test_running_job_stays(store):
    await put_job(store, "j", "running", "running", type="service")
    await store.write("x", collect)
    assert left(store) == {"j", "j-e", "j-a", "j-d"}


async def test_ended_work_of_a_living_service_goes(store):
    await put_job(store, "j", "running", "complete", type="service")
    await store.write("x", collect)
    assert left(store) == {"j"}


async def test_ended_work_of_a_living_batch_job_stays(store):
    await put_job(store, "j", "running", "complete")
    await store.write("x", collect)
    assert left(store) >= {"j", "j-e", "j-a"}


async def test_stopped_job_stays_until_its_tasks_have_ended(store):
    await put_job(store, "j", "dead", "running", stop=True)
    await store.write("x", collect)
    assert left(store) == {"j", "j-e", "j-a", "j-d"}


async def test_parent_of_other_jobs_stays_until_it_is_stopped(store):
    await put_job(store, "j", "dead", parameterized_job={"Payload": "optional"})
    await store.write("x", collect)
    assert "j" in left(store)
    await store.write("x", lambda tx: tx.put(store.state.jobs.get("default", "j").evolve(stop=True)))
    await store.write("x", collect)
    assert "j" not in left(store)
