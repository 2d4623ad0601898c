"""The in-memory Nomad of `operator_kit.testing` answers as the agent does: the same requests are made of both."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from nomad_api.client import Connected, Nomad
from nomad_api.errors import APIError
from operator_kit.testing import Cluster, MemoryNomad
from tests.contract.conformance import Side, missing
from tests.contract.conftest import SETTLE_TIMEOUT, Agent, Wire

pytestmark = pytest.mark.usefixtures("unique")

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Step:
    """A request; `NAME` in its path and body stands for a name that nothing else has.

    Attributes:
        keep: of an object, or of every object of a list, only these keys are compared; None for all.
        until: the first object must have these values before the answer counts; for what happens after a while.
    """

    method: str
    path: str
    body: Any = None
    params: dict[str, str] = field(default_factory=dict)
    keep: str | None = None
    until: dict[str, Any] = field(default_factory=dict)

    def for_name(self, name: str) -> "Step":
        def named(value: Any) -> Any:
            return json.loads(json.dumps(value).replace("NAME", name))

        return Step(self.method, self.path.replace("NAME", name), named(self.body), named(self.params), self.keep, self.until)


def get(path: str, keep: str | None = None, **params: str) -> Step:
    return Step("GET", path, params=params, keep=keep)


def put(path: str, body: Any = None, keep: str | None = None, **params: str) -> Step:
    return Step("PUT", path, body, {name.replace("_", "-"): text for name, text in params.items()}, keep)


def delete(path: str, **params: str) -> Step:
    return Step("DELETE", path, params=params)


def wait(path: str, keep: str, **until: Any) -> Step:
    return Step("GET", path, keep=keep, until=until)


def job(**fields: Any) -> dict[str, Any]:
    task = {
        "Name": "t",
        "Driver": "raw_exec",
        "Config": {"command": "/bin/sleep", "args": ["3600"]},
        "Env": {"K": fields.pop("Env", "v")},
        "Resources": {"CPU": 20, "MemoryMB": 32},
        "KillTimeout": 1_000_000_000,
    }
    group = {"Name": "g", "Count": 1, "Tasks": [task], **fields.pop("Group", {})}
    update = {"MinHealthyTime": 10_000_000, "HealthCheck": "task_states"}
    base = {"ID": "NAME", "Name": "NAME", "Type": "service", "Datacenters": ["*"], "TaskGroups": [group]}
    return {**base, **({"Update": update} if fields.get("Type", "service") == "service" else {}), **fields}


ITEMS = {"Items": {"k": "v"}}
REGISTRATION = "EvalID JobModifyIndex Index Warnings"
NOWHERE = "00000000-0000-0000-0000-0000000000ff"

VARIABLES = [
    get("var/NAME"),
    put("var/NAME", ITEMS, cas="0"),
    put("var/NAME", ITEMS, cas="0"),
    put("var/NAME", ITEMS, cas="1"),
    put("var/NAME/other", ITEMS, cas="1"),
    put("var/NAME", ITEMS),
    put("var/NAME", {}),
    put("var/NAME", {"Items": {"k": "x" * 65_535}}),
    put("var/NAME", {"Items": {"k": "x" * 65_536}}),
    put("var/NAME.dot", ITEMS),
    put("var/nomad/NAME", ITEMS),
    put("var/NAME/below", ITEMS),
    get("vars", prefix="NAME"),
    get("vars", prefix="NAME/"),
    get("vars", prefix="NAME-nothing"),
    delete("var/NAME", cas="1"),
    delete("var/NAME"),
    delete("var/NAME"),
    get("var/NAME"),
    Step("PATCH", "var/NAME"),
]

LOCK = {"Lock": {"TTL": "15s", "LockDelay": "15s"}}
LOCKS = [
    put("var/NAME", {**LOCK, "Lock": {"ID": NOWHERE}}, lock_renew=""),
    put("var/NAME", {"Lock": {"ID": NOWHERE}}, lock_release=""),
    put("var/NAME", {**LOCK, **ITEMS}, lock_acquire="", lock_release=""),
    put("var/NAME", {**LOCK, **ITEMS}, lock_acquire="", cas="0"),
    put("var/NAME", {**LOCK, **ITEMS}, lock_acquire=""),
    put("var/NAME", {**LOCK, **ITEMS}, lock_acquire=""),
    get("var/NAME"),
    put("var/NAME", ITEMS),
    put("var/NAME", ITEMS, cas="1"),
    put("var/NAME", {**ITEMS, "Lock": {"ID": NOWHERE}}),
    delete("var/NAME"),
    put("var/NAME", {"Lock": {"ID": NOWHERE}}, lock_renew=""),
    put("var/NAME", {"Lock": {"ID": NOWHERE}}, lock_release=""),
    put("var/NAME", {}, lock_renew=""),
    put("var/NAME", {}, lock_release=""),
    put("var/NAME", {"Lock": {"ID": "{lock}"}}, lock_renew=""),
    put("var/NAME", {**ITEMS, "Lock": {"ID": "{lock}"}}),
    put("var/NAME", {"Lock": {"ID": "{lock}"}}, lock_release=""),
    put("var/NAME", {"Lock": {"ID": "{lock}"}}, lock_release=""),
    put("var/NAME", {"Lock": {"ID": "{lock}"}}, lock_renew=""),
    get("var/NAME"),
    delete("var/NAME"),
]

JOBS = [
    get("job/NAME"),
    get("job/NAME/allocations"),
    get("job/NAME/deployment"),
    delete("job/NAME"),
    put("job/NAME/plan", {"Job": job(), "Diff": True}, "JobModifyIndex"),
    put("jobs", {"Job": job(), "EnforceIndex": True, "JobModifyIndex": 999_999}),
    put("jobs", {"Job": {**job(), "TaskGroups": []}}),
    put("jobs", {"Job": {**job(), "Namespace": "NAME-none"}}),
    put("jobs", {"Job": job(), "EnforceIndex": True, "JobModifyIndex": 0}, REGISTRATION),
    wait("job/NAME/allocations", "Name JobID TaskGroup DesiredStatus ClientStatus JobVersion", ClientStatus="running"),
    put("jobs", {"Job": job(), "EnforceIndex": True, "JobModifyIndex": 0}),
    put("jobs", {"Job": job(), "EnforceIndex": True, "JobModifyIndex": 1}),
    put("jobs", {"Job": job()}, "Warnings"),
    get("job/NAME", "ID Name Namespace Type Version Stop NodePool Priority Region"),
    wait("job/NAME/deployment", "JobID JobVersion Status StatusDescription", Status="successful"),
    put("job/NAME/plan", {"Job": job(Env="w"), "Diff": True}, "Warnings"),
    put("jobs", {"Job": job(Env="w")}, REGISTRATION),
    get("job/NAME", "Version Stop"),
    get("jobs", "ID Name Type Stop Priority ParameterizedJob Periodic", prefix="NAME"),
    get("jobs", prefix="NAME-nothing"),
    put("job/NAME/revert", {"JobID": "NAME", "JobVersion": 7}),
    put("job/NAME/revert", {"JobID": "NAME", "JobVersion": 1}),
    put("job/NAME/revert", {"JobID": "NAME", "JobVersion": 0}, REGISTRATION),
    get("job/NAME", "Version Stop"),
    delete("job/NAME"),
    get("job/NAME", "Version Stop Status"),
    put("jobs", {"Job": job()}, REGISTRATION),
    get("job/NAME", "Version Stop"),
    delete("job/NAME", purge="true"),
    get("job/NAME"),
    get("job/NAME/allocations"),
    get("job/NAME/versions"),
    put("job/NAME/evaluate", {"JobID": "NAME"}),
    Step("PATCH", "job/NAME"),
]

BATCH = {"Type": "batch", "Group": {"Count": 1}}
LAUNCHES = [
    put("job/NAME/dispatch", {}),
    put("job/NAME/periodic/force"),
    put("jobs", {"Job": job(**BATCH, ParameterizedJob={"Payload": "required", "MetaRequired": ["a"]})}, REGISTRATION),
    put("job/NAME/dispatch", {"Meta": {"a": "1"}}),
    put("job/NAME/dispatch", {"Payload": "aGk="}),
    put("job/NAME/dispatch", {"Payload": "aGk=", "Meta": {"a": "1", "z": "1"}}),
    put("job/NAME/dispatch", {"Payload": "***", "Meta": {"a": "1"}}),
    put("job/NAME/dispatch", {"Payload": "aGk=", "Meta": {"a": "1"}}),
    put("job/NAME/periodic/force"),
    delete("job/NAME"),
    put("job/NAME/dispatch", {"Payload": "aGk=", "Meta": {"a": "1"}}),
    delete("job/NAME", purge="true"),
]

SCALING = [
    put("job/NAME/scale", {"Count": 3, "Target": {"Group": "g"}}),
    put("jobs", {"Job": job(Group={"Scaling": {"Min": 1, "Max": 4, "Enabled": False}})}, REGISTRATION),
    wait("job/NAME/deployment", "Status", Status="successful"),
    put("job/NAME/scale", {"Count": 0, "Target": {"Group": "g"}}),
    put("job/NAME/scale", {"Count": 5, "Target": {"Group": "g"}}),
    put("job/NAME/scale", {"Count": -1, "Target": {"Group": "g"}}),
    put("job/NAME/scale", {"Count": 3, "Target": {"Group": "x"}}),
    put("job/NAME/scale", {"Count": 3}),
    put("job/NAME/scale", {"Count": 2, "Target": {"Group": "g"}, "JobModifyIndex": 1}),
    put("job/NAME/scale", {"Count": 2, "Target": {"Group": "g"}}, "EvalID JobModifyIndex Index"),
    get("job/NAME", "Version Stop"),
    delete("job/NAME", purge="true"),
]

DEPLOYMENTS = [
    get(f"deployment/{NOWHERE}"),
    get(f"allocation/{NOWHERE}"),
    get(f"evaluation/{NOWHERE}"),
    get(f"node/{NOWHERE}"),
    put(f"deployment/fail/{NOWHERE}"),
    put("jobs", {"Job": {**job(), "Update": {"MinHealthyTime": 60_000_000_000}}}, REGISTRATION),
    wait("job/NAME/deployment", "Status JobVersion", Status="running"),
    put("deployment/fail/{deployment}", keep="DeploymentModifyIndex Index"),
    put("deployment/fail/{deployment}"),
    get("deployment/{deployment}", "ID Status JobID"),
    delete("job/NAME", purge="true"),
]

NAMESPACES = [
    get("namespace/NAME"),
    delete("namespace/NAME"),
    put("namespace", {"Name": "NAME", "Description": "d", "Meta": {"a": "b"}}),
    get("namespace/NAME"),
    put("namespace/NAME", {"Name": "NAME-other"}),
    put("namespace", {"Name": "a b"}),
    put("namespace", {"Name": "NAME", "Description": "changed"}),
    get("namespaces", prefix="NAME"),
    put("var/NAME", ITEMS, namespace="NAME"),
    delete("namespace/NAME"),
    delete("var/NAME", namespace="NAME"),
    delete("namespace/NAME"),
    delete("namespace/default"),
]

POLICIES = [
    get("acl/policy/NAME"),
    put("acl/policy/NAME", {"Name": "NAME", "Rules": 'namespace "default" { policy = "read" }'}),
    get("acl/policy/NAME"),
    put("acl/policy/NAME", {"Name": "other", "Rules": 'namespace "default" { policy = "read" }'}),
    delete("acl/policy/NAME"),
    delete("acl/policy/NAME"),
    get("nonsense"),
]

POOLS = [
    get("node/pool/NAME"),
    delete("node/pool/NAME"),
    put("node/pools", {"Name": "NAME", "Description": "d"}),
    get("node/pool/NAME"),
    put("node/pools", {"Name": "a b"}),
    put("node/pools", {"Name": "default"}),
    put("node/pool/NAME", {"Name": "NAME-other"}),
    get("node/pools", prefix="NAME"),
    delete("node/pool/NAME"),
    delete("node/pool/all"),
]

VOLUMES = [
    get("volumes"),
    get("volumes", type="nonsense"),
    put("volume/host/create", {"Volume": {"PluginID": "mkdir"}}),
    get(f"volume/host/{NOWHERE}"),
]

SCRIPTS = {
    "variables": VARIABLES,
    "locks": LOCKS,
    "jobs": JOBS,
    "deployments": DEPLOYMENTS,
    "namespaces": NAMESPACES,
    "policies": POLICIES,
}

ROUTES_OF_A_WHOLE_NOMAD = {
    "launches": (put(f"job/{NOWHERE}/dispatch", {"Meta": {}}), LAUNCHES),
    "scaling": (put(f"job/{NOWHERE}/scale", {"Count": 1, "Target": {"Group": "g"}}), SCALING),
    "pools": (put("node/pools", {"Name": "default"}), POOLS),
    "volumes": (put("volume/host/create", {}), VOLUMES),
}
"""Scripts of routes that an agent may lack, each with a request that shows whether it does: both must refuse it alike."""


class Player:
    """Plays a script on one side, and remembers what later steps of it need."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    async def send(self, step: Step) -> Answer:
        raise NotImplementedError

    async def play(self, step: Step) -> Answer:
        for name, text in self.known.items():
            step = Step(
                step.method,
                step.path.replace(f"{{{name}}}", text),
                json.loads(json.dumps(step.body).replace(f"{{{name}}}", text)),
                step.params,
                step.keep,
                step.until,
            )
        deadline = time.monotonic() + SETTLE_TIMEOUT
        while True:
            status, value = await self.send(step)
            first = value[0] if isinstance(value, list) and value else value
            if not step.until or (isinstance(first, dict) and step.until.items() <= first.items()):
                break
            assert time.monotonic() < deadline, f"{step.path} is {value}"
            await asyncio.sleep(0.1)
        if isinstance(first, dict):
            self.known |= {"lock": first["Lock"]["ID"]} if first.get("Lock") else {}
            self.known |= {"deployment": first["ID"]} if step.path.endswith("/deployment") else {}
        return (200, "") if status == 204 else (status, _kept(value, step.keep))


