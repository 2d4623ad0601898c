import json
from typing import Any

from nomad_api.client import Nomad
from nomad_api.models import Job, JobSubmission


async def test_register_sends_what_is_asked_for(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/jobs", {"EvalID": "e", "JobModifyIndex": 4})
    submission = JobSubmission(source='job "x" {}', format="hcl2")
    answer = await nomad.jobs.register(
        Job(id="x", namespace="n"), check_index=0, submission=submission, preserve_counts=True, eval_priority=70
    )
    assert answer.eval_id == "e"
    body = json.loads(server.bodies[-1])
    assert body["Job"]["ID"] == "x"
    assert (body["EnforceIndex"], body["JobModifyIndex"]) == (True, 0)
    assert (body["PreserveCounts"], body["EvalPriority"]) == (True, 70)
    assert body["Submission"]["Source"] == 'job "x" {}'
    assert server.last.query["namespace"] == "n"


async def test_a_job_can_be_plain_json(server: Any, nomad: Nomad) -> None:
    server.answers("PUT", "/v1/job/a%2Fb/plan", {"JobModifyIndex": 3, "Diff": {"Type": "None"}})
    plan = await nomad.jobs.plan({"ID": "a/b"})
    assert plan.diff == {"Type": "None"}
    assert json.loads(server.bodies[-1]) == {"Job": {"ID": "a/b"}, "Diff": True}


async def test_flags_are_sent_only_when_set(server: Any, nomad: Nomad) -> None:
    server.answers("DELETE", "/v1/job/x", {"EvalID": "e"})
    await nomad.jobs.deregister("x", purge=True)
    assert dict(server.last.query) == {"purge": "true"}


async def test_no_deployment_is_none(server: Any, nomad: Nomad) -> None:
    server.answers("GET", "/v1/job/x/deployment", None)
    assert await nomad.jobs.latest_deployment("x") is None
