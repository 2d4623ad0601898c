"""A job that runs once: begun once, told how it ended, and never run again by mistake."""

from random import Random
from typing import Any

import pytest

from nomad_api.errors import Unreachable
from nomad_api.models import Job, Task, TaskGroup
from nomad_api.models.job import Periodic, RestartPolicy
from operator_kit import Context, PermanentError, TemporaryError
from operator_kit.informers.jobs import JobInformer
from operator_kit.one_off import LINES, MOST_RUNS, run_once
from operator_kit.ownership import OWNER, OWNER_UID
from operator_kit.status_parts import OneOffRun
from operator_kit.testing import MemoryNomad, virtual_time
from operator_kit.testing.harness import loop_time
from tests.operator_kit.conftest import Widget


def migration(command: str = "migrate", count: int = 1) -> Job:
    task = Task(name="main", driver="mock_driver", config={"command": command}, restart_policy=RestartPolicy(attempts=9))
    return Job(task_groups=[TaskGroup(name="g", count=count, tasks=[task])])


class Operator:
    """Reconciles one widget; what it keeps between two reconciles is what was saved."""

    def __init__(self) -> None:
        self.nomad = MemoryNomad()
        self.jobs = JobInformer(self.nomad, Random(1))
        self.saved = Widget.Status()
        self.widget = self.fresh()
        self.streaming = True
        self.recheck: float | None = None

    def fresh(self) -> Widget:
        return Widget("one", Widget.Spec(), uid=7, generation=9, status=self.saved.model_copy(deep=True))

    async def save(self) -> None:
        self.saved = self.widget.status.model_copy(deep=True)

    async def run(self, job: Job | None = None, key: str = "migrate", **options: Any) -> OneOffRun:
        self.widget = self.fresh()
        ctx = Context(self.widget, self.nomad, self.jobs, now=loop_time, save=self.save, streaming=self.streaming)
        run = await run_once(ctx, job or migration(), key, **options)
        await self.save()
        self.recheck = ctx.recheck
        return run

    def row(self, job_id: str) -> dict[str, Any]:
        return next(row for row in self.nomad.cluster.jobs.values() if row["ID"] == job_id)

    def end(self, job_id: str, *events: dict[str, Any], status: str = "complete", log: str = "") -> None:
        """Let the allocations of a job come to their end."""
        state = {"State": "dead", "Failed": status == "failed", "Events": list(events)}
        for row in self.nomad.cluster.allocations.values():
            if row["JobID"] == job_id:
                row |= {"ClientStatus": status, "TaskStates": {"main": state}}
                self.nomad.cluster.logs[row["ID"]] = log.encode()
        self.row(job_id)["Status"] = "dead"

    @property
    def registrations(self) -> int:
        return self.nomad.cluster.requests.count(("PUT", "/v1/jobs"))


EXITED = {"Type": "Terminated", "ExitCode": 3, "DisplayMessage": "Exit Code: 3"}


@virtual_time
async def test_it_runs_and_succeeds_and_is_not_run_again() -> None:
    operator = Operator()
    run = await operator.run()
    assert run.state == "Running"
    assert run.job_id.startswith("widget-one-migrate-")
    assert (await operator.run()).state == "Running"
    operator.end(run.job_id, log="applied 3 migrations\ndone\n")
    for _ in range(3):
        run = await operator.run()
        assert (run.state, run.exit_code, run.log) == ("Succeeded", 0, ["applied 3 migrations", "done"])
    assert operator.registrations == 1


@virtual_time
async def test_the_job_belongs_to_the_resource_and_is_not_repeated_by_nomad() -> None:
    operator = Operator()
    run = await operator.run()
    job = operator.nomad.job(run.job_id)
    assert job is not None
    assert (job.type, (job.meta or {})[OWNER]) == ("batch", "resources/test/widget/one")
    (group,) = job.task_groups or ()
    assert group.restart_policy
    assert (group.restart_policy.attempts, group.restart_policy.mode) == (0, "fail")
    assert group.reschedule_policy
    assert (group.reschedule_policy.attempts, group.reschedule_policy.unlimited) == (0, False)
    assert (group.tasks or [])[0].restart_policy is None


@virtual_time
async def test_retries_are_nomads_restarts() -> None:
    operator = Operator()
    run = await operator.run(retries=4)
    job = operator.nomad.job(run.job_id)
    assert job is not None
    restart = (job.task_groups or [])[0].restart_policy
    assert restart is not None
    assert restart.attempts == 4


@virtual_time
async def test_a_failure_is_told_with_exit_code_and_log_and_is_final() -> None:
    operator = Operator()
    run = await operator.run()
    operator.end(run.job_id, EXITED, status="failed", log="\n".join(f"line {number}" for number in range(50)) + "x" * 999)
    for _ in range(3):
        run = await operator.run()
        assert (run.state, run.exit_code, run.message) == ("Failed", 3, "task main: Exit Code: 3")
    assert len(run.log) == LINES
    assert len(run.log[-1]) <= 200
    assert operator.registrations == 1
    reasons = [event.reason for event in operator.saved.events]
    assert reasons.count("RunFailed") == 1


