from orchestrator.jobs.lifecycle import deregister


async def test_every_node_gets_an_allocation(cluster, new_job, new_node):
    await cluster.add(new_node("n2"))
    await cluster.register(new_job(kind="system"))
    assert sorted(alloc.node_name for alloc in cluster.live()) == ["n1", "n2"]
    assert {alloc.name for alloc in cluster.live()} == {"web.g[0]"}
    assert cluster.job().status == "running"


async def test_a_node_that_does_not_qualify_is_no_failure_if_another_does(cluster, new_job, new_node):
    await cluster.add(new_node("n2", meta={"rack": "r2"}))
    constraint = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r2"}
    result = await cluster.register(new_job(kind="system", Constraints=[constraint]))
    assert [alloc.node_name for alloc in cluster.live()] == ["n2"]
    evaluation = cluster.evaluation(result.eval_id)
    assert evaluation.queued_allocations == {"g": 0}


async def test_a_job_that_fits_nowhere_fails_without_a_blocked_evaluation(cluster, new_job):
    constraint = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r2"}
    result = await cluster.register(new_job(kind="system", Constraints=[constraint]))
    evaluation = cluster.evaluation(result.eval_id)
    assert evaluation.failed_tg_allocs["g"].constraint_filtered == {"${meta.rack} = r2": 1}
    assert not evaluation.blocked_eval


async def test_a_new_version_rolls_from_node_to_node(cluster, new_job, new_node):
    await cluster.add(new_node("n2"))
    await cluster.register(new_job(kind="system"))
    await cluster.report(*cluster.live(), healthy=True)
    await cluster.until(lambda: cluster.deployment().status == "successful")
    tasks = [{"Name": "t", "Driver": "mock_driver", "Env": {"V": "2"}, "Resources": {"CPU": 10, "MemoryMB": 10}}]
    await cluster.register(new_job(kind="system", Tasks=tasks))
    versions = sorted(alloc.job.version for alloc in cluster.live())
    assert versions == [0, 1], "one at a time"
    await cluster.report(*(alloc for alloc in cluster.live() if alloc.job.version == 1), healthy=True)
    await cluster.until(lambda: all(alloc.job.version == 1 for alloc in cluster.live()))
    await cluster.report(*cluster.live(), healthy=True)
    await cluster.until(lambda: cluster.deployment().status == "successful")
    assert cluster.deployment().task_groups["g"].desired_total == 2


async def test_a_sysbatch_job_runs_once_on_a_node(cluster, new_job):
    await cluster.register(new_job(kind="sysbatch"))
    await cluster.report(*cluster.live(), status="complete")
    await cluster.register(new_job(kind="sysbatch"))
    assert len(cluster.allocations()) == 1


async def test_stopping_stops_everywhere(cluster, new_job):
    await cluster.register(new_job(kind="system"))
    committed = await cluster.store.write("JobDeregistered", lambda tx: deregister(tx, "default", "web"))
    await cluster.processed(committed.value.eval_id)
    assert not cluster.live()
    assert cluster.job().status == "dead"
