"""Variables: check-and-set, and locks that end."""

import asyncio
import base64

import pytest

from operator_kit.testing import virtual_time
from orchestrator.errors import APIError
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Commit, Store
from orchestrator.variables import Conflict, Lock, Variables, check_items, check_path

SECOND = 1_000_000_000
LOCK = Lock(ttl=10 * SECOND, delay=5 * SECOND)


class OpenKeyring:
    """Keeps items readable: encryption has tests of its own, and needs a thread."""

    def seal(self, items: bytes) -> tuple[str, str]:
        return base64.b64encode(items).decode(), "key"

    def open(self, sealed: SealedVariable) -> bytes:
        return base64.b64decode(sealed.data)


def cluster() -> tuple[Store, Variables]:
    store = Store(lambda: 0)
    return store, Variables(store, OpenKeyring())  # type: ignore[arg-type]


def loop_time() -> float:

    return asyncio.get_running_loop().time()


async def sleep(seconds: float) -> None:

    await asyncio.sleep(seconds)


async def test_items_come_back_and_are_replaced_as_a_whole() -> None:
    _, variables = cluster()
    await variables.put("default", "a", {"k": "1", "gone": "x"})
    committed = await variables.put("default", "a", {"k": "2"})
    assert variables.open(committed.value).items == {"k": "2"}


async def test_check_and_set_tells_the_current_variable() -> None:
    _, variables = cluster()
    first = await variables.put("default", "a", {"k": "1"}, cas=0)
    with pytest.raises(Conflict) as caught:
        await variables.put("default", "a", {"k": "2"}, cas=0)
    assert caught.value.current == first.value
    await variables.put("default", "a", {"k": "2"}, cas=first.index)
    with pytest.raises(Conflict):
        await variables.delete("default", "a", cas=first.index)


@pytest.mark.parametrize(
    "path", ["a.b", "", "a b", "x" * 129, "nomad", "nomad/other", "nomad/job-templates", "nomad/job-templates/a/b"]
)
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(APIError) as caught:
        check_path(path)
    assert caught.value.status == 400


@pytest.mark.parametrize("path", ["a", "a/b~c_d-E", "nomad/jobs", "nomad/jobs/a/b/c/d", "nomad/job-templates/a", "Nomad/x"])
def test_good_paths_pass(path: str) -> None:
    check_path(path)


def test_size_counts_keys_and_values_in_bytes() -> None:
    check_items({"k": "a" * 65_535})
    check_items({"kk": "ä" * 32_767})
    for items in ({"k": "a" * 65_536}, {"kk": "a" * 65_535}, {"k": "ä" * 32_768}):
        with pytest.raises(APIError, match="64KiB"):
            check_items(items)


@virtual_time
async def test_a_lock_that_is_renewed_stays() -> None:
    store, variables = cluster()
    lock_id = (await variables.acquire("default", "l", {}, LOCK)).value.lock.id  # type: ignore[union-attr]
    index = store.index
    for _ in range(10):
        await sleep(15)
        variables.renew("default", "l", lock_id)
    assert store.index == index
    variables.stop()


@virtual_time
async def test_a_lock_that_is_not_renewed_ends_after_twice_its_ttl_and_its_delay() -> None:
    store, variables = cluster()
    commits: list[Commit] = []
    store.subscribe(commits.append)
    lock_id = (await variables.acquire("default", "l", {"k": "v"}, LOCK)).value.lock.id  # type: ignore[union-attr]
    await sleep(19.9)
    variables.renew("default", "l", lock_id)
    began = loop_time()
    await sleep(20.1)
    with pytest.raises(APIError, match="locked"):
        variables.renew("default", "l", lock_id)
    with pytest.raises(Conflict):
        await variables.acquire("default", "l", {}, Lock(id=lock_id))
    await sleep(5)
    assert loop_time() - began == pytest.approx(25.1)
    found = store.state.variables.get("default", "l")
    assert found
    assert found.lock is None
    assert variables.open(found).items == {"k": "v"}
    assert [commit.kind for commit in commits] == ["VariableUpdated", "VariableUpdated"]
    await variables.acquire("default", "l", {}, LOCK)
    variables.stop()


@virtual_time
async def test_leases_begin_anew_with_the_agent() -> None:
    store, variables = cluster()
    await variables.acquire("default", "l", {}, LOCK)
    variables.stop()
    await sleep(100)
    again = Variables(store, OpenKeyring())  # type: ignore[arg-type]
    again.start()
    await sleep(19)
    assert store.state.variables.get("default", "l").lock is not None  # type: ignore[union-attr]
    await sleep(7)
    assert store.state.variables.get("default", "l").lock is None  # type: ignore[union-attr]
    again.stop()


async def test_only_the_holder_writes_deletes_and_releases() -> None:
    _, variables = cluster()
    lock_id = (await variables.acquire("default", "l", {"k": "v"}, LOCK)).value.lock.id  # type: ignore[union-attr]
    for attempt in (
        variables.put("default", "l", {"k": "w"}),
        variables.put("default", "l", {"k": "w"}, lock=Lock(id="other")),
        variables.delete("default", "l"),
        variables.release("default", "l", "other"),
        variables.acquire("default", "l", {}, LOCK),
    ):
        with pytest.raises(Conflict) as caught:
            await attempt
        assert caught.value.current is None
    await variables.put("default", "l", {"k": "w"}, lock=Lock(id=lock_id))
    released = await variables.release("default", "l", lock_id)
    assert released.value.lock is None
    assert variables.open(released.value).items == {"k": "w"}
    variables.stop()