@virtual_time
async def test_a_failed_allocation_that_nomad_may_still_replace_is_no_end() -> None:
    operator = Operator()
    run = await operator.run()
    operator.end(run.job_id, EXITED, status="failed")
    operator.row(run.job_id)["Status"] = "pending"
    assert (await operator.run()).state == "Running"


@virtual_time
async def test_without_any_failed_task_the_allocation_says_why() -> None:
    operator = Operator()
    run = await operator.run()
    operator.end(run.job_id, status="lost")
    run = await operator.run()
    assert (run.state, run.exit_code) == ("Failed", None)
    assert "an allocation is lost" in run.message


@virtual_time
async def test_all_instances_must_succeed() -> None:
    operator = Operator()
    run = await operator.run(migration(count=2))
    first, _ = operator.nomad.cluster.allocations.values()
    first["ClientStatus"] = "complete"
    assert (await operator.run(migration(count=2))).state == "Running"
    operator.end(run.job_id)
    assert (await operator.run(migration(count=2))).state == "Succeeded"


@virtual_time
async def test_another_job_or_key_is_another_run() -> None:
    operator = Operator()
    one = await operator.run()
    operator.end(one.job_id)
    await operator.run()
    two = await operator.run(migration("migrate --more"))
    three = await operator.run(key="backup")
    assert len({one.job_id, two.job_id, three.job_id}) == 3
    assert operator.registrations == 3
    assert (await operator.run()).state == "Succeeded", "the earlier one stays done"


@virtual_time
async def test_two_runs_of_a_key_never_overlap() -> None:
    operator = Operator()
    one = await operator.run()
    two = await operator.run(migration("other"))
    assert (two.state, two.message) == ("Running", f"waits for the end of {one.job_id}")
    assert operator.registrations == 1
    operator.end(one.job_id)
    assert (await operator.run(migration("other"))).message == ""
    assert operator.registrations == 2


@virtual_time
async def test_a_purge_keeps_what_is_known() -> None:
    operator = Operator()
    run = await operator.run(purge=True)
    operator.end(run.job_id, log="done")
    assert (await operator.run(purge=True)).state == "Succeeded"
    assert operator.nomad.job(run.job_id) is None
    assert (await operator.run(purge=True)).log == ["done"]
    assert operator.registrations == 1


@virtual_time
async def test_a_job_that_nomad_has_collected_is_not_run_again() -> None:
    operator = Operator()
    run = await operator.run()
    await operator.nomad.jobs.deregister(run.job_id, purge=True)
    run = await operator.run()
    assert (run.state, run.message) == ("Failed", "the job has been removed, and nobody saw its end")
    assert (await operator.run()).state == "Failed"
    assert operator.registrations == 1


@virtual_time
async def test_a_job_that_somebody_stopped_has_failed() -> None:
    operator = Operator()
    run = await operator.run()
    await operator.nomad.jobs.deregister(run.job_id)
    assert (await operator.run()).message == "the job was stopped before its end"


@virtual_time
async def test_a_kill_right_after_the_registration_begins_nothing_twice() -> None:
    operator = Operator()
    await operator.run()
    operator.saved = Widget.Status()
    run = await operator.run()
    assert run.state == "Running"
    assert operator.registrations == 1


@virtual_time
async def test_a_job_of_another_resource_is_left_alone() -> None:
    operator = Operator()
    run = await operator.run()
    operator.saved = Widget.Status()
    meta = {OWNER: "resources/other/thing/x", OWNER_UID: "3"}
    operator.row(run.job_id)["Meta"] = meta
    with pytest.raises(TemporaryError, match="belongs to resources/other/thing/x"):
        await operator.run()


@virtual_time
async def test_without_events_it_asks_to_be_looked_at_again() -> None:
    operator = Operator()
    operator.streaming = False
    run = await operator.run()
    assert operator.recheck is not None
    operator.end(run.job_id)
    await operator.run()
    assert operator.recheck is None


@virtual_time
async def test_a_log_that_cannot_be_read_does_not_hide_the_end() -> None:
    operator = Operator()
    run = await operator.run()
    operator.end(run.job_id)

    def gone(method: str, path: str) -> None:
        if "/fs/logs/" in path:
            raise Unreachable("the node is gone")

    operator.nomad.cluster.fault = gone
    run = await operator.run()
    assert run.state == "Succeeded"
    assert "the node is gone" in run.log[0]


@virtual_time
async def test_only_the_last_runs_are_remembered() -> None:
    operator = Operator()
    for number in range(MOST_RUNS + 3):
        run = await operator.run(key=f"step-{number}")
        operator.end(run.job_id)
        await operator.run(key=f"step-{number}")
    assert len(operator.saved.runs) == MOST_RUNS
    assert run.job_id in operator.saved.runs


@pytest.mark.parametrize("job", [migration().evolve(type="service"), migration().evolve(periodic=Periodic(spec="* * * * *"))])
@virtual_time
async def test_only_plain_batch_jobs_run_once(job: Job) -> None:
    with pytest.raises(PermanentError, match="batch job"):
        await Operator().run(job)


@virtual_time
async def test_a_key_that_cannot_be_part_of_an_id_is_refused() -> None:
    with pytest.raises(ValueError, match='"My Key"'):
        await Operator().run(key="My Key")
