import asyncio

import pytest

from nomad_api.duration import MINUTE, SECOND
from orchestrator import deployments
from orchestrator.errors import APIError

UPDATE = {"MaxParallel": 1, "HealthyDeadline": MINUTE, "ProgressDeadline": 2 * MINUTE, "MinHealthyTime": SECOND}


def version(new_job, number, **group):
    task = {"Name": "t", "Driver": "mock_driver", "Env": {"V": str(number)}, "Resources": {"CPU": 10, "MemoryMB": 10}}
    return new_job(Tasks=[task], **{"Update": UPDATE, **group})


async def rolled_out(cluster, job):
    """Register a version and report all of it as healthy until its deployment is successful."""
    await cluster.register(job)
    wanted = cluster.job().version
    while cluster.deployment().job_version != wanted or cluster.deployment().status == "running":
        waiting = [alloc for alloc in cluster.live() if alloc.job.version == wanted and alloc.healthy is None]
        if waiting:
            await cluster.report(*waiting, healthy=True)
        else:
            await asyncio.sleep(0)


async def test_a_healthy_roll_out_makes_its_version_stable(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0, Count=2))
    deployment = cluster.deployment()
    assert deployment.status_description == "Deployment completed successfully"
    assert deployment.task_groups["g"].healthy_allocs == 2
    assert cluster.job().stable


async def test_a_new_version_replaces_one_allocation_after_the_other(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0, Count=3))
    await cluster.register(version(new_job, 1, Count=3))
    assert sorted(alloc.job.version for alloc in cluster.live()) == [0, 0, 1]
    await cluster.report(*(alloc for alloc in cluster.live() if alloc.job.version == 1), healthy=True)
    await cluster.until(lambda: sorted(alloc.job.version for alloc in cluster.live()) == [0, 1, 1])
    assert sorted(alloc.name for alloc in cluster.live()) == ["web.g[0]", "web.g[1]", "web.g[2]"]


async def test_a_newer_version_cancels_the_roll_out_of_an_older_one(cluster, new_job):
    await cluster.register(version(new_job, 0))
    first = cluster.deployment().id
    await cluster.register(version(new_job, 1))
    old = cluster.state.deployments.get(first)
    assert (old.status, old.status_description) == ("cancelled", "Cancelled due to newer version of job")


async def test_canaries_wait_for_promotion(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0, Count=2))
    await cluster.register(version(new_job, 1, Count=2, Update=UPDATE | {"Canary": 1}))
    deployment = cluster.deployment()
    assert deployment.status_description == "Deployment is running but requires manual promotion"
    assert sorted(alloc.job.version for alloc in cluster.live()) == [0, 0, 1]
    with pytest.raises(APIError, match='Task group "g" has 0/1 healthy allocations'):
        await cluster.store.write("DeploymentPromotion", lambda tx: deployments.promote(tx, deployment.id, None))
    canary = next(alloc for alloc in cluster.live() if alloc.job.version == 1)
    assert canary.deployment_status.canary
    await cluster.report(canary, healthy=True)
    await cluster.store.write("DeploymentPromotion", lambda tx: deployments.promote(tx, deployment.id, None))
    assert not cluster.state.allocations.get(canary.id).deployment_status.canary
    await cluster.until(lambda: [alloc.job.version for alloc in cluster.live()] == [1, 1])


async def test_healthy_canaries_promote_themselves_if_told_so(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0))
    await cluster.register(version(new_job, 1, Update=UPDATE | {"Canary": 1, "AutoPromote": True}))
    await cluster.report(*(alloc for alloc in cluster.live() if alloc.job.version == 1), healthy=True)
    await cluster.until(lambda: cluster.deployment().status == "successful")
    assert [alloc.job.version for alloc in cluster.live()] == [1]


async def test_canaries_of_a_failed_roll_out_are_stopped(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0))
    await cluster.register(version(new_job, 1, Update=UPDATE | {"Canary": 1}))
    await cluster.store.write("DeploymentStatusUpdate", lambda tx: deployments.fail(tx, cluster.deployment().id))
    await cluster.until(lambda: [alloc.job.version for alloc in cluster.live()] == [0])
    assert cluster.deployment().status_description == "Deployment marked as failed"


