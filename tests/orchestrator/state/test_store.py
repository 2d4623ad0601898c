"""The one writer: all or nothing, in order, durable before it is told."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.state.journal import Journal, JournalError
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Commit, Store, Transaction

KIND = "VariableUpdated"


def clock() -> int:
    return 1_700_000_000_000_000_000


def variable(path: str, data: str = "") -> SealedVariable:
    return SealedVariable(namespace="default", path=path, data=data)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "state.db")
    yield journal
    journal.close()


async def test_indexes_are_stamped_by_the_store() -> None:
    store = Store(clock)
    first = await store.write(KIND, lambda tx: tx.put(variable("a")))
    second = await store.write(KIND, lambda tx: tx.put(variable("a", "x")))
    assert (first.value.create_index, first.value.modify_index) == (first.index, first.index)
    assert (second.value.create_index, second.value.modify_index) == (first.index, second.index)
    assert store.state.variables.index == second.index == first.index + 1


async def test_a_change_that_raises_leaves_nothing_behind() -> None:
    store = Store(clock)
    await store.write(KIND, lambda tx: tx.put(variable("kept", "old")))
    before = store.index

    def change(tx: Transaction) -> None:
        tx.put(variable("kept", "new"))
        tx.put(variable("added"))
        tx.delete("variables", "default", "kept")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(KIND, change)
    assert store.index == before
    assert [(row.path, row.data) for row in store.state.variables] == [("kept", "old")]


async def test_a_transaction_sees_its_own_changes() -> None:
    store = Store(clock)

    def change(tx: Transaction) -> int:
        tx.put(variable("a"))
        return len(tx.state.variables)

    assert (await store.write(KIND, change)).value == 1


async def test_a_change_that_touches_nothing_uses_no_index() -> None:
    store = Store(clock)
    before = store.index
    assert (await store.write(KIND, lambda tx: None)).index == before

    def comes_and_goes(tx: Transaction) -> None:
        tx.put(variable("a"))
        tx.delete("variables", "default", "a")

    assert (await store.write(KIND, comes_and_goes)).index == before


async def test_subscribers_get_every_commit_in_order_and_readable(journal: Journal) -> None:
    store = Store(clock, journal)
    store.start()
    seen: list[Commit] = []

    def notice(commit: Commit) -> None:
        assert store.state.variables.index >= commit.index
        seen.append(commit)

    stop = store.subscribe(notice)
    await asyncio.gather(*(store.write(KIND, lambda tx, n=n: tx.put(variable(f"v/{n}"))) for n in range(200)))
    assert [commit.index for commit in seen] == list(range(2, 202))
    stop()
    await store.write(KIND, lambda tx: tx.put(variable("late")))
    assert len(seen) == 200


async def test_what_is_not_durable_yet_is_not_told(journal: Journal) -> None:
    store = Store(clock, journal)
    committed = store.begin(KIND, lambda tx: tx.put(variable("a")))
    waiting = asyncio.create_task(store.durable(committed.index))
    await asyncio.sleep(0)
    assert not waiting.done()
    store.start()
    await waiting


async def test_a_restart_finds_what_was_acknowledged(tmp_path: Path) -> None:
    first = Store(clock, Journal(tmp_path / "state.db"))
    first.start()
    await first.write(KIND, lambda tx: tx.put(variable("a", "1")))
    await first.write(KIND, lambda tx: tx.put(variable("b", "2")))
    last = await first.write(KIND, lambda tx: tx.delete("variables", "default", "a"))
    # Not closed: the process is killed.
    second = Store(clock, Journal(tmp_path / "state.db"))
    assert [(row.path, row.data, row.modify_index) for row in second.state.variables] == [("b", "2", 3)]
    assert second.index == last.index
    assert second.state.variables.index == last.index
    first.close()
    second.close()


async def test_a_watch_wakes_for_its_keys_only() -> None:
    store = Store(clock)
    with store.watch(("variables", lambda key: key[1].startswith("a"))) as watch:
        await store.write(KIND, lambda tx: tx.put(variable("b")))
        waiting = asyncio.create_task(watch.changed())
        await asyncio.sleep(0)
        assert not waiting.done()
        await store.write(KIND, lambda tx: tx.put(variable("a")))
        await waiting


def test_a_file_that_is_no_journal_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("not a database, and longer than the header of one" * 100)
    with pytest.raises(JournalError, match=r"state\.db"):
        Journal(path)


CHANGES = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(["put", "delete", "fail"])), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(CHANGES)
async def test_memory_and_disk_agree_whatever_happens(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "state.db"
    store = Store(clock, Journal(path))
    store.start()
    model: dict[str, int] = {}
    for name, action in changes:

        def change(tx: Transaction, name: str = name, action: str = action) -> None:
            if action == "delete":
                tx.delete("variables", "default", name)
            else:
                tx.put(variable(name))
            if action == "fail":
                raise KeyError(name)

        try:
            committed = await store.write(KIND, change)
        except KeyError:
            continue
        if action == "put":
            model[name] = committed.index
        else:
            model.pop(name, None)
    assert {row.path: row.modify_index for row in store.state.variables} == model
    store.close()
    again = Store(clock, Journal(path))
    assert {row.path: row.modify_index for row in again.state.variables} == model
    again.close()
