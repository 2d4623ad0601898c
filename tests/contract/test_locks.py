"""Locks of variables: one holder, kept by renewal, guarding the variable."""

import pytest

from nomad_api.client import VariableLease
from nomad_api.errors import APIError, BadRequest, Conflict, NotFound


async def test_lock_has_one_holder(nomad, unique):
    held = await nomad.variables.acquire_lock(unique, {"holder": "first"})
    assert held.items == {"holder": "first"}
    assert (held.lock.ttl, held.lock.lock_delay) == ("15s", "15s")
    with pytest.raises(Conflict) as conflict:
        await nomad.variables.acquire_lock(unique, {"holder": "second"})
    assert not conflict.value.current.modify_index, "a lock shows nothing of its variable"
    await nomad.variables.release_lock(unique, held.lock.id)
    assert (await nomad.variables.acquire_lock(unique, {"holder": "second"})).lock.id != held.lock.id


async def test_locked_variable_is_changed_by_its_holder_alone(nomad, unique):
    held = await nomad.variables.acquire_lock(unique, {"n": "1"})
    with pytest.raises(Conflict):
        await nomad.variables.put(unique, {"n": "2"})
    with pytest.raises(Conflict):
        await nomad.variables.delete(unique)
    written = await nomad.variables.put(unique, {"n": "3"}, lock_id=held.lock.id)
    assert written.items == {"n": "3"}
    assert (await nomad.variables.get(unique)).items == {"n": "3"}
    await nomad.variables.release_lock(unique, held.lock.id)


async def test_taking_a_lock_replaces_the_items(nomad, unique):
    await nomad.variables.put(unique, {"before": "x"})
    held = await nomad.variables.acquire_lock(unique)
    assert not held.items
    await nomad.variables.release_lock(unique, held.lock.id)


async def test_renewing_writes_nothing(nomad, unique):
    held = await nomad.variables.acquire_lock(unique, {"k": "v"})
    renewed = await nomad.variables.renew_lock(unique, held.lock.id)
    assert renewed.modify_index == held.modify_index
    assert (await nomad.variables.get(unique)).modify_index == held.modify_index
    await nomad.variables.release_lock(unique, held.lock.id)


async def test_releasing_keeps_the_items(nomad, unique):
    held = await nomad.variables.acquire_lock(unique, {"k": "v"})
    await nomad.variables.release_lock(unique, held.lock.id)
    read = await nomad.variables.get(unique)
    assert (read.items, read.lock) == ({"k": "v"}, None)
    assert read.modify_index > held.modify_index


async def test_a_stranger_neither_renews_nor_releases(nomad, unique):
    held = await nomad.variables.acquire_lock(unique, {"k": "v"})
    stranger = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(Conflict):
        await nomad.variables.renew_lock(unique, stranger)
    with pytest.raises(Conflict):
        await nomad.variables.release_lock(unique, stranger)
    assert await nomad.variables.renew_lock(unique, held.lock.id)
    await nomad.variables.release_lock(unique, held.lock.id)


async def test_what_is_not_locked_cannot_be_renewed(nomad, unique):
    stranger = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(NotFound, match="variable doesn't exist"):
        await nomad.variables.renew_lock(unique, stranger)
    await nomad.variables.put(unique, {"k": "v"})
    with pytest.raises(Conflict, match="variable doesn't hold a lock"):
        await nomad.variables.renew_lock(unique, stranger)
    with pytest.raises(APIError, match="variable doesn't hold a lock"):
        await nomad.variables.release_lock(unique, stranger)


@pytest.mark.parametrize("ttl", ["9s", "25h"])
async def test_ttl_has_bounds(nomad, unique, ttl):
    with pytest.raises(BadRequest, match="TTL must be between 10 seconds and 24 hours"):
        await nomad.variables.acquire_lock(unique, ttl=ttl)


async def test_lock_operations_exclude_each_other_and_cas(wire, unique):
    both = await wire("PUT", f"/v1/var/{unique}?lock-acquire&lock-renew", body={"Lock": {}})
    assert (both.status, both.text) == (400, "multiple lock operations")
    cas = await wire("PUT", f"/v1/var/{unique}?lock-acquire&cas=0", body={"Lock": {}})
    assert cas.status == 400


async def test_plain_write_takes_no_lock_definition(wire, unique):
    reply = await wire("PUT", f"/v1/var/{unique}", body={"Items": {"k": "v"}, "Lock": {"TTL": "15s", "LockDelay": "15s"}})
    assert reply.status == 400
    assert "variable should not contain lock definition" in reply.text


async def test_lease_is_taken_and_given_back(nomad, unique):
    async with VariableLease(nomad.variables, unique, {"holder": "one"}, ttl="10s") as lease:
        assert lease.held
        other = VariableLease(nomad.variables, unique, {"holder": "two"}, ttl="10s")
        assert not await other.try_acquire()
    assert await other.try_acquire()
    await other.release()
