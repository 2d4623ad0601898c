"""Variables of the in-memory Nomad: check-and-set, locks with their time to live, and Nomad's own status codes and texts."""

import asyncio
import re
from typing import Any, Final

from nomad_api.duration import SECOND, parse_duration
from operator_kit.testing.routing import Refused, Request
from operator_kit.testing.state import Cluster, Row, key_of

LARGEST: Final = 64 * 1024

_PATH: Final = re.compile(r"[a-zA-Z0-9_~/-]{1,128}")
_OPERATIONS: Final = ("lock-acquire", "lock-renew", "lock-release")


def listed(request: Request) -> list[Row]:
    """Metadata of the variables with that prefix, by path."""
    rows = request.listed(request.cluster.variables.values(), "Path")
    return [_metadata(row) for row in rows if not request.cluster.is_hidden(row["Path"])]


def get(request: Request) -> Row:
    if request.cluster.is_hidden(request.id):
        raise Refused(403, "Permission denied")
    if (row := request.cluster.variables.get(request.key)) is None:
        raise Refused(404, "variable not found")
    return row


def put(request: Request) -> Row:
    asked = [name for name in _OPERATIONS if name in request.params]
    if len(asked) > 1:
        raise Refused(400, "multiple lock operations")
    if asked and "cas" in request.params:
        raise Refused(400, "CAS can't be used with lock operations")
    if asked:
        return {"lock-acquire": _acquire, "lock-renew": _renew, "lock-release": _release}[asked[0]](request)
    items = request.body.get("Items")
    if not items:
        raise Refused(400, "variable missing required Items object")
    _validate(request.id, items)
    _check(request)
    row = request.cluster.variables.get(request.key)
    return _store(request.cluster, request.namespace, request.id, items, row.get("Lock") if row else None)


def delete(request: Request) -> None:
    _check(request)
    cluster = request.cluster
    row = cluster.variables.pop(request.key, None)
    cluster.change(f"variables/{request.key}")
    if row is not None:
        _publish(cluster, row, deleted=True)


def expire_lock(cluster: Cluster, path: str, namespace: str = "default") -> None:
    """Take the lock of a variable from its holder, as if its time were over: it opens after its delay."""
    key = key_of(namespace, path)
    if (lock := (cluster.variables.get(key) or {}).get("Lock")) is not None:
        _expire(cluster, key, lock)


def rewrite(cluster: Cluster, path: str, namespace: str = "default") -> None:
    """Write a variable as it is, as if another had done so; nothing happens to one that is locked or missing."""
    row = cluster.variables.get(key_of(namespace, path))
    if row is not None and not row.get("Lock"):
        _store(cluster, namespace, path, row["Items"], None)


def _validate(path: str, items: dict[str, str]) -> None:
    if _PATH.fullmatch(path) is None:
        raise Refused(400, f'RPC Error:: 400,invalid path "{path}"')
    top, _, below = path.partition("/")
    if top == "nomad" and below.partition("/")[0] not in ("jobs", "job-templates", "sentinel"):
        valid = 'only paths at "nomad/jobs" or "nomad/job-templates" and below are valid paths'
        raise Refused(400, f'RPC Error:: 400,{valid} under the top-level "nomad" directory')
    if sum(len(key.encode()) + len(value.encode()) for key, value in items.items()) > LARGEST:
        raise Refused(400, "RPC Error:: 400,variables are limited to 64KiB in total size")


def _check(request: Request) -> None:
    """Refuse a write that has another index in mind, or lacks the lock. The index is looked at first."""
    row = request.cluster.variables.get(request.key)
    cas = request.params.get("cas")
    if cas is not None and int(cas) != (row["ModifyIndex"] if row else 0):
        raise Refused(409, row or _nothing(request))
    if row and row.get("Lock") and row["Lock"]["ID"] != (request.body.get("Lock") or {}).get("ID"):
        raise Refused(409, _nothing(request))


def _nothing(request: Request) -> Row:
    return {"Namespace": request.namespace, "Path": request.id, **dict.fromkeys(_ZERO, 0)}


_ZERO: Final = ("CreateIndex", "CreateTime", "ModifyIndex", "ModifyTime")


