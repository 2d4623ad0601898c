"""Variables: paths, check-and-set, encryption at rest, locks.

A lock lives in its variable. The lease is kept by timers here, not in the store: a renewal writes nothing. A lock that is not
renewed for twice its TTL is released after its delay, during which nobody may take or renew it; timers start anew with the
agent, so a restart never shortens a lease. All of it is Nomad's behaviour.
"""

import asyncio
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from nomad_api.duration import HOUR, SECOND, format_duration, parse_duration
from nomad_api.models.variable import Variable, VariableLock
from orchestrator.errors import APIError, multiple_errors, store_error
from orchestrator.keyring import Keyring
from orchestrator.state.records import SealedVariable
from orchestrator.state.store import Committed, Store, Transaction

MAX_SIZE = 64 * 1024
DEFAULT_LOCK = 15 * SECOND
KIND = "VariableUpdated"
_PATH = re.compile(r"[a-zA-Z0-9\-_~/]{1,128}")
_RESERVED = (
    '"nomad" is a reserved top-level directory path, but you may write variables to "nomad/jobs", "nomad/job-templates", '
    '"nomad/sentinel", or below'
)
_BELOW_NOMAD = (
    'only paths at "nomad/jobs" or "nomad/job-templates" and below are valid paths under the top-level "nomad" directory'
)
_TEMPLATES = (
    '"nomad/job-templates" is a reserved directory path, but you may write variables at the level below it, for example, '
    '"nomad/job-templates/template-name"'
)


class Conflict(Exception):
    """A check-and-set that failed, or a variable locked by somebody else. `current` is None where nothing may be shown."""

    def __init__(self, namespace: str, path: str, current: SealedVariable | None) -> None:
        super().__init__(f"{path} has changed or is locked")
        self.namespace = namespace
        self.path = path
        self.current = current


@dataclass(frozen=True)
class Lock:
    """A lock as asked for; durations in nanoseconds."""

    id: str = ""
    ttl: int = 0
    delay: int = 0

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Lock":
        """Raises APIError 400 for a duration that cannot be read; a duration of a wrong JSON type is the default."""
        return cls(str(value.get("ID") or ""), _duration(value.get("TTL")), _duration(value.get("LockDelay")))

    def with_defaults(self) -> "Lock":
        return Lock(self.id or str(uuid.uuid4()), self.ttl or DEFAULT_LOCK, self.delay or DEFAULT_LOCK)

    def stored(self) -> VariableLock:
        return VariableLock(id=self.id, ttl=format_duration(self.ttl), lock_delay=format_duration(self.delay))


def _duration(value: Any) -> int:
    if isinstance(value, str) and value:
        try:
            return parse_duration(value)
        except ValueError:
            raise APIError(400, f'time: invalid duration "{value}"') from None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0


def check_path(path: str) -> None:
    """Whether variables may be written there. Raises APIError with Nomad's text."""
    if not _PATH.fullmatch(path):
        raise store_error(400, f'invalid path "{path}"')
    parts = path.split("/")
    if parts[0] != "nomad":
        return
    if len(parts) == 1:
        raise store_error(400, _RESERVED)
    if parts[1] == "job-templates":
        if len(parts) != 3:
            raise store_error(400, _TEMPLATES)
    elif parts[1] not in ("jobs", "sentinel"):
        raise store_error(400, _BELOW_NOMAD)


def check_items(items: dict[str, str]) -> None:
    """Whether they fit. Raises APIError with Nomad's text."""
    if sum(len(key.encode()) + len(value.encode()) for key, value in items.items()) > MAX_SIZE:
        raise store_error(400, "variables are limited to 64KiB in total size")