class MemoryPlayer(Player):
    def __init__(self) -> None:
        super().__init__()
        self.nomad = MemoryNomad(cluster=Cluster(healthy_after=0.3))

    async def send(self, step: Step) -> Answer:
        try:
            answer = await self.nomad.transport.request(step.method, f"/v1/{step.path}", params=step.params, body=step.body)
        except APIError as error:
            return error.status, _read(error.message)
        return answer.status, _read(answer.body.decode())


class AgentPlayer(Player):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire

    async def send(self, step: Step) -> Answer:
        reply = await self.wire(step.method, f"/v1/{step.path}", params=step.params, body=step.body)
        return reply.status, _read(reply.text)


def _read(text: str) -> Any:
    return json.loads(text) if text.startswith(("{", "[", "null")) else text.strip()


def _kept(value: Any, keep: str | None) -> Any:
    if keep is None:
        return value
    if isinstance(value, list):
        return [_kept(inner, keep) for inner in value]
    return {key: value[key] for key in keep.split() if key in value} if isinstance(value, dict) else value


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_the_same_requests_have_the_same_answers(script: Sequence[Step], unique: str, acl_wire: Wire) -> None:
    await compare(script, MemoryPlayer(), AgentPlayer(acl_wire), unique)


@pytest.mark.parametrize(("probe", "script"), ROUTES_OF_A_WHOLE_NOMAD.values(), ids=ROUTES_OF_A_WHOLE_NOMAD.keys())
async def test_so_have_those_of_a_whole_nomad(probe: Step, script: Sequence[Step], unique: str, acl_wire: Wire) -> None:
    fake, real = MemoryPlayer(), AgentPlayer(acl_wire)
    if (await fake.play(probe))[0] != (await real.play(probe))[0]:
        pytest.skip(f"the agent does not know {probe.method} {probe.path}")
    await compare(script, fake, real, unique)


