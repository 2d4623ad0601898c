"""Blocking queries: an answer waits for a change of what was asked for, and not for other changes."""

import asyncio
import time

import pytest

from nomad_api.errors import BadRequest

SHORT = "300ms"


async def test_read_waits_for_the_next_change(nomad, unique):
    first = await nomad.variables.put(unique, {"n": "1"})
    waiting = asyncio.create_task(nomad.read(f"var/{unique}", index=first.modify_index, wait=20))
    await nomad.variables.put(f"{unique}-other", {"n": "1"})
    second = await nomad.variables.put(unique, {"n": "2"})
    answer = await waiting
    assert answer.value["Items"] == {"n": "2"}
    assert answer.index == second.modify_index


async def test_read_returns_at_once_what_is_newer_already(nomad, unique):
    first = await nomad.variables.put(unique, {"n": "1"})
    await nomad.variables.put(unique, {"n": "2"})
    began = time.monotonic()
    answer = await nomad.read(f"var/{unique}", index=first.modify_index, wait=20)
    assert answer.value["Items"] == {"n": "2"}
    assert time.monotonic() - began < 5


async def test_after_the_wait_comes_the_old_answer(wire, nomad, unique):
    first = await nomad.variables.put(unique, {"n": "1"})
    began = time.monotonic()
    reply = await wire("GET", f"/v1/var/{unique}", params={"index": str(first.modify_index), "wait": SHORT})
    assert 0.25 < time.monotonic() - began < 5
    assert (reply.status, reply.index) == (200, first.modify_index)


async def test_missing_variable_can_be_waited_for(wire, nomad, unique):
    await nomad.variables.put(f"{unique}-other", {"n": "1"})
    index = (await wire("GET", f"/v1/var/{unique}")).headers["X-Nomad-Index"]
    waiting = asyncio.create_task(wire("GET", f"/v1/var/{unique}", params={"index": index, "wait": "20s"}))
    await nomad.variables.put(unique, {"n": "1"})
    assert (await waiting).json()["Items"] == {"n": "1"}


async def test_watched_variable_is_seen_to_come_change_and_go(nomad, unique):
    seen = []
    changed = asyncio.Event()

    async def watch():
        async for snapshot in nomad.variables.watch(unique):
            seen.append(snapshot.value.items if snapshot.value else None)
            changed.set()

    await nomad.variables.put(f"{unique}-other", {"n": "0"})
    async with asyncio.timeout(20):
        watcher = asyncio.create_task(watch())
        for change in (
            None,
            lambda: nomad.variables.put(unique, {"n": "1"}),
            lambda: nomad.variables.put(unique, {"n": "2"}),
            lambda: nomad.variables.delete(unique),
        ):
            if change:
                await change()
            await changed.wait()
            changed.clear()
        watcher.cancel()
    assert seen == [None, {"n": "1"}, {"n": "2"}, None]


async def test_list_waits_for_changes_below_its_prefix(wire, nomad, unique):
    await nomad.variables.put(f"{unique}/in/a", {"n": "1"})
    params = {"prefix": f"{unique}/in/"}
    index = (await wire("GET", "/v1/vars", params=params)).index
    waiting = asyncio.create_task(wire("GET", "/v1/vars", params={**params, "index": str(index), "wait": "20s"}))
    await nomad.variables.put(f"{unique}/in/b", {"n": "1"})
    reply = await waiting
    assert reply.index > index
    assert [row["Path"] for row in reply.json()] == [f"{unique}/in/a", f"{unique}/in/b"]


async def test_list_notices_a_deletion(wire, nomad, unique):
    await nomad.variables.put(f"{unique}/a", {"n": "1"})
    index = (await wire("GET", "/v1/vars", params={"prefix": unique})).index
    params = {"prefix": unique, "index": str(index), "wait": "20s"}
    waiting = asyncio.create_task(wire("GET", "/v1/vars", params=params))
    await nomad.variables.delete(f"{unique}/a")
    reply = await waiting
    assert (reply.json(), reply.index > index) == ([], True)


async def test_job_is_waited_for(nomad, unique, sleeper):
    first = await nomad.jobs.register(sleeper(unique))
    waiting = asyncio.create_task(nomad.read(f"job/{unique}", index=first.job_modify_index, wait=20))
    await nomad.jobs.deregister(unique)
    assert (await waiting).index > first.job_modify_index


@pytest.mark.parametrize("params", [{"index": "x"}, {"index": "1", "wait": "soon"}])
async def test_what_is_no_index_or_duration_is_refused(nomad, params):
    with pytest.raises(BadRequest, match=r"Invalid (index|wait time)"):
        await nomad.read("jobs", params)
