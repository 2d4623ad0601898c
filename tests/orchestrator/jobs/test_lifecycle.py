import pytest

from nomad_api.duration import SECOND
from orchestrator import jobs
from orchestrator.errors import APIError


async def test_stopping_makes_a_version(cluster, new_job):
    await cluster.register(new_job())
    await cluster.store.write("JobDeregistered", lambda tx: jobs.deregister(tx, "default", "web"))
    assert (cluster.job().version, cluster.job().stop) == (1, True)
    result = await cluster.store.write("JobDeregistered", lambda tx: jobs.deregister(tx, "default", "web"))
    assert cluster.evaluation(result.value.eval_id).type == "service"
    assert cluster.job().version == 2, "also the second time"


async def test_purging_leaves_only_evaluations(cluster, new_job):
    await cluster.register(new_job())
    result = await cluster.store.write("JobDeregistered", lambda tx: jobs.deregister(tx, "default", "web", purge=True))
    state = cluster.state
    key = ("default", "web")
    assert state.jobs.get(*key) is None
    assert state.job_summaries.get(*key) is None
    assert not [*state.job_versions, *state.allocations, *state.deployments, *state.job_submissions]
    assert (await cluster.processed(result.value.eval_id)).status == "complete"
    await cluster.register(new_job())
    assert cluster.job().version == 0, "a new life"


async def test_stopping_what_is_not_there_is_no_error(cluster):
    before = cluster.store.index
    result = await cluster.store.write("JobDeregistered", lambda tx: jobs.deregister(tx, "default", "nope"))
    assert (result.value.eval_id, result.value.existed, cluster.store.index) == ("", False, before)


async def test_forcing_replaces_what_failed_for_good(cluster, new_job):
    once = {"Attempts": 1, "Interval": 3600 * SECOND, "Delay": 5 * SECOND, "DelayFunction": "constant", "Unlimited": False}
    await cluster.register(new_job(Update={"MaxParallel": 0}, ReschedulePolicy=once))
    (alloc,) = cluster.allocations()
    await cluster.report(alloc, status="failed")
    committed = await cluster.store.write(
        "JobRegistered", lambda tx: jobs.evaluate(tx, "default", "web", force_reschedule=True)
    )
    await cluster.processed(committed.value.eval_id)
    assert [each.previous_allocation for each in cluster.live()] == [alloc.id]


async def test_evaluating_needs_a_job_that_is_scheduled(cluster):
    with pytest.raises(APIError, match="job not found"):
        await cluster.store.write("JobRegistered", lambda tx: jobs.evaluate(tx, "default", "nope"))


async def test_going_back_to_a_version(cluster, new_job):
    await cluster.register(new_job(Count=1))
    await cluster.register(new_job(Count=2))
    await cluster.store.write("JobRegistered", lambda tx: jobs.revert(tx, "default", "web", 0))
    assert (cluster.job().version, cluster.job().task_groups[0].count) == (2, 1)


@pytest.mark.parametrize(
    ("job", "version", "prior", "text"),
    [
        ("nope", 0, None, 'job "nope" not found'),
        ("web", 1, None, "can't revert to current version"),
        ("web", 9, None, 'job "web" in namespace "default" at version 9 not found'),
        ("web", 0, 5, "Current job has version 1; enforcing version 5"),
    ],
)
async def test_going_back_is_refused(cluster, new_job, job, version, prior, text):
    await cluster.register(new_job(Count=1))
    await cluster.register(new_job(Count=2))
    with pytest.raises(APIError, match=text):
        await cluster.store.write(
            "JobRegistered", lambda tx: jobs.revert(tx, "default", job, version, enforce_prior_version=prior)
        )
