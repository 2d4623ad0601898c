"""The durable journal: what is committed survives a killed agent.

SQLite in WAL mode holds the newest form of every row; its own log is the journal, so there is nothing to replay and nothing to
compact, and `sqlite3` on the command line can inspect it. One thread owns the connection. Transactions of one turn of the event
loop, and those that arrive while a commit is under way, are written together: at full durability a group costs hardly more than
a single row.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import orjson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, key BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS indexes (kind TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""


class Record(NamedTuple):
    """A changed row: its table, its key, and its JSON or None where it was deleted."""

    table: str
    key: tuple[Any, ...]
    data: bytes | None


_Entry = tuple[int, list[Record], Callable[[Exception | None], None]]


class JournalError(Exception):
    """The journal cannot be written or read; the message names the file and the cause."""


class Journal:
    """Writes records in groups. `append` never blocks the event loop; its callback runs on it, in order of `append`."""

    def __init__(self, path: Path) -> None:
        """Raises JournalError if the file cannot be opened or is not a journal."""
        self.path = path
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise JournalError(
                f"cannot open the journal {path}: {error}; is another agent using this data directory?"
            ) from error
        self._gathered: list[_Entry] = []
        self._queue: SimpleQueue[list[_Entry] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    def load(self) -> Iterator[tuple[str, bytes]]:
        """Every row, as the name of its table and its JSON."""
        yield from self._connection.execute("SELECT kind, data FROM rows")

    def table_indexes(self) -> dict[str, int]:
        """The index of the last change of each table."""
        return dict(self._connection.execute("SELECT kind, value FROM indexes"))

    def start(self) -> None:
        """Begin to accept records. Must be called from the event loop that the callbacks shall run on."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def append(self, index: int, records: list[Record], done: Callable[[Exception | None], None]) -> None:
        """Write the records of one transaction; `done` is called on the event loop once they are durable (or failed)."""
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._gathered.append((index, records, done))

    def _hand_over(self) -> None:
        self._queue.put(self._gathered)
        self._gathered = []

    def close(self) -> None:
        """Write what was appended so far and close the file."""
        if self._thread.is_alive():
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        assert self._loop is not None
        closing = False
        while not closing:
            groups = [self._queue.get()]
            while not self._queue.empty():
                groups.append(self._queue.get())
            closing = None in groups
            entries = [entry for group in groups for entry in group or ()]
            failure: Exception | None = None
            try:
                self._commit(entries)
            except sqlite3.Error as error:
                failure = JournalError(f"cannot write the journal {self.path}: {error}")
            callbacks = [done for _, _, done in entries]
            if callbacks and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_call, callbacks, failure)

    def _commit(self, entries: list[_Entry]) -> None:
        execute = self._connection.execute
        execute("BEGIN")
        try:
            for index, records, _ in entries:
                for record in records:
                    key = orjson.dumps(record.key)
                    if record.data is None:
                        execute("DELETE FROM rows WHERE kind = ? AND key = ?", (record.table, key))
                    else:
                        execute("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (record.table, key, record.data))
                for table in {record.table for record in records}:
                    execute("INSERT OR REPLACE INTO indexes VALUES (?, ?)", (table, index))
            execute("COMMIT")
        except sqlite3.Error:
            execute("ROLLBACK")
            raise


def _call(callbacks: list[Callable[[Exception | None], None]], failure: Exception | None) -> None:
    for done in callbacks:
        done(failure)
