"""Jobs: registered, run, changed, planned, checked, stopped, purged."""

import pytest

from nomad_api.errors import BadRequest, NotFound, ServerError
from nomad_api.models import Job


async def running(nomad, until, job_id, count=1):
    """The allocations of a job, once as many as wanted run."""

    def runs(allocations):
        return [alloc for alloc in allocations if alloc.client_status == "running"]

    watch = nomad.watch(f"job/{job_id}/allocations", lambda rows: [nomad.allocations.stub.model_validate(row) for row in rows])
    return runs(await until(watch, lambda allocations: len(runs(allocations)) == count))


async def test_registered_job_runs(nomad, unique, sleeper, until):
    registered = await nomad.jobs.register(sleeper(unique))
    assert registered.eval_id
    (alloc,) = await running(nomad, until, unique)
    assert alloc.name == f"{unique}.main[0]"
    assert alloc.eval_id == registered.eval_id
    assert alloc.task_states["main"].state == "running"
    job = await nomad.jobs.get(unique)
    assert (job.status, job.version, job.stop) == ("running", 0, False)
    assert job.job_modify_index == registered.job_modify_index


async def test_evaluation_says_what_became_of_it(nomad, unique, sleeper, until):
    registered = await nomad.jobs.register(sleeper(unique))
    evaluation = await until(nomad.evaluations.watch(registered.eval_id), lambda evaluation: evaluation.terminal)
    assert (evaluation.status, evaluation.triggered_by, evaluation.job_id) == ("complete", "job-register", unique)
    assert not evaluation.failed_tg_allocs


async def test_defaults_are_filled_in(nomad, unique, sleeper):
    await nomad.jobs.register(sleeper(unique))
    job = await nomad.jobs.get(unique)
    assert (job.namespace, job.region, job.priority, job.datacenters) == ("default", "global", 50, ["*"])
    assert job.task_groups[0].count == 1
    assert job.task_groups[0].restart_policy is not None


async def test_batch_job_completes(nomad, unique, shell, until):
    await nomad.jobs.register(shell(unique, "echo done"))
    job = await until(nomad.jobs.watch(unique), lambda job: job.status == "dead")
    assert job.stop is False
    (alloc,) = await nomad.jobs.allocations(unique)
    assert alloc.client_status == "complete"
    assert alloc.task_states["main"].successful


async def test_failing_batch_job_fails(nomad, unique, shell, until):
    never = {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1_000_000_000}
    no_more = {"Attempts": 0, "Unlimited": False}
    await nomad.jobs.register(shell(unique, "exit 3", RestartPolicy=never, ReschedulePolicy=no_more))
    await until(nomad.jobs.watch(unique), lambda job: job.status == "dead")
    (alloc,) = await nomad.jobs.allocations(unique)
    assert alloc.client_status == "failed"
    assert alloc.task_states["main"].failed
    assert any(event.exit_code == 3 for event in alloc.task_states["main"].events)


async def test_system_job_runs_on_the_node(nomad, unique, shell, until):
    await nomad.jobs.register(shell(unique, "sleep 3600", type="system"))
    ready = [node for node in await nomad.nodes.list() if node.status == "ready"]
    allocations = await running(nomad, until, unique, count=len(ready))
    assert {alloc.node_id for alloc in allocations} == {node.id for node in ready}


async def test_changed_job_gets_a_new_version_and_new_allocations(nomad, unique, sleeper, shell, until):
    await nomad.jobs.register(sleeper(unique))
    (before,) = await running(nomad, until, unique)
    await nomad.jobs.register(shell(unique, "sleep 3600", type="service"))
    watch = nomad.allocations.watch(before.id)
    await until(watch, lambda alloc: alloc.desired_status == "stop" and alloc.client_status == "complete")
    (after,) = await running(nomad, until, unique)
    assert after.id != before.id
    assert after.job_version == (await nomad.jobs.get(unique)).version == 1
    assert [job.version for job in await nomad.jobs.versions(unique)] == [1, 0]


