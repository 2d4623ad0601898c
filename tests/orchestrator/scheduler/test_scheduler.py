"""Evaluations in, allocations out: the whole scheduler on a store, with a node that the test plays."""

from nomad_api.duration import SECOND
from orchestrator import jobs
from orchestrator.jobs.lifecycle import deregister
from orchestrator.scheduler import worker


async def test_a_registered_job_is_placed_in_the_same_breath(cluster, new_job):
    commits = []
    cluster.store.subscribe(lambda commit: commits.append((commit.kind, [change.table for change in commit.changes])))
    result = await cluster.register(new_job())
    assert [kind for kind, _ in commits] == ["JobRegistered", "PlanResult", "EvaluationUpdated"]
    assert {"jobs", "evaluations", "job_summaries"} <= set(commits[0][1])
    assert {"jobs", "allocations", "deployments", "evaluations"} <= set(commits[1][1])
    (alloc,) = cluster.allocations()
    assert (alloc.name, alloc.client_status, alloc.desired_status) == ("web.g[0]", "pending", "run")
    assert alloc.job is not None
    assert alloc.job.id == "web"
    evaluation = cluster.evaluation(result.eval_id)
    assert evaluation.status == "complete"
    assert evaluation.plan_annotations.desired_tg_updates["g"].place == 1
    assert cluster.job().status == "running"


async def test_metrics_tell_why_the_node_was_taken(cluster, new_job):
    await cluster.register(new_job())
    (alloc,) = cluster.allocations()
    (score,) = alloc.metrics.score_meta_data
    assert set(score.scores) == {"binpack", "job-anti-affinity", "node-affinity", "node-reschedule-penalty"}
    assert score.norm_score == score.scores["binpack"] > 0
    assert alloc.metrics.nodes_available == {"dc1": 1}


async def test_the_summary_follows_the_allocations(cluster, new_job):
    await cluster.register(new_job(Count=2))
    first, second = cluster.allocations()
    await cluster.report(first)
    await cluster.report(second, status="failed")
    group = cluster.state.job_summaries.get("default", "web").summary["g"]
    assert (group.starting, group.running, group.failed, group.queued) == (0, 1, 1, 0)


async def test_a_batch_job_is_dead_when_it_has_completed(cluster, new_job):
    await cluster.register(new_job(kind="batch"))
    assert not cluster.state.deployments.by("job", ("default", "web"))
    await cluster.report(*cluster.allocations(), status="complete")
    assert cluster.job().status == "dead"
    await cluster.register(new_job(kind="batch"))
    assert len(cluster.allocations()) == 1, "what has completed is not run again"


async def test_a_stopped_job_loses_its_allocations_and_is_dead(cluster, new_job):
    await cluster.register(new_job())
    committed = await cluster.store.write("JobDeregistered", lambda tx: deregister(tx, "default", "web"))
    await cluster.processed(committed.value.eval_id)
    (alloc,) = cluster.allocations()
    assert (alloc.desired_status, alloc.desired_description) == ("stop", "alloc not needed due to job update")
    assert cluster.job().status == "dead"
    assert cluster.deployment().status_description == "Cancelled because job is stopped"


async def test_fewer_allocations_keep_the_lowest_indexes(cluster, new_job):
    await cluster.register(new_job(Count=4))
    await cluster.register(new_job(Count=2))
    assert sorted(alloc.name for alloc in cluster.live()) == ["web.g[0]", "web.g[1]"]


async def test_what_does_not_fit_waits_until_there_is_room(cluster, new_job):
    big = [{"Name": "t", "Driver": "mock_driver", "Resources": {"CPU": 600, "MemoryMB": 10}}]
    await cluster.register(new_job("first", kind="batch", Tasks=big))
    result = await cluster.register(new_job("second", kind="batch", Tasks=big))
    evaluation = cluster.evaluation(result.eval_id)
    failure = evaluation.failed_tg_allocs["g"]
    assert failure.dimension_exhausted == {"cpu": 1}
    assert failure.resources_exhausted["t"].cpu == 600
    assert evaluation.queued_allocations == {"g": 1}
    blocked = cluster.evaluation(evaluation.blocked_eval)
    assert (blocked.status, blocked.class_eligibility) == ("blocked", {"v1:1": True})
    assert cluster.job("second").status == "pending"
    await cluster.report(*cluster.allocations("first"), status="complete")
    await cluster.processed(blocked.id)
    assert len(cluster.live("second")) == 1
    assert cluster.state.job_summaries.get("default", "second").summary["g"].queued == 0


