"""`Overlay`: the objects as they would be after writes that were never sent, to be laid over what the server shows."""

from collections.abc import Mapping
from typing import Any, Final, cast

import orjson

from nomad_api.client.transport import failure

Row = dict[str, Any]

_GLOBAL: Final = ("namespace/", "node/pool/", "acl/policy/")
"""Paths of objects that live in no namespace."""


class Overlay:
    """Rows of JSON by the path below `/v1/` at which they are read.

    Attributes:
        index: of the last change, of the server or in here.
    """

    def __init__(self) -> None:
        self.index = 0
        self._rows: dict[tuple[str, str], Row | None] = {}

    def has(self, namespace: str, path: str) -> bool:
        """Whether the object was written or deleted here."""
        return _key(namespace, path) in self._rows

    def row(self, namespace: str, path: str) -> Row | None:
        """The object as it was written here, None if it was deleted."""
        return self._rows[_key(namespace, path)]

    def catch_up(self, index: int) -> None:
        """The server is at that index at least, so what is written here comes after it."""
        self.index = max(self.index, index)

    def put(self, namespace: str, path: str, row: Mapping[str, Any], before: Row | None) -> Row:
        """Write an object in place of another one, or of none; the object with its indexes."""
        self.index += 1
        indexes = {"CreateIndex": (before or {}).get("CreateIndex") or self.index, "ModifyIndex": self.index}
        if path.startswith("job/"):
            indexes |= {"JobModifyIndex": self.index, "Version": (before or {}).get("Version", -1) + 1}
        written = self._rows[_key(namespace, path)] = {**row, **indexes}
        return written

    def remove(self, namespace: str, path: str) -> None:
        """Delete an object."""
        self.index += 1
        self._rows[_key(namespace, path)] = None

    def check(self, namespace: str, path: str, before: Row | None, cas: object, method: str) -> None:
        """Check and set.

        Raises:
            Conflict: the variable has another index than is asked for.
        """
        held = (before or {}).get("ModifyIndex", 0)
        if cas is not None and int(cast(int, cas)) != held:
            nothing = {"Namespace": namespace, "Path": path.removeprefix("var/"), "CreateIndex": 0, "ModifyIndex": 0}
            raise failure(409, {}, orjson.dumps(before or nothing), method, f"/v1/{path}")

    def variables(self, namespace: str, prefix: str, listed: list[Row]) -> list[Row]:
        """The list of variables with a prefix, with what was written and without what was deleted here."""
        rows: dict[str, Row | None] = {row["Path"]: row for row in listed}
        for (space, path), row in self._rows.items():
            if space == namespace and path.startswith(f"var/{prefix}"):
                rows[path.removeprefix("var/")] = row and {key: value for key, value in row.items() if key != "Items"}
        return [row for _, row in sorted(rows.items()) if row is not None]


def _key(namespace: str, path: str) -> tuple[str, str]:
    return ("" if path.startswith(_GLOBAL) else namespace), path