async def test_unchanged_job_keeps_its_version_but_is_evaluated(nomad, unique, sleeper):
    first = await nomad.jobs.register(sleeper(unique))
    second = await nomad.jobs.register(sleeper(unique))
    assert second.eval_id not in ("", first.eval_id)
    job = await nomad.jobs.get(unique)
    assert (job.version, job.job_modify_index) == (0, first.job_modify_index)


async def test_count_is_followed(nomad, unique, sleeper, until):
    await nomad.jobs.register(sleeper(unique, Count=2))
    before = await running(nomad, until, unique, count=2)
    await nomad.jobs.register(sleeper(unique, Count=1))
    (left,) = await running(nomad, until, unique, count=1)
    assert left.id in {alloc.id for alloc in before}
    assert left.name == f"{unique}.main[0]"


async def test_deployment_waits_for_a_verdict_on_what_is_updated_in_place_too(nomad, unique, sleeper, until):
    update = {"MinHealthyTime": 0, "HealthCheck": "task_states"}
    for version, count in enumerate((1, 2)):
        await nomad.jobs.register(sleeper(unique, Count=count, Update=update))
        done = await until(
            nomad.jobs.watch_latest_deployment(unique),
            lambda deployment, version=version: (
                deployment and (deployment.job_version, deployment.status) == (version, "successful")
            ),
        )
        assert done.task_groups["main"].healthy_allocs == count


async def test_stopped_job_stays_until_it_is_purged(nomad, unique, sleeper, until):
    await nomad.jobs.register(sleeper(unique))
    (alloc,) = await running(nomad, until, unique)
    await nomad.jobs.deregister(unique)
    job = await until(nomad.jobs.watch(unique), lambda job: job.status == "dead")
    assert job.stop is True
    stopped = await until(nomad.allocations.watch(alloc.id), lambda alloc: alloc.client_terminal)
    assert (stopped.desired_status, stopped.client_status) == ("stop", "complete")
    await nomad.jobs.deregister(unique, purge=True)
    with pytest.raises(NotFound, match="job not found"):
        await nomad.jobs.get(unique)
    assert await nomad.jobs.allocations(unique, all=True) == []


async def test_stopping_no_job_is_no_error(nomad, unique):
    assert (await nomad.jobs.deregister(unique)).eval_id == ""


async def test_enforced_index_protects_from_overwriting(nomad, unique, sleeper):
    first = await nomad.jobs.register(sleeper(unique), check_index=0)
    with pytest.raises(ServerError, match="job already exists"):
        await nomad.jobs.register(sleeper(unique), check_index=0)
    with pytest.raises(ServerError, match="job exists with conflicting job modify index"):
        await nomad.jobs.register(sleeper(unique), check_index=first.job_modify_index - 1)
    await nomad.jobs.register(sleeper(unique), check_index=first.job_modify_index)


async def test_plan_tells_what_would_happen_and_changes_nothing(nomad, unique, sleeper, shell):
    new = await nomad.jobs.plan(sleeper(unique))
    assert new.diff["Type"] == "Added"
    assert new.job_modify_index == 0
    assert new.annotations.desired_tg_updates["main"].place == 1
    with pytest.raises(NotFound):
        await nomad.jobs.get(unique)

    registered = await nomad.jobs.register(sleeper(unique))
    same = await nomad.jobs.plan(sleeper(unique))
    assert (same.diff["Type"], same.job_modify_index) == ("None", registered.job_modify_index)

    changed = await nomad.jobs.plan(shell(unique, "sleep 1", type="service"))
    assert changed.diff["Type"] == "Edited"
    assert (await nomad.jobs.get(unique)).version == 0


async def test_plan_tells_what_cannot_be_placed(nomad, unique, sleeper):
    job = sleeper(unique, Constraints=[{"LTarget": "${attr.kernel.name}", "RTarget": "plan9", "Operand": "="}])
    plan = await nomad.jobs.plan(job)
    assert plan.failed_tg_allocs["main"].constraint_filtered == {"${attr.kernel.name} = plan9": 1}


async def test_valid_job_is_valid(nomad, unique, sleeper):
    validation = await nomad.jobs.validate(sleeper(unique))
    assert (validation.validation_errors, validation.error) == (None, "")