async def test_an_unhealthy_allocation_that_may_not_be_replaced_fails_the_roll_out(cluster, new_job):
    never = {"Attempts": 0, "Unlimited": False}
    await cluster.register(version(new_job, 0, ReschedulePolicy=never))
    await cluster.report(*cluster.live(), status="failed", healthy=False)
    await cluster.until(lambda: cluster.deployment().status == "failed")
    assert cluster.deployment().status_description == "Failed due to unhealthy allocations"


async def test_a_failed_roll_out_goes_back_to_the_stable_version(cluster, new_job):
    back = UPDATE | {"AutoRevert": True}
    never = {"Attempts": 0, "Unlimited": False}
    await rolled_out(cluster, version(new_job, 0, Update=back, ReschedulePolicy=never))
    await cluster.register(version(new_job, 1, Update=back, ReschedulePolicy=never))
    failing = cluster.deployment().id
    await cluster.report(*(alloc for alloc in cluster.live() if alloc.job.version == 1), status="failed", healthy=False)
    await cluster.until(lambda: cluster.job().version == 2)
    description = cluster.state.deployments.get(failing).status_description
    assert description == "Failed due to unhealthy allocations - rolling back to job version 0"
    assert cluster.job().task_groups[0].tasks[0].env == {"V": "0"}


async def test_nothing_healthy_until_the_progress_deadline_fails_the_roll_out(cluster, new_job):
    await cluster.register(version(new_job, 0))
    cluster.clock.now += 2 * MINUTE
    await cluster.add(cluster.state.nodes.get(cluster.live()[0].node_id))
    await cluster.store.write("DeploymentStatusUpdate", lambda tx: tx.put(cluster.deployment()))  # wakes the watcher
    await cluster.until(lambda: cluster.deployment().status == "failed")
    assert cluster.deployment().status_description == "Failed due to progress deadline"


async def test_a_paused_roll_out_replaces_nothing(cluster, new_job):
    await rolled_out(cluster, version(new_job, 0, Count=2))
    await cluster.register(version(new_job, 1, Count=2))
    deployment = cluster.deployment().id
    await cluster.store.write("DeploymentStatusUpdate", lambda tx: deployments.pause(tx, deployment, True))
    await cluster.report(*(alloc for alloc in cluster.live() if alloc.job.version == 1), healthy=True)
    await cluster.settle()
    assert sorted(alloc.job.version for alloc in cluster.live()) == [0, 1]
    await cluster.store.write("DeploymentStatusUpdate", lambda tx: deployments.pause(tx, deployment, False))
    await cluster.until(lambda: [alloc.job.version for alloc in cluster.live()] == [1, 1])


async def test_a_user_decides_about_health(cluster, new_job):
    await cluster.register(version(new_job, 0))
    (alloc,) = cluster.live()
    deployment = cluster.deployment().id

    def both(tx):
        return deployments.set_allocation_health(tx, deployment, [alloc.id], [alloc.id])

    await cluster.store.write("DeploymentAllocHealth", both)
    assert cluster.state.allocations.get(alloc.id).healthy is False, "unhealthy wins"
    with pytest.raises(APIError, match="can't set health of allocations for a terminal deployment"):
        await cluster.store.write("DeploymentAllocHealth", both)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (lambda tx, key: deployments.fail(tx, key), "can't fail terminal deployment"),
        (lambda tx, key: deployments.pause(tx, key, True), "can't pause terminal deployment"),
        (lambda tx, key: deployments.pause(tx, key, False), "can't resume terminal deployment"),
        (lambda tx, key: deployments.promote(tx, key, None), "can't promote terminal deployment"),
    ],
)
async def test_a_deployment_that_is_over_stays_so(cluster, new_job, action, text):
    await rolled_out(cluster, version(new_job, 0))
    with pytest.raises(APIError, match=text):
        await cluster.store.write("DeploymentStatusUpdate", lambda tx: action(tx, cluster.deployment().id))


async def test_unknown_deployments_and_missing_lists_are_refused(cluster):
    with pytest.raises(APIError, match="deployment not found"):
        await cluster.store.write("DeploymentStatusUpdate", lambda tx: deployments.fail(tx, "nope"))
    with pytest.raises(APIError, match="must specify at least one healthy/unhealthy allocation ID"):
        await cluster.store.write("x", lambda tx: deployments.set_allocation_health(tx, "nope", [], []))