class Variables:
    """Reads and writes of variables, with their locks."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring
        self._leases: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._delayed: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Begin the leases of all locks that the store holds."""
        for variable in self._store.state.variables:
            if variable.lock:
                self._lease(variable)

    def stop(self) -> None:
        """Drop all timers."""
        for timer in self._leases.values():
            timer.cancel()
        self._leases.clear()

    def open(self, sealed: SealedVariable) -> Variable:
        """The variable with its items decrypted (None where it has none)."""
        items = orjson.loads(self._keyring.open(sealed)) if sealed.data else None
        return Variable.model_validate({**sealed.metadata(), "Items": items})

    def show(self, sealed: SealedVariable, *, with_lock: bool = True) -> dict[str, Any]:
        """The same, ready to become JSON: what is decrypted is JSON already, and nobody looks inside on its way out."""
        shown = sealed.metadata(with_lock=with_lock)
        if sealed.data:
            shown["Items"] = orjson.Fragment(self._keyring.open(sealed))
        return shown

    async def put(
        self, namespace: str, path: str, items: dict[str, str], *, cas: int | None = None, lock: Lock | None = None
    ) -> Committed[SealedVariable]:
        """Write a variable: all of its items are replaced.

        Args:
            cas: write only if this is the variable's ModifyIndex; 0 only if there is no variable.
            lock: the lock under which to write.

        Raises:
            APIError: a bad path, no items, or too many.
            Conflict: the check failed, or somebody else holds a lock.
        """
        check_path(path)
        if not items:
            raise store_error(400, "variable missing required Items object")
        data, key_id = self._seal(items)

        def change(tx: Transaction) -> SealedVariable:
            current = tx.state.variables.get(namespace, path)
            self._check(namespace, path, current, cas, lock.id if lock else None)
            held = lock.with_defaults().stored() if lock else None
            return tx.put(_sealed(tx, namespace, path, current, data, key_id, held))

        committed = await self._store.write(KIND, change)
        if lock:
            self._lease(committed.value)
        return committed

    async def delete(self, namespace: str, path: str, *, cas: int | None = None, lock_id: str | None = None) -> Committed[bool]:
        """Remove a variable; whether there was one. Raises Conflict."""

        def change(tx: Transaction) -> bool:
            self._check(namespace, path, tx.state.variables.get(namespace, path), cas, lock_id)
            return tx.delete("variables", namespace, path)

        committed = await self._store.write(KIND, change)
        self._forget(namespace, path)
        return committed

    async def acquire(self, namespace: str, path: str, items: dict[str, str], lock: Lock) -> Committed[SealedVariable]:
        """Take the lock of a variable, which is made if there is none; its items are replaced, even by nothing.

        Raises:
            APIError: a bad path, lock or too many items.
            Conflict: somebody else holds the lock, or its delay is not over.
        """
        check_path(path)
        data, key_id = self._seal(items) if items else ("", "")
        _check_lock(lock)

        def change(tx: Transaction) -> SealedVariable:
            current = tx.state.variables.get(namespace, path)
            if current and current.lock and (current.lock.id != lock.id or (namespace, path) in self._delayed):
                raise Conflict(namespace, path, None)
            return tx.put(_sealed(tx, namespace, path, current, data, key_id, lock.with_defaults().stored()))

        committed = await self._store.write(KIND, change)
        self._lease(committed.value)
        return committed

    def renew(self, namespace: str, path: str, lock_id: str) -> SealedVariable:
        """Keep a lock for another TTL. Writes nothing.

        Raises:
            APIError: no lock ID, no variable, no lock, or another's.
        """
        if not lock_id:
            raise APIError(500, multiple_errors(["missing lock ID"]))
        current = self._store.state.variables.get(namespace, path)
        if current is None:
            raise APIError(404, "variable doesn't exist")
        if current.lock is None:
            raise APIError(409, "variable doesn't hold a lock")
        if current.lock.id != lock_id or (namespace, path) in self._delayed:
            raise APIError(409, "attempting to modify locked variable")
        self._lease(current)
        return current

    async def release(self, namespace: str, path: str, lock_id: str) -> Committed[SealedVariable]:
        """Give a lock back; the items stay.

        Raises:
            APIError: no variable, or no lock.
            Conflict: it is another's lock.
        """
        if not lock_id:
            raise store_error(400, "missing lock information")

        def change(tx: Transaction) -> SealedVariable:
            current = tx.state.variables.get(namespace, path)
            if current is None:
                raise APIError(500, "variable doesn't exist", index=0)
            if current.lock is None:
                raise APIError(500, "variable doesn't hold a lock", index=0)
            if current.lock.id != lock_id:
                raise Conflict(namespace, path, None)
            return tx.put(current.evolve(lock=None, modify_time=tx.now))

        committed = await self._store.write(KIND, change)
        self._forget(namespace, path)
        return committed

    def _seal(self, items: dict[str, str]) -> tuple[str, str]:
        text = orjson.dumps(items, option=orjson.OPT_SORT_KEYS)
        if len(text) > MAX_SIZE:  # the JSON of items is never shorter than what is counted
            check_items(items)
        return self._keyring.seal(text)

    def _check(self, namespace: str, path: str, current: SealedVariable | None, cas: int | None, lock_id: str | None) -> None:
        if cas is not None and cas != (current.modify_index if current else 0):
            raise Conflict(namespace, path, current or SealedVariable(namespace=namespace, path=path))
        if current and current.lock and current.lock.id != lock_id:
            raise Conflict(namespace, path, None)
        if current and not current.lock and lock_id == "":
            raise Conflict(namespace, path, None)

    def _lease(self, variable: SealedVariable) -> None:
        assert variable.lock is not None
        key, lock = (variable.namespace, variable.path), variable.lock
        self._arm(key, 2 * parse_duration(lock.ttl), lambda: self._expire(key, lock))

    def _expire(self, key: tuple[str, str], lock: VariableLock) -> None:
        self._delayed.add(key)
        self._arm(key, parse_duration(lock.lock_delay), lambda: self._remove_lock(key, lock.id))

    def _remove_lock(self, key: tuple[str, str], lock_id: str) -> None:
        def change(tx: Transaction) -> None:
            current = tx.state.variables.get(*key)
            if current and current.lock and current.lock.id == lock_id:
                tx.put(current.evolve(lock=None, modify_time=tx.now))

        self._forget(*key)
        self._store.begin(KIND, change)

    def _arm(self, key: tuple[str, str], after: int, action: Callable[[], None]) -> None:
        timer = self._leases.pop(key, None)
        if timer:
            timer.cancel()
        self._leases[key] = asyncio.get_running_loop().call_later(after / SECOND, action)

    def _forget(self, namespace: str, path: str) -> None:
        self._delayed.discard((namespace, path))
        timer = self._leases.pop((namespace, path), None)
        if timer:
            timer.cancel()


def _check_lock(lock: Lock) -> None:
    problems = []
    if lock.ttl < 0 or lock.delay < 0:
        problems.append("Lock delay and TTL must be positive")
    if not 10 * SECOND <= (lock.ttl or DEFAULT_LOCK) <= 24 * HOUR:
        problems.append("TTL must be between 10 seconds and 24 hours")
    if problems:
        raise store_error(400, multiple_errors(problems))


def _sealed(
    tx: Transaction,
    namespace: str,
    path: str,
    current: SealedVariable | None,
    data: str,
    key_id: str,
    lock: VariableLock | None,
) -> SealedVariable:
    return SealedVariable(
        namespace=namespace,
        path=path,
        lock=lock,
        create_time=current.create_time if current else tx.now,
        modify_time=tx.now,
        data=data,
        key_id=key_id,
    )
