"""Namespaces: what they may be called, and when they may go."""

import pytest

from nomad_api.models import Allocation, Job, Namespace
from orchestrator import namespaces
from orchestrator.errors import APIError
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Store

REGION = "global"


@pytest.fixture
def store() -> Store:
    return Store(lambda: 1_700_000_000_000_000_000)


async def upsert(store: Store, **fields) -> Namespace:
    return (await store.write("x", lambda tx: namespaces.upsert(tx, Namespace(**fields)))).value


async def delete(store: Store, name: str) -> None:
    await store.write("x", lambda tx: namespaces.delete(tx, name, REGION))


async def test_default_is_made_once(store):
    await namespaces.ensure_default(store)
    index = store.index
    await namespaces.ensure_default(store)
    assert store.index == index
    assert store.state.namespaces.get("default").description == "Default shared namespace"


async def test_default_cannot_be_deleted(store):
    await namespaces.ensure_default(store)
    with pytest.raises(APIError, match="can not delete default namespace"):
        await delete(store, "default")


@pytest.mark.parametrize("name", ["", "a b", "a*", "x" * 129, "ü"])
async def test_bad_names_are_refused(store, name):
    with pytest.raises(APIError) as refusal:
        await upsert(store, name=name)
    assert refusal.value.status == 500
    assert f'invalid name "{name}". Must match regex ^[a-zA-Z0-9-]{{1,128}}$' in refusal.value.message


async def test_long_descriptions_are_refused(store):
    await upsert(store, name="a", description="x" * 256)
    with pytest.raises(APIError, match="description longer than 256"):
        await upsert(store, name="a", description="x" * 257)


async def test_capabilities_are_completed(store):
    namespace = await upsert(store, name="a", capabilities={"enabledTaskDrivers": ["docker"]})
    assert namespace.capabilities == {
        "EnabledTaskDrivers": ["docker"],
        "DisabledTaskDrivers": None,
        "EnabledNetworkModes": None,
        "DisabledNetworkModes": None,
    }


async def test_hash_tells_whether_a_namespace_has_changed(store):
    first = await upsert(store, name="a", description="one")
    again = await upsert(store, name="a", description="one")
    changed = await upsert(store, name="a", description="two")
    assert first.hash == again.hash != changed.hash


async def test_unknown_namespace_cannot_be_deleted(store):
    with pytest.raises(APIError, match="namespace not found"):
        await delete(store, "a")


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (Job(id="j", namespace="a", status="running"), "non-terminal jobs"),
        (Allocation(id="x", namespace="a", desired_status="stop", client_status="running"), "non-terminal allocations"),
        (SealedVariable(namespace="a", path="p"), "variables associated with it"),
    ],
)
async def test_namespace_in_use_cannot_be_deleted(store, row, what):
    await upsert(store, name="a")
    await store.write("x", lambda tx: tx.put(row))
    with pytest.raises(APIError) as refusal:
        await delete(store, "a")
    assert refusal.value.message == f'1 error occurred:\n\t* namespace "a" has {what} in regions: [global]\n\n'


async def test_namespace_with_what_has_ended_can_be_deleted(store):
    await upsert(store, name="a")
    await store.write("x", lambda tx: tx.put(Job(id="j", namespace="a", status="dead")))
    await store.write("x", lambda tx: tx.put(Allocation(id="x", namespace="a", client_status="complete")))
    await delete(store, "a")
    assert store.state.namespaces.get("a") is None
