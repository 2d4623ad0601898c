"""The in-memory Nomad answers as a real one does, in what operators rely on."""

import asyncio

import pytest

from nomad_api.client import Connected
from nomad_api.errors import BadRequest, Conflict, NotFound, ServerError
from nomad_api.models import Job, Task, TaskGroup, Variable
from operator_kit.testing import Cluster, MemoryNomad, virtual_time


def web(count: int = 1, text: str = "") -> Job:
    task = Task(name="t", driver="mock_driver", env={"TEXT": text})
    return Job(id="web", type="service", task_groups=[TaskGroup(name="g", count=count, tasks=[task])])


@virtual_time
async def test_a_variable_keeps_its_create_index_and_every_write_moves_the_other() -> None:
    nomad = MemoryNomad()
    first = await nomad.variables.put("a/b", {"k": "1"})
    again = await nomad.variables.put("a/b", {"k": "1"})
    assert first.create_index == first.modify_index == again.create_index < again.modify_index
    assert (await nomad.variables.get("a/b")).items == {"k": "1"}
    await nomad.variables.delete("a/b")
    await nomad.variables.delete("a/b")
    with pytest.raises(NotFound):
        await nomad.variables.get("a/b")


@virtual_time
async def test_check_and_set_shows_what_is_there() -> None:
    nomad = MemoryNomad()
    written = await nomad.variables.put("a", {"k": "1"}, cas=0)
    for wrong in (0, written.modify_index + 1):
        with pytest.raises(Conflict) as caught:
            await nomad.variables.put("a", {"k": "2"}, cas=wrong)
        assert isinstance(caught.value.current, Variable)
        assert caught.value.current.modify_index == written.modify_index
        assert caught.value.current.items == {"k": "1"}
    with pytest.raises(Conflict):
        await nomad.variables.delete("a", cas=1)
    with pytest.raises(Conflict) as caught:
        await nomad.variables.put("missing", {"k": "1"}, cas=7)
    assert caught.value.current is not None
    assert caught.value.current.modify_index == 0


@virtual_time
async def test_a_variable_has_items_and_at_most_64_kib_of_them() -> None:
    nomad = MemoryNomad()
    with pytest.raises(BadRequest, match="missing required Items"):
        await nomad.variables.put("a", {})
    await nomad.variables.put("a", {"k": "x" * 65_535})
    with pytest.raises(BadRequest, match="64KiB"):
        await nomad.variables.put("a", {"k": "x" * 65_536})


@virtual_time
async def test_a_lock_keeps_others_out_until_it_is_released_or_expires() -> None:
    nomad = MemoryNomad()
    held = await nomad.variables.acquire_lock("lock", {"holder": "a"}, ttl="10s", lock_delay="5s")
    assert held.lock is not None
    for attempt in (
        nomad.variables.acquire_lock("lock", {}),
        nomad.variables.put("lock", {"k": "v"}),
        nomad.variables.delete("lock"),
    ):
        with pytest.raises(Conflict):
            await attempt
    await nomad.variables.put("lock", {"holder": "still a"}, lock_id=held.lock.id)
    await nomad.variables.renew_lock("lock", held.lock.id)
    await nomad.variables.release_lock("lock", held.lock.id)
    again = await nomad.variables.acquire_lock("lock", {"holder": "b"}, ttl="10s", lock_delay="5s")
    assert again.lock is not None
    await asyncio.sleep(19)
    await nomad.variables.renew_lock("lock", again.lock.id)
    await asyncio.sleep(21)
    for attempt in (nomad.variables.renew_lock("lock", again.lock.id), nomad.variables.acquire_lock("lock", {})):
        with pytest.raises(Conflict):
            await attempt
    await asyncio.sleep(5)
    await nomad.variables.acquire_lock("lock", {"holder": "c"})


@virtual_time
async def test_a_blocking_list_wakes_for_its_prefix_and_ends_with_its_wait() -> None:
    nomad = MemoryNomad()
    loop = asyncio.get_running_loop()
    await nomad.variables.put("a/1", {"k": "v"})
    start = await nomad.read("vars", {"prefix": "a/"})
    assert [row["Path"] for row in start.value] == ["a/1"]
    loop.call_later(1, lambda: asyncio.ensure_future(nomad.variables.put("b/1", {"k": "v"})))
    loop.call_later(3, lambda: asyncio.ensure_future(nomad.variables.put("a/2", {"k": "v"})))
    woken = await nomad.read("vars", {"prefix": "a/"}, start.index, 10)
    assert loop.time() == pytest.approx(3)
    assert len(woken.value) == 2
    assert (await nomad.read("vars", {"prefix": "a/"}, woken.index, 10)).index == woken.index
    assert loop.time() == pytest.approx(13)


@virtual_time
async def test_jobs_are_planned_registered_and_checked_by_index() -> None:
    nomad = MemoryNomad()
    plan = await nomad.jobs.plan(web())
    assert (plan.diff or {})["Type"] == "Added"
    assert plan.job_modify_index == 0
    made = await nomad.jobs.register(web(), check_index=0)
    assert ((await nomad.jobs.plan(web())).diff or {})["Type"] == "None"
    assert ((await nomad.jobs.plan(web(2))).diff or {})["Type"] == "Edited"
    with pytest.raises(ServerError, match="Enforcing job modify index 0: job already exists"):
        await nomad.jobs.register(web(2), check_index=0)
    assert (await nomad.jobs.register(web())).job_modify_index == made.job_modify_index
    assert (await nomad.jobs.get("web")).version == 0
    await nomad.jobs.register(web(2), check_index=made.job_modify_index)
    assert (await nomad.jobs.get("web")).version == 1
    with pytest.raises(NotFound):
        await nomad.jobs.get("other")


@virtual_time
async def test_a_registered_job_runs_and_gets_healthy() -> None:
    nomad = MemoryNomad(cluster=Cluster(healthy_after=10))
    await nomad.jobs.register(web(2))
    deployment = await nomad.jobs.latest_deployment("web")
    assert deployment is not None
    assert deployment.active
    assert [allocation.healthy for allocation in await nomad.jobs.allocations("web")] == [None, None]
    await asyncio.sleep(11)
    deployment = await nomad.jobs.latest_deployment("web")
    assert deployment is not None
    assert deployment.status == "successful"
    assert [allocation.healthy for allocation in await nomad.jobs.allocations("web")] == [True, True]
    await nomad.jobs.deregister("web")
    assert {allocation.desired_status for allocation in await nomad.jobs.allocations("web")} == {"stop"}
    assert (await nomad.jobs.get("web")).stop
    await nomad.jobs.deregister("web", purge=True)
    assert await nomad.jobs.allocations("web") == []
    await nomad.jobs.deregister("web", purge=True)


@virtual_time
async def test_the_stream_tells_what_was_asked_for_and_begins_anew_after_a_cut() -> None:
    nomad = MemoryNomad()
    heard: list[str] = []

    async def listen() -> None:
        async for item in nomad.events({"Variable": ["a/1"], "Job": ["*"]}):
            heard.extend(["connected"] if isinstance(item, Connected) else [f"{e.topic} {e.key}" for e in item.events])

    task = asyncio.create_task(listen())
    await asyncio.sleep(0.01)
    for path in ("a/1", "a/2"):
        await nomad.variables.put(path, {"k": "v"})
    await nomad.jobs.register(web())
    await asyncio.sleep(0.01)
    assert heard == ["connected", "Variable a/1", "Job web"]
    nomad.cluster.cut_streams()
    await asyncio.sleep(1)
    assert heard[3] == "connected"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