async def compare(script: Sequence[Step], fake: Player, real: Player, name: str) -> None:
    """Play the script on both sides, and fail with all differences."""
    ours, theirs, problems = Side(), Side(), []
    for number, step in enumerate(script, 1):
        step = step.for_name(name)
        (status, value), (expected, wanted) = await fake.play(step), await real.play(step)
        value, wanted = ours.plain(value), theirs.plain(wanted)
        found = [] if status == expected else [f"status is {status} here and {expected} there"]
        found += missing(value, wanted) if status == expected or isinstance(value, str) else []
        problems += [f"{number}. {step.method} {step.path} {step.params or ''}: {problem}" for problem in found]
    assert not problems, "\n".join(problems)


# What one request cannot show


@pytest.fixture(params=["memory", "agent"])
def either(request: pytest.FixtureRequest, acl_agent: Agent) -> Nomad:
    """A client of the one, then of the other."""
    return MemoryNomad() if request.param == "memory" else acl_agent.client()


async def test_a_blocking_query_is_woken_by_what_it_asks_for(either: Nomad, unique: str) -> None:
    async with either as nomad:
        await nomad.variables.put(f"{unique}/a/1", {"k": "v"})
        start = await nomad.read("vars", {"prefix": f"{unique}/a/"})
        query = asyncio.create_task(nomad.read("vars", {"prefix": f"{unique}/a/"}, start.index, 10.0))
        await asyncio.sleep(0.2)
        assert not query.done()
        written = await nomad.variables.put(f"{unique}/a/2", {"k": "v"})
        woken = await query
        assert [row["Path"] for row in woken.value] == [f"{unique}/a/1", f"{unique}/a/2"]
        assert woken.index >= written.modify_index
        began = time.monotonic()
        assert (await nomad.read("vars", {"prefix": f"{unique}/a/"}, start.index, 10.0)).index >= written.modify_index
        assert time.monotonic() - began < 5, "what is newer already is answered at once"
        late = await nomad.read("vars", {"prefix": f"{unique}/a/"}, woken.index, 0.3)
        assert late.value == woken.value