def _store(cluster: Cluster, namespace: str, path: str, items: dict[str, str], lock: Row | None) -> Row:
    key = key_of(namespace, path)
    present = cluster.variables.get(key)
    index = cluster.change(f"variables/{key}")
    time = round(asyncio.get_running_loop().time() * SECOND)
    row = cluster.variables[key] = {
        "Namespace": namespace,
        "Path": path,
        "CreateIndex": present["CreateIndex"] if present else index,
        "CreateTime": present["CreateTime"] if present else time,
        "ModifyIndex": index,
        "ModifyTime": time,
        "Items": dict(items),
        **({"Lock": lock} if lock else {}),
    }
    _publish(cluster, row)
    return row


def _publish(cluster: Cluster, row: Row, *, deleted: bool = False) -> None:
    payload = {"Metadata": _metadata(row), "Deleted": deleted}
    cluster.publish("Variable", "VariableUpdated", row["Path"], payload, namespace=row["Namespace"])


def _metadata(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "Items"}


# Locks


def _acquire(request: Request) -> Row:
    cluster, key = request.cluster, request.key
    asked = request.body.get("Lock") or {}
    held = (cluster.variables.get(key) or {}).get("Lock")
    if held and (held["ID"] != asked.get("ID") or key in cluster.expired_locks):
        raise Refused(409, _nothing(request))
    _validate(request.id, request.body.get("Items") or {})
    lock = {
        "ID": asked.get("ID") or cluster.new_id(),
        "TTL": asked.get("TTL") or "15s",
        "LockDelay": asked.get("LockDelay") or "15s",
    }
    row = _store(cluster, request.namespace, request.id, request.body.get("Items") or {}, lock)
    _arm(cluster, key, lock)
    return row


def _renew(request: Request) -> Row:
    row, lock_id = request.cluster.variables.get(request.key), _lock_id(request)
    if not lock_id:
        raise Refused(500, "1 error occurred:\n\t* missing lock ID\n\n")
    if row is None:
        raise Refused(404, "variable doesn't exist")
    if not row.get("Lock"):
        raise Refused(409, "variable doesn't hold a lock")
    if row["Lock"]["ID"] != lock_id or request.key in request.cluster.expired_locks:
        raise Refused(409, "attempting to modify locked variable")
    _arm(request.cluster, request.key, row["Lock"])
    return _metadata(row)


def _release(request: Request) -> Row:
    row, lock_id = request.cluster.variables.get(request.key), _lock_id(request)
    if not lock_id:
        raise Refused(400, "RPC Error:: 400,missing lock information")
    if row is None:
        raise Refused(500, "variable doesn't exist")
    if not row.get("Lock"):
        raise Refused(500, "variable doesn't hold a lock")
    if row["Lock"]["ID"] != lock_id or request.key in request.cluster.expired_locks:
        raise Refused(409, _nothing(request))
    request.cluster.timers.pop(request.key).cancel()
    return _metadata(_store(request.cluster, request.namespace, request.id, row["Items"], None))


def _lock_id(request: Request) -> Any:
    return (request.body.get("Lock") or {}).get("ID")


def _arm(cluster: Cluster, key: str, lock: Row) -> None:
    """Let the lock expire when it is not renewed for twice its time to live."""
    _later(cluster, key, 2 * parse_duration(lock["TTL"]) / SECOND, _expire, lock)


def _expire(cluster: Cluster, key: str, lock: Row) -> None:
    cluster.expired_locks.add(key)
    _later(cluster, key, parse_duration(lock["LockDelay"]) / SECOND, _open)


def _open(cluster: Cluster, key: str) -> None:
    cluster.timers.pop(key, None)
    cluster.expired_locks.discard(key)
    if (row := cluster.variables.get(key)) is not None:
        _store(cluster, row["Namespace"], row["Path"], row["Items"], None)


def _later(cluster: Cluster, key: str, seconds: float, act: Any, *arguments: Any) -> None:
    if (timer := cluster.timers.pop(key, None)) is not None:
        timer.cancel()
    cluster.timers[key] = asyncio.get_running_loop().call_later(seconds, act, cluster, key, *arguments)