async def test_a_constraint_that_no_node_meets_names_itself(cluster, new_job, new_node):
    constraint = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r2"}
    result = await cluster.register(new_job(Constraints=[constraint]))
    evaluation = cluster.evaluation(result.eval_id)
    assert evaluation.failed_tg_allocs["g"].constraint_filtered == {"${meta.rack} = r2": 1}
    await cluster.add(new_node("n2", meta={"rack": "r2"}))
    await cluster.processed(evaluation.blocked_eval)
    assert [alloc.node_name for alloc in cluster.live()] == ["n2"]


async def test_a_later_success_cancels_blocked_evaluations(cluster, new_job):
    constraint = {"LTarget": "${meta.rack}", "Operand": "=", "RTarget": "r2"}
    result = await cluster.register(new_job(Constraints=[constraint]))
    blocked = cluster.evaluation(result.eval_id).blocked_eval
    again = await cluster.register(new_job())
    assert cluster.evaluation(blocked).status == "canceled"
    assert cluster.evaluation(blocked).status_description == f'evaluation "{again.eval_id}" successful'


async def test_a_change_of_the_count_leaves_running_allocations_in_place(cluster, new_job):
    await cluster.register(new_job(Count=1))
    (before,) = cluster.allocations()
    await cluster.register(new_job(Count=2))
    assert len(cluster.live()) == 2
    after = cluster.state.allocations.get(before.id)
    assert after.desired_status == "run"
    assert after.job.version == 1


async def test_a_failed_allocation_is_replaced_after_its_delay(cluster, new_job):
    await cluster.register(new_job(Update={"MaxParallel": 0}))
    (alloc,) = cluster.allocations()
    await cluster.report(alloc, status="failed")
    await cluster.until(lambda: bool(cluster.state.allocations.get(alloc.id).followup_eval_id))
    followup = cluster.evaluation(cluster.state.allocations.get(alloc.id).followup_eval_id)
    assert (followup.status, followup.triggered_by) == ("pending", "alloc-reschedule")
    assert len(cluster.allocations()) == 1
    due = followup.evolve(wait_until=None)
    cluster.clock.now += 30 * SECOND
    await cluster.store.write("EvaluationUpdated", lambda tx: tx.put(due))
    await cluster.processed(followup.id)
    (replacement,) = cluster.live()
    assert replacement.previous_allocation == alloc.id
    assert replacement.reschedule_tracker.events[0].prev_alloc_id == alloc.id
    assert cluster.state.allocations.get(alloc.id).next_allocation == replacement.id


async def test_a_user_stops_an_allocation_and_gets_another(cluster, new_job):
    await cluster.register(new_job(Update={"MaxParallel": 0}))
    (alloc,) = cluster.allocations()
    committed = await cluster.store.write("AllocationUpdateDesiredStatus", lambda tx: jobs.stop_allocation(tx, alloc.id))
    await cluster.processed(committed.value)
    assert cluster.state.allocations.get(alloc.id).desired_description == "alloc is being migrated"
    assert [each.previous_allocation for each in cluster.live()] == [alloc.id]


async def test_an_evaluation_that_cannot_be_processed_fails_and_stops_nothing(cluster, new_job, monkeypatch):
    real = worker.schedule

    def schedule(state, evaluation, **options):
        if evaluation.job_id == "bad":
            raise RuntimeError("no luck")
        return real(state, evaluation, **options)

    monkeypatch.setattr(worker, "schedule", schedule)
    bad = await cluster.register(new_job("bad"))
    await cluster.register(new_job("good"))
    assert cluster.evaluation(bad.eval_id).status == "failed"
    assert cluster.evaluation(bad.eval_id).status_description == "failed to process eval: no luck"
    assert len(cluster.live("good")) == 1


async def test_a_job_purged_while_its_evaluation_waits_leaves_nothing(cluster, new_job):
    def register_and_purge(tx):
        evaluation = jobs.register(tx, new_job()).eval_id
        deregister(tx, "default", "web", purge=True)
        return evaluation

    committed = await cluster.store.write("JobDeregistered", register_and_purge)
    await cluster.settle()
    assert cluster.evaluation(committed.value).status == "complete"
    assert not cluster.allocations()


async def test_two_static_ports_find_two_addresses_and_a_third_none(cluster, new_job):
    network = [{"ReservedPorts": [{"Label": "http", "Value": 8080}]}]
    for name in ("a", "b"):
        await cluster.register(new_job(name, Networks=network))
    addresses = [cluster.live(name)[0].ports["http"].host_ip for name in ("a", "b")]
    assert addresses == ["127.0.0.1", "::1"]
    result = await cluster.register(new_job("c", Networks=network))
    failure = cluster.evaluation(result.eval_id).failed_tg_allocs["g"]
    assert failure.dimension_exhausted == {"network: reserved port collision http=8080": 1}