async def test_a_missing_object_can_be_waited_for(either: Nomad, unique: str) -> None:
    async with either as nomad:
        seen = []
        await nomad.variables.put(f"{unique}-other", {"k": "v"})

        async def follow() -> None:
            async for snapshot in nomad.variables.watch(unique):
                seen.append(snapshot.value.items if snapshot.value else None)
                if len(seen) == 3:
                    return

        task = asyncio.create_task(follow())
        await asyncio.sleep(0.3)
        await nomad.variables.put(unique, {"k": "v"})
        await asyncio.sleep(0.3)
        await nomad.variables.delete(unique)
        await asyncio.wait_for(task, 20)
        assert seen == [None, {"k": "v"}, None]


async def test_the_event_stream_tells_of_variables_and_jobs(either: Nomad, unique: str) -> None:
    async with either as nomad:
        seen: list[tuple[str, str, str, bool]] = []
        connected = asyncio.Event()

        async def listen() -> None:
            async for item in nomad.events({"Variable": [unique], "Job": [unique]}):
                if isinstance(item, Connected):
                    connected.set()
                    continue
                for event in item.events:
                    deleted = bool((event.payload or {}).get("Deleted"))
                    seen.append((event.topic, event.type, event.key, deleted))
                    if event.topic == "Job" and deleted:
                        return

        task = asyncio.create_task(listen())
        await asyncio.wait_for(connected.wait(), 10)
        await nomad.variables.put(unique, {"k": "v"})
        await nomad.variables.delete(unique)
        await nomad.jobs.register({**json.loads(json.dumps(job(Type="batch")).replace("NAME", unique))})
        await nomad.jobs.deregister(unique, purge=True)
        await asyncio.wait_for(task, 20)
        told = [(topic, type, deleted) for topic, type, _, deleted in seen]
        assert told[:2] == [("Variable", "VariableUpdated", False), ("Variable", "VariableUpdated", True)]
        assert told[2] == ("Job", "JobRegistered", False)
        assert told[-1] == ("Job", "JobDeregistered", True)
