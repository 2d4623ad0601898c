"""How an operator lives on Nomad: a system job's task with a workload identity, the task API socket, and a policy bound to it.

One job is run for all tests of this module; its task (`operator_task.py`) makes its requests once and reports the answers.
"""

import asyncio
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from nomad_api.client import Nomad
from nomad_api.models import ACLPolicy, Job, JobACL

RULES = """
namespace "default" {{
  capabilities = ["list-jobs", "read-job", "submit-job"]
  variables {{
    path "resources/{run}/*" {{ capabilities = ["list", "read"] }}
    path "status/{run}/*" {{ capabilities = ["write"] }}
    path "locks/{run}" {{ capabilities = ["write"] }}
  }}
}}
"""
GROUP, TASK = "group", "task"
WITHIN = 50.0


def operator_job(run: str) -> Job:
    script = Path(__file__).with_name("operator_task.py").read_text()
    task = {
        "Name": TASK,
        "Driver": "raw_exec",
        "Config": {"command": sys.executable, "args": ["-I", "local/operator.py", run]},
        "Templates": [{"DestPath": "local/operator.py", "EmbeddedTmpl": script}],
        "Identity": {"Env": True, "File": True},
        "RestartPolicy": {"Attempts": 0, "Mode": "fail", "Interval": 60_000_000_000, "Delay": 1_000_000_000},
        "Resources": {"CPU": 50, "MemoryMB": 128},
    }
    group = {"Name": GROUP, "Tasks": [task]}
    return Job.model_validate({"ID": run, "Name": run, "Type": "system", "Datacenters": ["*"], "TaskGroups": [group]})


async def appearance(nomad: Nomad, run: str, path: str) -> dict[str, str]:
    """The items of a variable, once it exists; fails early, with its output, if the task has failed meanwhile."""
    found = asyncio.create_task(_items(nomad, path))
    failed = asyncio.create_task(_failure(nomad, run))
    done, pending = await asyncio.wait((found, failed), timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
    for waiting in pending:
        waiting.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    assert done, f"nothing at {path} after {WITHIN:g} s"
    assert found in done, f"the task failed:\n{failed.result()}"
    return found.result()


async def _items(nomad: Nomad, path: str) -> dict[str, str]:
    async for snapshot in nomad.variables.watch(path):
        if snapshot.value:
            return dict(snapshot.value.items)
    raise AssertionError("the watch ended")


async def _failure(nomad: Nomad, run: str) -> str:
    async for snapshot in nomad.watch(f"job/{run}/allocations", list):
        for row in snapshot.value:
            state = (row["TaskStates"] or {}).get(TASK)
            if state and state["Failed"]:
                log = b"".join([chunk async for chunk in nomad.allocations.logs(row["ID"], TASK, stderr=True)])
                events = "\n".join(event["DisplayMessage"] for event in state["Events"])
                return f"{events}\n{log.decode()}"
    raise AssertionError("the watch ended")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def operator(acl_agent) -> dict[str, Any]:
    """What the task was answered, by the name of the request; `run` is what all its names begin with."""
    run = f"c{uuid.uuid4().hex[:10]}"
    async with acl_agent.client() as nomad:
        await nomad.acl.upsert_policy(
            ACLPolicy(
                name=run,
                rules=RULES.format(run=run),
                job_acl=JobACL(namespace="default", job_id=run, group=GROUP, task=TASK),
            )
        )
        for path in (f"resources/{run}/first", f"other/{run}", f"nomad/jobs/{run}", f"nomad/jobs/{run}/group/task/more"):
            await nomad.variables.put(path, {"mode": "daemonset"})
        try:
            await nomad.jobs.register(operator_job(run))
            await appearance(nomad, run, f"status/{run}/ready")
            await nomad.variables.put(f"resources/{run}/second", {"mode": "deployment"})
            report = json.loads((await appearance(nomad, run, f"status/{run}/report"))["notes"])
            after = {
                "resource": (await nomad.variables.get(f"resources/{run}/first")).items,
                "status": (await nomad.variables.get(f"status/{run}/first")).items,
                "child": (await nomad.jobs.get(f"{run}-child")).id,
            }
            return {"run": run, "after": after, **report}
        finally:
            await nomad.jobs.deregister(run, purge=True)
            await nomad.jobs.deregister(f"{run}-child", purge=True)
            for row in await nomad.variables.list():
                if run in row.path:
                    await nomad.variables.delete(row.path)
            await nomad.acl.delete_policy(run)


def test_resources_are_listed_and_read(operator):
    run = operator["run"]
    assert operator["list"]["status"] == 200
    assert [row["Path"] for row in operator["list"]["body"]] == [f"resources/{run}/first"]
    assert operator["read"]["body"]["Items"] == {"mode": "daemonset"}


def test_a_new_resource_ends_the_watch(operator):
    run = operator["run"]
    assert operator["watch"]["status"] == 200
    assert [row["Path"] for row in operator["watch"]["body"]] == [f"resources/{run}/first", f"resources/{run}/second"]


def test_a_new_resource_is_an_event(operator):
    event = operator["event"]["body"]
    assert (event["Topic"], event["Key"]) == ("Variable", f"resources/{operator['run']}/second")
    assert "Items" not in event["Payload"]["Metadata"]


def test_status_is_written(operator):
    assert operator["write status"]["status"] == operator["rewrite status"]["status"] == 200
    assert operator["after"]["status"] == {"ready": "true"}


def test_lock_is_taken_kept_and_given_back(operator):
    assert [operator[f"{verb} lock"]["status"] for verb in ("take", "renew", "release")] == [200, 200, 200]


def test_jobs_are_planned_registered_and_read(operator):
    assert [operator[f"{verb} job"]["status"] for verb in ("plan", "register", "read")] == [200, 200, 200]
    assert operator["plan job"]["body"]["Diff"]["Type"] == "Added"
    assert operator["after"]["child"] == f"{operator['run']}-child"


def test_variable_of_the_own_job_is_read_without_any_policy(operator):
    assert operator["own variable"]["body"]["Items"] == {"mode": "daemonset"}


@pytest.mark.parametrize(
    "request_name",
    [
        "write resource",
        "delete resource",
        "delete status",
        "read other",
        "below own variable",
        "other namespace",
        "jobs of other namespace",
        "nodes",
        "policies",
        "agent",
    ],
)
def test_what_the_policy_leaves_out_is_forbidden(operator, request_name):
    assert operator[request_name] == {"status": 403, "body": "Permission denied"}
    assert operator["after"]["resource"] == {"mode": "daemonset"}


def test_lists_leave_out_what_may_not_be_listed(operator):
    assert operator["list other"] == {"status": 200, "body": []}


def test_socket_wants_a_token(operator):
    assert operator["without token"] == {"status": 401, "body": "Unauthorized"}
    assert operator["unknown token"] == {"status": 403, "body": "Forbidden"}
