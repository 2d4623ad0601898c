"""`job run`, `job status`, the monitor."""

from pathlib import Path
from typing import Any

import pytest

HCL = """\
variable "who" { default = "me" }
job "web" {
  meta { owner = var.who }
  group "g" {
    task "t" {
      driver = "mock_driver"
    }
  }
}
"""

EVALUATION = {
    "ID": "e1e1e1e1-0000-0000-0000-000000000000",
    "JobID": "web",
    "Status": "complete",
    "CreateIndex": 5,
    "FailedTGAllocs": None,
}

FAILED = {
    "g": {
        "NodesEvaluated": 1,
        "NodesFiltered": 1,
        "ConstraintFiltered": {"${meta.rack} = r": 1},
        "CoalescedFailures": 2,
    }
}


@pytest.fixture
def job_file(tmp_path: Path) -> str:
    path = tmp_path / "web.nomad.hcl"
    path.write_text(HCL)
    return str(path)


def follow(agent: Any, evaluation: dict[str, Any], allocations: list[dict[str, Any]] | None = None) -> None:
    agent.on("PUT", "/v1/jobs", {"EvalID": evaluation["ID"], "Warnings": ""})
    agent.on("GET", f"/v1/evaluation/{evaluation['ID']}", evaluation)
    agent.on("GET", f"/v1/evaluation/{evaluation['ID']}/allocations", allocations or [])


def test_the_source_goes_with_the_job(run: Any, agent: Any, job_file: str) -> None:
    follow(agent, EVALUATION)
    result = run("job", "run", "-detach", "-check-index", "0", "-var", "who=you", job_file)
    assert result.out == f"Job registration successful\nEvaluation ID: {EVALUATION['ID']}\n"
    body = agent.requests[-1][2]
    assert body["Job"]["Meta"] == {"owner": "you"}
    assert (body["EnforceIndex"], body["JobModifyIndex"]) == (True, 0)
    assert body["Submission"] == {"Source": HCL, "Format": "hcl2", "VariableFlags": {"who": "you"}, "Variables": ""}


def test_an_evaluation_is_followed(run: Any, agent: Any, job_file: str) -> None:
    allocation = {"ID": "a1a1a1a1-0", "NodeID": "n1n1n1n1-0", "TaskGroup": "g", "DesiredStatus": "run", "CreateIndex": 6}
    follow(agent, EVALUATION, [allocation])
    result = run("job", "run", job_file)
    assert result.code == 0
    lines = [line.partition("Z: ")[2] for line in result.out.splitlines()]
    assert lines == [
        'Monitoring evaluation "e1e1e1e1"',
        'Evaluation triggered by job "web"',
        'Allocation "a1a1a1a1" created: node "n1n1n1n1", group "g"',
        'Evaluation status changed: "pending" -> "complete"',
        'Evaluation "e1e1e1e1" finished with status "complete"',
    ]


def test_what_cannot_be_placed_is_exit_code_2(run: Any, agent: Any, job_file: str) -> None:
    follow(agent, {**EVALUATION, "FailedTGAllocs": FAILED, "BlockedEval": "b1b1b1b1-0"})
    result = run("job", "run", job_file)
    assert result.code == 2
    assert 'Task Group "g" (failed to place 3 allocations):' in result.out
    assert '      * Constraint "${meta.rack} = r": 1 nodes excluded by filter' in result.out
    assert 'Evaluation "b1b1b1b1" waiting for additional capacity' in result.out


def test_a_deployment_that_fails_is_exit_code_1(run: Any, agent: Any, job_file: str) -> None:
    follow(agent, {**EVALUATION, "DeploymentID": "d1d1d1d1-0"})
    groups = {"g": {"DesiredTotal": 1, "PlacedAllocs": 1, "UnhealthyAllocs": 1}}
    agent.on("GET", "/v1/deployment/d1d1d1d1-0", {"ID": "d1d1d1d1-0", "JobID": "web", "Status": "failed", "TaskGroups": groups})
    result = run("job", "run", job_file)
    assert result.code == 1
    assert "Status      = failed" in result.out


def test_a_job_changed_by_another(run: Any, agent: Any, job_file: str) -> None:
    text = "Enforcing job modify index 3: job exists with conflicting job modify index: 9"
    agent.on("PUT", "/v1/jobs", text, status=500)
    result = run("job", "run", "-check-index", "3", job_file)
    assert (result.code, result.err) == (1, f"{text}\nJob not updated\n")


def test_a_mistake_in_the_file(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.nomad.hcl"
    path.write_text('job "x" {\n  colour = "red"\n}\n')
    result = run("job", "run", str(path))
    assert result.code == 1
    assert "bad.nomad.hcl:2,3-9: Unsupported argument" in result.err


def test_a_json_job_is_completed(run: Any, agent: Any, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text('{"Job": {"ID": "web", "Type": "batch"}}')
    agent.on("PUT", "/v1/validate/job", {"DriverConfigValidated": True})
    assert run("job", "validate", "-json", str(path)).out == "Job validation successful\n"
    sent = agent.requests[-1][2]["Job"]
    assert (sent["ID"], sent["Type"], sent["Datacenters"]) == ("web", "batch", None)


def test_validation_without_an_agent(run: Any, job_file: str) -> None:
    result = run("job", "validate", "-address", "http://127.0.0.1:1", job_file)
    assert result.code == 0
    assert "connection to Nomad agent couldn't be established" in result.out


def test_an_ambiguous_prefix_lists_the_jobs(run: Any, agent: Any) -> None:
    stubs = [{"ID": f"web-{name}", "Namespace": "default", "Type": "service", "Status": "running"} for name in "ab"]
    agent.on("GET", "/v1/jobs", stubs)
    result = run("job", "status", "web")
    assert result.code == 1
    assert result.err.startswith('Prefix "web" matched multiple jobs\n\nID')
    assert "web-b" in result.err


def test_a_job_without_children_or_deployment(run: Any, agent: Any) -> None:
    job = {"ID": "web", "Name": "web", "Namespace": "default", "Type": "batch", "Status": "dead", "Stop": True}
    agent.on("GET", "/v1/jobs", [{"ID": "web", "Namespace": "default"}])
    agent.on("GET", "/v1/job/web", job)
    agent.on("GET", "/v1/job/web/allocations", [])
    agent.on("GET", "/v1/job/web/evaluations", [])
    agent.on("GET", "/v1/job/web/deployment", None)
    agent.on("GET", "/v1/job/web/summary", {"JobID": "web", "Summary": {"g": {"Queued": 1}}})
    result = run("job", "status", "web")
    assert result.code == 0
    assert "Status        = dead (stopped)" in result.out
    assert result.out.endswith("\nAllocations\nNo allocations placed\n")


def test_stopping_a_prefix_is_asked_about(run: Any, agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    agent.on("GET", "/v1/jobs", [{"ID": "web", "Namespace": "default"}])
    agent.on("DELETE", "/v1/job/web", {"EvalID": "e"})
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("job", "stop", "-detach", "we").code == 0
    assert agent.requests[-1][0] == "GET"
    assert run("job", "stop", "-detach", "-yes", "we").out == "e\n"
    assert agent.requests[-1][0] == "DELETE"
