"""Variables of the in-memory Nomad: check-and-set, locks with their time to live, and Nomad's own status codes."""

import asyncio
from typing import Any, Final

from nomad_api.duration import SECOND, parse_duration
from operator_kit.testing.state import Cluster, Row

LARGEST: Final = 64 * 1024


class Refused(Exception):
    """An answer that is not a success: status, and text or JSON."""

    def __init__(self, status: int, body: str | Row) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


class Variables:
    """What the routes below `/v1/var` do."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._expiry: dict[str, asyncio.TimerHandle] = {}
        self._delayed: set[str] = set()

    def listed(self, prefix: str) -> list[Row]:
        """Metadata of the variables with that prefix, by path."""
        variables, hidden = self._cluster.variables, self._cluster.is_hidden
        return [_metadata(variables[path]) for path in sorted(variables) if path.startswith(prefix) and not hidden(path)]

    def get(self, path: str) -> Row:
        if self._cluster.is_hidden(path):
            raise Refused(403, "Permission denied")
        if path not in self._cluster.variables:
            raise Refused(404, "variable not found")
        return self._cluster.variables[path]

    def put(self, path: str, body: Row, params: dict[str, Any]) -> Row:
        lock_id = (body.get("Lock") or {}).get("ID", "")
        if "lock-acquire" in params:
            return self._acquire(path, body)
        if "lock-renew" in params:
            return self._renew(path, lock_id)
        if "lock-release" in params:
            return self._release(path, lock_id)
        items = body.get("Items")
        if not items:
            raise Refused(400, "variable missing required Items object")
        if sum(len(key.encode()) + len(value.encode()) for key, value in items.items()) > LARGEST:
            raise Refused(400, "variables are limited to 64KiB in total size")
        self._check(path, params.get("cas"), lock_id)
        return self._store(path, items, (self._cluster.variables.get(path) or {}).get("Lock"))

    def delete(self, path: str, cas: str | None) -> None:
        self._check(path, cas, "")
        if (variable := self._cluster.variables.pop(path, None)) is not None:
            self._cluster.change(f"var/{path}")
            self._publish(variable, deleted=True)

    def _check(self, path: str, cas: str | int | None, lock_id: str) -> None:
        present = self._cluster.variables.get(path)
        if present and present.get("Lock") and present["Lock"]["ID"] != lock_id:
            raise Refused(409, {"Namespace": "", "Path": "", "CreateIndex": 0, "ModifyIndex": 0})
        if cas is not None and int(cas) != (present["ModifyIndex"] if present else 0):
            raise Refused(409, present or {"Namespace": "default", "Path": path, "CreateIndex": 0, "ModifyIndex": 0})

    def _store(self, path: str, items: dict[str, str], lock: Row | None) -> Row:
        cluster = self._cluster
        present = cluster.variables.get(path)
        index = cluster.change(f"var/{path}")
        time = round(asyncio.get_running_loop().time() * SECOND)
        variable = cluster.variables[path] = {
            "Namespace": "default",
            "Path": path,
            "CreateIndex": present["CreateIndex"] if present else index,
            "CreateTime": present["CreateTime"] if present else time,
            "ModifyIndex": index,
            "ModifyTime": time,
            "Items": dict(items),
            **({"Lock": lock} if lock else {}),
        }
        self._publish(variable)
        return variable

    def _publish(self, variable: Row, *, deleted: bool = False) -> None:
        payload = {"Metadata": _metadata(variable), "Deleted": deleted}
        self._cluster.publish("Variable", "VariableUpdated", variable["Path"], payload)

    # Locks

    def _acquire(self, path: str, body: Row) -> Row:
        present = self._cluster.variables.get(path)
        asked = body.get("Lock") or {}
        if path in self._delayed or (present and present.get("Lock") and present["Lock"]["ID"] != asked.get("ID")):
            raise Refused(409, {"Namespace": "", "Path": "", "CreateIndex": 0, "ModifyIndex": 0})
        lock = {
            "ID": asked.get("ID") or self._cluster.new_id("lock"),
            "TTL": asked.get("TTL") or "15s",
            "LockDelay": asked.get("LockDelay") or "15s",
        }
        variable = self._store(path, body.get("Items") or {}, lock)
        self._arm(path, lock)
        return variable

    def _renew(self, path: str, lock_id: str) -> Row:
        variable = self._cluster.variables.get(path)
        if variable is None:
            raise Refused(404, "variable doesn't exist")
        if path in self._delayed or (variable.get("Lock") or {}).get("ID") != lock_id:
            raise Refused(409, "attempting to modify locked variable")
        self._arm(path, variable["Lock"])
        return _metadata(variable)

    def _release(self, path: str, lock_id: str) -> Row:
        variable = self._cluster.variables.get(path)
        if variable is None or (variable.get("Lock") or {}).get("ID") != lock_id:
            raise Refused(409, "attempting to modify locked variable")
        self._expiry.pop(path).cancel()
        return self._store(path, variable["Items"], None)

    def _arm(self, path: str, lock: Row) -> None:
        if path in self._expiry:
            self._expiry[path].cancel()
        seconds = 2 * parse_duration(lock["TTL"]) / SECOND
        self._expiry[path] = asyncio.get_running_loop().call_later(seconds, self._expire, path, lock)

    def _expire(self, path: str, lock: Row) -> None:
        self._delayed.add(path)
        delay = parse_duration(lock["LockDelay"]) / SECOND
        self._expiry[path] = asyncio.get_running_loop().call_later(delay, self._open, path)

    def _open(self, path: str) -> None:
        self._delayed.discard(path)
        self._expiry.pop(path, None)
        if path in self._cluster.variables:
            self._store(path, self._cluster.variables[path]["Items"], None)


def _metadata(variable: Row) -> Row:
    return {key: value for key, value in variable.items() if key != "Items"}
