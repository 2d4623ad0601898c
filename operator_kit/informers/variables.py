"""`VariableInformer`: all variables below a prefix, as they are now, and word of every change.

It keeps what a list tells (indexes) and reads the items of a variable only when they are asked for, so ten changes in a row
cost one read. Items are kept as packed JSON and decoded by whoever needs them: text of 600 bytes takes 600 bytes, a model of it
takes ten times as much.

Own writes are taken over from their answers (`wrote`, `removed`): what was written is read back at once, and the echo that
comes by the list or the stream is recognised by its index and is no change. An echo can overtake its answer, though, so what is
heard of a variable while it is being written (`writing`) is judged afterwards. Whoever writes knows; but other listeners of the
same process, an owner that waits for a status, do not, and are told.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final
from urllib.parse import quote

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models.event import Event
from nomad_api.models.variable import Variable, VariableMetadata
from operator_kit.informers.packing import packed, unpacked
from operator_kit.informers.source import Source

READ_WAIT: Final = 5.0
"""Seconds to wait for a server that has told of a change, but does not show it yet."""


class Record:
    """A variable as the informer knows it; `data` is its items, packed, None until they are read."""

    __slots__ = ("create_index", "data", "modify_index")

    def __init__(self, create_index: int, modify_index: int, data: bytes | None = None) -> None:
        self.create_index = create_index
        self.modify_index = modify_index
        self.data = data

    def items(self) -> dict[str, str]:
        """The items of a record that has been read."""
        items: dict[str, str] = unpacked(self.data) if self.data is not None else {}
        return items


class VariableInformer(Source):
    """Follows the variables below `prefix`; their keys are what comes after it."""

    def __init__(self, nomad: Nomad, prefix: str, random: Random) -> None:
        super().__init__(prefix, nomad, "vars", {"prefix": prefix}, random)
        self.prefix = prefix
        self._listeners: list[Callable[[str], None]] = []
        self._others: list[Callable[[str], None]] = []
        self._records: dict[str, Record] = {}
        self._heard: dict[str, list[tuple[int, Record | None]]] = {}

    def listen(self, changed: Callable[[str], None], *, own_writes: bool = True) -> None:
        """Call `changed` with the key of every variable that came, changed or went; it must not raise.

        Args:
            own_writes: also of what is taken over by `wrote`, `removed` and the like; whoever does that knows already.
        """
        self._listeners.append(changed)
        if own_writes:
            self._others.append(changed)

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> Record | None:
        """What is known of a variable without reading it, None if there is none."""
        return self._records.get(key)

    def cached_bytes(self) -> int:
        return sum(len(record.data) for record in self._records.values() if record.data is not None)

    def keys(self) -> list[str]:
        """The keys of all variables."""
        return list(self._records)

    async def read(self, key: str) -> Record | None:
        """The variable, at least as new as anything that was heard of it; None if there is none.

        Raises:
            NomadError: it had to be read, and could not be.
        """
        record = self._records.get(key)
        if record is None or record.data is not None:
            return record
        return await self._fetch(key, record.modify_index)

    async def read_anew(self, key: str) -> Record | None:
        """The variable as it is on the server at this moment, whatever was heard of it; None if there is none.

        Raises:
            NomadError: it could not be read.
        """
        return await self._fetch(key, 0)

    async def _fetch(self, key: str, index: int) -> Record | None:
        """The variable as it was at that index or later."""
        record = self._records.get(key)
        path = f"var/{quote(self.prefix + key, safe='/~')}"
        row = await self._row(path)
        if index and (row is None or row["ModifyIndex"] < index):
            # Events are published a moment before what they tell of can be read, so this waits for it; or it is gone again.
            row = await self._row(path, index - 1)
        if row is None:
            if self._records.get(key) is record:
                self.removed(key)
            return None
        return self._took(key, row["CreateIndex"], row["ModifyIndex"], row["Items"])

    async def _row(self, path: str, index: int = 0) -> dict[str, Any] | None:
        """What is at a path, once there is something newer than that index; None if there is nothing."""
        try:
            row: dict[str, Any] = (await self.nomad.read(path, None, index, READ_WAIT)).value
        except NotFound:
            return None
        return row

    @contextmanager
    def writing(self, key: str) -> Iterator[None]:
        """For as long as an own write of the variable is under way, until its answer has been taken over.

        One write of a variable at a time.
        """
        heard: list[tuple[int, Record | None]] = []
        self._heard[key] = heard
        try:
            yield
        finally:
            del self._heard[key]
            for index, found in heard:
                self._hear(key, index, found)

    def wrote(self, key: str, variable: Variable) -> Record:
        """Take over a variable from the answer of a read or write; the newest record of that key."""
        return self._took(key, variable.create_index, variable.modify_index, variable.items)

    def expect(self, key: str, metadata: VariableMetadata) -> None:
        """Take over from a failed check-and-set what is there in truth; its items are read when they are needed."""
        self._records[key] = Record(metadata.create_index, metadata.modify_index)
        self._changed(key, self._others)

    def removed(self, key: str) -> None:
        """Take over that the variable is gone: deleted by ourselves, or not found."""
        if self._records.pop(key, None) is not None:
            self._changed(key, self._others)

    def _replace(self, rows: list[dict[str, Any]], index: int) -> None:
        listed = {self._key(row["Path"]): (row["CreateIndex"], row["ModifyIndex"]) for row in rows}
        for key, record in list(self._records.items()):
            # A record that is newer than the list is our own write, which the list does not know yet.
            if record.modify_index > index:
                listed.pop(key, None)
            elif key not in listed:
                self._hear(key, index, None)
        for key, (create_index, modify_index) in listed.items():
            if key:
                self._hear(key, modify_index, Record(create_index, modify_index))

    def see(self, event: Event) -> bool:
        metadata = (event.payload or {}).get("Metadata") or {}
        path = metadata.get("Path", "")
        if not path.startswith(self.prefix):
            return False
        key = self._key(path)
        if event.index <= self.listed:
            return True  # a replay of what the list has told already
        if (event.payload or {}).get("Deleted"):
            self._hear(key, event.index, None)
        elif key:
            self._hear(key, event.index, Record(metadata["CreateIndex"], metadata["ModifyIndex"]))
        return True

    def _restart(self) -> None:
        for record in self._records.values():
            record.modify_index, record.data = 0, None

    def _took(self, key: str, create_index: int, modify_index: int, items: dict[str, str] | None) -> Record:
        known = self._records.get(key)
        if known is not None and known.modify_index > modify_index and known.data is not None:
            return known
        record = Record(create_index, modify_index, packed(items or {}))
        if known is None or known.modify_index <= modify_index:
            self._records[key] = record
        if known is None or known.modify_index < modify_index:
            self._changed(key, self._others)
        return record

    def _key(self, path: str) -> str:
        """What comes after the prefix; one and the same text for all who keep it."""
        return sys.intern(path[len(self.prefix) :])

    def _hear(self, key: str, index: int, found: Record | None) -> None:
        """At that index the variable was found so (None: gone). Only what is news is a change."""
        if (heard := self._heard.get(key)) is not None:
            heard.append((index, found))
            return
        known = self._records.get(key)
        if found is not None and (known is None or known.modify_index < found.modify_index):
            self._records[key] = found
            self._changed(key, self._listeners)
        elif found is None and known is not None and known.modify_index <= index:
            self._drop(key)

    def _drop(self, key: str) -> None:
        del self._records[key]
        self._changed(key, self._listeners)

    def _changed(self, key: str, listeners: list[Callable[[str], None]]) -> None:
        for changed in listeners:
            changed(key)
