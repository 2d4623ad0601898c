"""The one writer: every change of the state goes through `Store.write`.

A change is a plain function over a `Transaction`. It runs to its end without giving up the event loop, so it sees and leaves a
consistent state; if it raises, nothing has happened. What it changed is then, in this order: readable in the tables, durable in
the journal, published to watchers and subscribers. `write` returns only when the change is durable, and readers that saw it
earlier wait with `durable` before they answer, so nothing is answered that a crash could take back, and nothing is published
before it can be read.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from nomad_api.models.base import Wire
from orchestrator.state.journal import Journal, Record
from orchestrator.state.schema import State, table_of
from orchestrator.state.table import Key

R = TypeVar("R")
W = TypeVar("W", bound=Wire)


class Change(NamedTuple):
    """One changed row: `old` is None where it is new, `new` is None where it was deleted."""

    table: str
    key: Key
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed transaction, as subscribers see it. `kind` is the type its events carry."""

    index: int
    kind: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Committed(Generic[R]):
    """What `write` returns: the function's value and the index of the change."""

    value: R
    index: int


class Transaction:
    """A change in the making. Reads go to `state` and see the changes made so far."""

    def __init__(self, state: State, index: int, now: int) -> None:
        self.state = state
        self.index = index
        self.now = now
        """Wall clock time of the transaction in nanoseconds since the epoch."""
        self.kind: str | None = None
        """Overrides the kind given to `write`, where only the function knows it."""
        self._changes: dict[tuple[str, Key], Change] = {}

    def put(self, row: W, *, table: str | None = None) -> W:
        """Insert or replace a row and return it as stored: with this transaction's index as its ModifyIndex, and as its
        CreateIndex where the row is new."""
        name = table or table_of(row)
        spec = self.state.tables[name].spec
        old = self.state.tables[name].get(*spec.key(row))
        row = row.evolve(create_index=old.create_index if old else self.index, modify_index=self.index)
        return self.put_exactly(row, table=name)

    def put_exactly(self, row: W, *, table: str | None = None) -> W:
        """Insert or replace a row with the indexes it has."""
        name = table or table_of(row)
        self._change(name, self.state.tables[name].spec.key(row), row)
        return row

    def delete(self, table: str, *key: Any) -> bool:
        """Remove a row; whether there was one."""
        if key not in self.state.tables[table]:
            return False
        self._change(table, key, None)
        return True

    def _change(self, table: str, key: Key, row: Wire | None) -> None:
        old = self.state.tables[table]._set(key, row)
        first = self._changes.pop((table, key), None)
        self._changes[table, key] = Change(table, key, first.old if first else old, row)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What has changed so far, in order of the last change of each row."""
        return tuple(change for change in self._changes.values() if change.old is not None or change.new is not None)

    def roll_back(self) -> None:
        """Undo everything."""
        for change in self._changes.values():
            self.state.tables[change.table]._set(change.key, change.old)


class Watch:
    """Waits for changes of some tables, or of some keys in them. Made by `Store.watch`; use as a context manager."""

    def __init__(self, store: "Store", interests: Iterable[tuple[str, Callable[[Key], bool] | None]]) -> None:
        self._store = store
        self._interests = tuple(interests)
        self._event = asyncio.Event()

    def __enter__(self) -> "Watch":
        for table, _ in self._interests:
            self._store._watches.setdefault(table, set()).add(self)
        return self

    def __exit__(self, *_: object) -> None:
        for table, _ in self._interests:
            self._store._watches[table].discard(self)

    async def changed(self) -> None:
        """Return as soon as something of interest has been published since the last call (or since entering)."""
        await self._event.wait()
        self._event.clear()

    def notice(self, change: Change) -> None:
        """Called by the store for each published change of a watched table."""
        if any(table == change.table and (wants is None or wants(change.key)) for table, wants in self._interests):
            self._event.set()


class Store:
    """The state of the cluster and its only writer."""

    def __init__(self, clock: Callable[[], int], journal: Journal | None = None) -> None:
        """`clock` gives nanoseconds since the epoch. Without a journal (development mode) everything lives in memory."""
        self.state = State()
        self.index = 1
        self._clock = clock
        self._journal = journal
        self._durable_index = 1
        self._durable_waiters: list[tuple[int, int, asyncio.Future[None]]] = []  # a heap: index, tie breaker, who waits
        self._ties = count()
        self._failure: Exception | None = None
        self._watches: dict[str, set[Watch]] = {}
        self._subscribers: list[Callable[[Commit], None]] = []
        if journal:
            self._load(journal)

    def _load(self, journal: Journal) -> None:
        for name, data in journal.load():
            table = self.state.tables[name]
            row = table.spec.model.from_json(data)
            table._set(table.spec.key(row), row)
        for name, index in journal.table_indexes().items():
            self.state.tables[name].index = index
            self.index = max(self.index, index)
        self._durable_index = self.index

    def start(self) -> None:
        """Begin to accept changes on the running event loop."""
        if self._journal:
            self._journal.start()

    def close(self) -> None:
        """Write what is still to be written and close the journal."""
        if self._journal:
            self._journal.close()

    def subscribe(self, subscriber: Callable[[Commit], None]) -> Callable[[], None]:
        """Call `subscriber` with every commit from now on, in order, once it is durable; it must not block or raise. Call what
        is returned to end it."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def watch(self, *interests: str | tuple[str, Callable[[Key], bool]]) -> Watch:
        """Watch tables by name, or those keys of a table that a predicate accepts."""
        return Watch(self, [(name, None) if isinstance(name, str) else name for name in interests])

    async def write(self, kind: str, change: Callable[[Transaction], R]) -> Committed[R]:
        """Run a change and return when it is durable and published.

        `kind` is the type that its events carry (`JobRegistered`, `VariableUpdated` …). A change that touches nothing uses up
        no index. What `change` raises is passed on, and nothing has happened then.

        Raises:
            JournalError: the change could not be made durable. The agent must stop: memory and disk disagree.
        """
        committed = self.begin(kind, change)
        await self.durable(committed.index)
        return committed

    def begin(self, kind: str, change: Callable[[Transaction], R]) -> Committed[R]:
        """Like `write`, for a caller that goes on before the change is durable; `durable` tells when it is."""
        if self._failure:
            raise self._failure
        transaction = Transaction(self.state, self.index + 1, self._clock())
        try:
            value = change(transaction)
        except BaseException:
            transaction.roll_back()
            raise
        changes = transaction.changes
        if not changes:
            return Committed(value, self.index)
        self.index = transaction.index
        for item in changes:
            self.state.tables[item.table].index = self.index
        commit = Commit(self.index, transaction.kind or kind, changes)
        if self._journal is None:
            self._publish(commit, None)
        else:
            records = [Record(item.table, item.key, item.new.to_json(keep=False) if item.new else None) for item in changes]
            self._journal.append(commit.index, records, lambda failure: self._publish(commit, failure))
        return Committed(value, commit.index)

    def rehearse(self, change: Callable[[Transaction], R]) -> R:
        """Run a change for its value alone: whatever it does to the state is undone before anybody can see it."""
        transaction = Transaction(self.state, self.index + 1, self._clock())
        try:
            return change(transaction)
        finally:
            transaction.roll_back()

    async def durable(self, index: int) -> None:
        """Return when everything up to `index` is durable and published."""
        if index <= self._durable_index:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._durable_waiters, (index, next(self._ties), waiter))
        await waiter

    def _publish(self, commit: Commit, failure: Exception | None) -> None:
        if failure:
            self._failure = failure
            for _, _, waiter in self._durable_waiters:
                if not waiter.done():
                    waiter.set_exception(failure)
            self._durable_waiters.clear()
            return
        self._durable_index = commit.index
        for subscriber in tuple(self._subscribers):
            subscriber(commit)
        for change in commit.changes:
            for watch in tuple(self._watches.get(change.table, ())):
                watch.notice(change)
        while self._durable_waiters and self._durable_waiters[0][0] <= commit.index:
            _, _, waiter = heappop(self._durable_waiters)
            if not waiter.done():
                waiter.set_result(None)
