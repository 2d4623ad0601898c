"""`VariableInformer`: all variables below a prefix, as they are now, and word of every change.

It keeps what a list tells (indexes) and reads the items of a variable only when they are asked for, so ten changes in a row
cost one read. Items are kept as JSON bytes and decoded by whoever needs them: text of 600 bytes takes 600 bytes, a model of it
takes ten times as much.

Own writes are taken over from their answers (`wrote`, `removed`): what was written is read back at once, and the echo that
comes by the list or the stream is recognised by its index and is no change.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final
from urllib.parse import quote

import orjson

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from nomad_api.models.event import Event
from nomad_api.models.variable import Variable, VariableMetadata
from operator_kit.informers.source import Source

READ_WAIT: Final = 5.0
"""Seconds to wait for a server that has told of a change, but does not show it yet."""


class Record:
    """A variable as the informer knows it; `data` is its items as JSON, None until they are read."""

    __slots__ = ("create_index", "data", "modify_index")

    def __init__(self, create_index: int, modify_index: int, data: bytes | None = None) -> None:
        self.create_index = create_index
        self.modify_index = modify_index
        self.data = data

    def says(self, items: Mapping[str, str]) -> bool:
        """Whether the record has been read, and has just these items."""
        return self.data is not None and (self.data == as_bytes(items) or self.items() == items)

    def items(self) -> dict[str, str]:
        """The items of a record that has been read."""
        items: dict[str, str] = orjson.loads(self.data or b"{}")
        return items


class VariableInformer(Source):
    """Follows the variables below `prefix`; their keys are what comes after it."""

    def __init__(self, nomad: Nomad, prefix: str, random: Random) -> None:
        super().__init__(prefix, nomad, "vars", {"prefix": prefix}, random)
        self.prefix = prefix
        self._listeners: list[Callable[[str], None]] = []
        self._records: dict[str, Record] = {}
        self._listed = 0

    def listen(self, changed: Callable[[str], None]) -> None:
        """Call `changed` with the key of every variable that came, changed or went; it must not raise."""
        self._listeners.append(changed)

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
        try:
            # Events are published a moment before what they tell of can be read, so the read waits for that index.
            answer = await self.nomad.read(
                f"var/{quote(self.prefix + key, safe='/~')}", None, record.modify_index - 1, READ_WAIT
            )
        except NotFound:
            if self._records.get(key) is record:
                del self._records[key]
            return None
        return self.wrote(key, Variable.model_validate(answer.value))

    def wrote(self, key: str, variable: Variable) -> Record:
        """Take over a variable from the answer of a read or write; the newest record of that key."""
        known = self._records.get(key)
        if known is not None and known.modify_index > variable.modify_index and known.data is not None:
            return known
        record = Record(variable.create_index, variable.modify_index, as_bytes(variable.items or {}))
        if known is None or known.modify_index <= variable.modify_index:
            self._records[key] = record
        return record

    def expect(self, key: str, metadata: VariableMetadata) -> None:
        """Take over from a failed check-and-set what is there in truth; its items are read when they are needed."""
        self._records[key] = Record(metadata.create_index, metadata.modify_index)

    def removed(self, key: str) -> None:
        """Take over that the variable has been deleted by ourselves."""
        self._records.pop(key, None)

    def replace(self, rows: list[dict[str, Any]], index: int) -> None:
        listed = {row["Path"][len(self.prefix) :]: (row["CreateIndex"], row["ModifyIndex"]) for row in rows}
        for key, record in list(self._records.items()):
            # A record that is newer than the list is our own write, which the list does not know yet.
            if record.modify_index > index:
                listed.pop(key, None)
            elif key not in listed:
                self._drop(key)
        for key, (create_index, modify_index) in listed.items():
            known = self._records.get(key)
            if key and (known is None or (known.create_index, known.modify_index) != (create_index, modify_index)):
                self._records[key] = Record(create_index, modify_index)
                self._changed(key)
        self._listed = index

    def see(self, event: Event) -> bool:
        metadata = (event.payload or {}).get("Metadata") or {}
        path = metadata.get("Path", "")
        if not path.startswith(self.prefix):
            return False
        key = path[len(self.prefix) :]
        if event.index <= self._listed:
            return True  # a replay of what the list has told already
        known = self._records.get(key)
        if (event.payload or {}).get("Deleted"):
            if known is not None and known.modify_index <= event.index:
                self._drop(key)
        elif key and (known is None or known.modify_index < metadata["ModifyIndex"]):
            self._records[key] = Record(metadata["CreateIndex"], metadata["ModifyIndex"])
            self._changed(key)
        return True

    def restart(self) -> None:
        for record in self._records.values():
            record.modify_index, record.data = 0, None
        self._listed = 0

    def _drop(self, key: str) -> None:
        del self._records[key]
        self._changed(key)

    def _changed(self, key: str) -> None:
        for changed in self._listeners:
            changed(key)


def as_bytes(items: Mapping[str, str]) -> bytes:
    """Items as JSON, the same bytes for the same items: servers differ in their order."""
    return orjson.dumps(items, option=orjson.OPT_SORT_KEYS)