async def test_all_mistakes_of_a_job_are_named(nomad):
    job = {"ID": "has space", "Name": "x", "Type": "service", "Datacenters": ["*"], "TaskGroups": [{"Name": "", "Count": -1}]}
    validation = await nomad.jobs.validate(job)
    problems = "\n".join(validation.validation_errors)
    assert "Job ID contains a space" in problems
    assert "Missing name" in problems or "missing name" in problems
    with pytest.raises(ServerError, match="Job ID contains a space"):
        await nomad.jobs.register(job)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "Job must be specified"),
        ({"Job": {"Name": "x"}}, "Job ID hasn't been provided"),
        ("{", "unexpected EOF"),
    ],
)
async def test_bodies_without_a_job_are_refused(wire, body, reason):
    reply = await wire("PUT", "/v1/jobs", body=body)
    assert (reply.status, reply.text) == (400, reason)


async def test_id_in_path_and_body_must_agree(nomad, unique, sleeper):
    with pytest.raises(BadRequest, match="Job ID does not match name"):
        await nomad.write("PUT", f"job/{unique}-other", {"Job": sleeper(unique).to_wire()})


async def test_job_of_an_unknown_driver_waits_for_a_node_that_has_it(nomad, unique, sleeper, until):
    job = sleeper(unique).to_wire()
    job["TaskGroups"][0]["Tasks"][0]["Driver"] = "no-such-driver"
    registered = await nomad.jobs.register(Job.model_validate(job))
    evaluation = await until(nomad.evaluations.watch(registered.eval_id), lambda evaluation: evaluation.terminal)
    assert "missing drivers" in evaluation.failed_tg_allocs["main"].constraint_filtered
    blocked = await nomad.evaluations.get(evaluation.blocked_eval)
    assert blocked.status == "blocked"


async def test_ids_may_have_slashes(nomad, unique, sleeper):
    await nomad.jobs.register(sleeper(f"{unique}/a/b"))
    assert (await nomad.jobs.get(f"{unique}/a/b")).id == f"{unique}/a/b"
    assert (await nomad.jobs.summary(f"{unique}/a/b")).job_id == f"{unique}/a/b"


async def test_list_shows_jobs_by_prefix_and_filter(nomad, unique, sleeper, shell):
    await nomad.jobs.register(sleeper(f"{unique}-a"))
    await nomad.jobs.register(shell(f"{unique}-b", "true"))
    assert [job.id for job in await nomad.jobs.list(unique)] == [f"{unique}-a", f"{unique}-b"]
    assert [job.id for job in await nomad.jobs.list(unique, filter="Type == batch")] == [f"{unique}-b"]


async def test_output_of_a_task_can_be_read(nomad, unique, shell, until):
    await nomad.jobs.register(shell(unique, "echo to-stdout; echo to-stderr >&2"))
    await until(nomad.jobs.watch(unique), lambda job: job.status == "dead")
    (alloc,) = await nomad.jobs.allocations(unique)
    stdout = b"".join([chunk async for chunk in nomad.allocations.logs(alloc.id, "main")])
    stderr = b"".join([chunk async for chunk in nomad.allocations.logs(alloc.id, "main", stderr=True)])
    assert (stdout, stderr) == (b"to-stdout\n", b"to-stderr\n")


async def test_template_gets_a_variable_and_the_environment(nomad, unique, shell, until):
    await nomad.variables.put(f"nomad/jobs/{unique}", {"greeting": "hello"})
    job = shell(unique, "cat local/greeting; sleep 3600", type="service").to_wire()
    job["TaskGroups"][0]["Tasks"][0]["Templates"] = [
        {
            "DestPath": "local/greeting",
            "EmbeddedTmpl": f'{{{{ with nomadVar "nomad/jobs/{unique}" }}}}{{{{ .greeting }}}}{{{{ end }}}}'
            ' from {{ env "NOMAD_TASK_NAME" }}\n',
        }
    ]
    await nomad.jobs.register(Job.model_validate(job))
    (alloc,) = await running(nomad, until, unique)
    async for chunk in nomad.allocations.logs(alloc.id, "main", follow=True):
        assert chunk == b"hello from main\n"
        break
