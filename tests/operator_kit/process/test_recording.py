"""Reads pass, writes are noted down and answered as if they had been done."""

import copy
from collections.abc import AsyncIterator

import pytest

from nomad_api.client import Nomad
from nomad_api.errors import Conflict, NotFound, Unreachable
from nomad_api.models import ACLPolicy, CSIVolume, HostVolume, Job, Namespace, NodePool, Task, TaskGroup
from operator_kit.process.recording import RecordingTransport
from operator_kit.testing import MemoryNomad, virtual_time

JOB = Job(id="web", type="service", task_groups=[TaskGroup(name="g", count=1, tasks=[Task(name="t", driver="mock_driver")])])


def recording(nomad: Nomad) -> tuple[Nomad, RecordingTransport]:
    """The client with a recorder in between."""
    transport = RecordingTransport(nomad.transport)
    client = copy.copy(nomad)
    client.transport = transport
    return client, transport


def touched(nomad: MemoryNomad) -> list[tuple[str, str]]:
    """The requests that could have changed something."""
    return [(method, path) for method, path in nomad.cluster.requests if method != "GET" and not path.endswith("/plan")]


@virtual_time
async def test_a_variable_is_read_back_and_nothing_has_happened(nomad: MemoryNomad) -> None:
    client, transport = recording(nomad)
    written = await client.variables.put("a/b", {"k": "v"}, cas=0)
    assert (await client.variables.get("a/b")).items == {"k": "v"}
    assert [stub.path for stub in await client.variables.list("a/")] == ["a/b"]
    assert await client.variables.list("z/") == []
    again = await client.variables.put("a/b", {"k": "w"}, cas=written.modify_index)
    assert again.modify_index > written.modify_index
    assert again.create_index == written.create_index
    await client.variables.delete("a/b", cas=again.modify_index)
    with pytest.raises(NotFound):
        await client.variables.get("a/b")
    assert await client.variables.list() == []
    assert [(write.method, write.path) for write in transport.writes] == [
        ("PUT", "var/a/b"),
        ("PUT", "var/a/b"),
        ("DELETE", "var/a/b"),
    ]
    assert touched(nomad) == []


@virtual_time
async def test_check_and_set_holds_against_what_is_there_and_what_was_written(nomad: MemoryNomad) -> None:
    real = await nomad.variables.put("a/b", {"k": "v"})
    client, transport = recording(nomad)
    with pytest.raises(Conflict) as refusal:
        await client.variables.put("a/b", {"k": "w"}, cas=0)
    assert refusal.value.current is not None
    assert refusal.value.current.modify_index == real.modify_index
    await client.variables.put("a/b", {"k": "w"}, cas=real.modify_index)
    with pytest.raises(Conflict):
        await client.variables.delete("a/b", cas=real.modify_index)
    assert len(transport.writes) == 1
    assert transport.writes[0].before is not None
    assert transport.writes[0].before["Items"] == {"k": "v"}
    assert nomad.items("a/b") == {"k": "v"}


@virtual_time
async def test_a_job_is_planned_in_truth_and_registered_in_appearance(nomad: MemoryNomad) -> None:
    client, transport = recording(nomad)
    plan = await client.jobs.plan(JOB)
    registered = await client.jobs.register(JOB, check_index=plan.job_modify_index)
    job = await client.jobs.get("web")
    assert (job.job_modify_index, job.version) == (registered.job_modify_index, 0)
    assert not job.stop
    assert await client.jobs.allocations("web") == []
    assert await client.jobs.latest_deployment("web") is None
    (write,) = transport.writes
    assert write.diff is not None
    assert write.diff["Type"] == "Added"
    assert nomad.job("web") is None


@virtual_time
async def test_a_job_is_stopped_and_purged_in_appearance(nomad: MemoryNomad) -> None:
    await nomad.jobs.register(JOB)
    client, _ = recording(nomad)
    await client.jobs.deregister("web")
    assert (await client.jobs.get("web")).stop
    await client.jobs.deregister("web", purge=True)
    with pytest.raises(NotFound):
        await client.jobs.get("web")
    job = nomad.job("web")
    assert job is not None
    assert not job.stop


@virtual_time
async def test_all_other_objects_are_read_back_too(nomad: MemoryNomad) -> None:
    client, transport = recording(nomad)
    await client.namespaces.apply(Namespace(name="team", description="x"))
    await client.node_pools.apply(NodePool(name="gpu", description="x"))
    await client.acl.upsert_policy(ACLPolicy(name="reader", description="x"))
    await client.csi_volumes.register(CSIVolume(id="db", name="x"))
    made = await client.host_volumes.create(HostVolume(name="data"))
    assert (await client.namespaces.get("team")).description == "x"
    assert (await client.scoped(namespace="team").namespaces.get("team")).description == "x"
    assert (await client.node_pools.get("gpu")).description == "x"
    assert (await client.acl.policy("reader")).description == "x"
    assert (await client.csi_volumes.get("db")).name == "x"
    assert (await client.host_volumes.get(made.id)).name == "data"
    for removal in (
        client.namespaces.delete("team"),
        client.node_pools.delete("gpu"),
        client.acl.delete_policy("reader"),
        client.csi_volumes.delete("db"),
        client.host_volumes.delete(made.id),
    ):
        await removal
    for read in (client.namespaces.get("team"), client.csi_volumes.get("db"), client.host_volumes.get(made.id)):
        with pytest.raises(NotFound):
            await read
    assert len(transport.writes) == 10
    assert touched(nomad) == []


@virtual_time
async def test_the_same_path_in_another_namespace_is_another_variable(nomad: MemoryNomad) -> None:
    client, _ = recording(nomad)
    await client.variables.put("a", {"k": "v"})
    with pytest.raises(NotFound):
        await client.scoped(namespace="other").variables.get("a")


@virtual_time
async def test_other_actions_are_noted_down_and_answered(nomad: MemoryNomad) -> None:
    await nomad.jobs.register(JOB)
    client, transport = recording(nomad)
    await client.jobs.scale("web", "g", 3)
    await client.jobs.evaluate("web")
    assert [write.path for write in transport.writes] == ["job/web/scale", "job/web/evaluate"]
    assert [write.place for write in transport.writes] == ["", ""]


@virtual_time
async def test_streams_pass(nomad: MemoryNomad) -> None:
    client, _ = recording(nomad)
    events = client.events({"Variable": ["*"]})
    assert isinstance(events, AsyncIterator)
    await anext(events)


@virtual_time
async def test_commands_in_tasks_are_not_executed(nomad: MemoryNomad) -> None:
    _, transport = recording(nomad)
    with pytest.raises(Unreachable, match="executes no commands"):
        async with transport.websocket("/v1/client/allocation/x/exec", params={"command": '["rm"]'}):
            raise AssertionError
    assert transport.writes[0].method == "EXEC"
