"""Variables: small maps of strings under a path, with check-and-set and locks.

Every operation that finds the variable changed or locked by another raises `Conflict`, whose `current` is what is there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from nomad_api.client.collection import Collection
from nomad_api.models.variable import Variable, VariableMetadata


class Variables(Collection[VariableMetadata, Variable]):
    """`nomad.variables`: the list has metadata only, a single variable its items.

    A list's prefix is a plain one (`resources/a` also finds `resources/ab`). Some servers wake a `watch_list` for changes
    outside of its prefix too.
    """

    plural = "vars"
    singular = "var"
    stub = VariableMetadata
    item = Variable

    async def put(self, path: str, items: Mapping[str, str], *, cas: int | None = None, lock_id: str | None = None) -> Variable:
        """Replace all items of a variable, creating it if needed.

        Args:
            cas: write only if the variable's ModifyIndex is this; 0 only if it does not exist. None writes regardless.
            lock_id: the lock held by the caller, needed while the variable is locked.

        Raises:
            Conflict: check-and-set failed, or another holds the lock.
            BadRequest: bad path, no items, or more than 64 KiB.
        """
        body: dict[str, Any] = {"Path": path, "Items": dict(items)}
        if lock_id:
            body["Lock"] = {"ID": lock_id}
        return await self._write(path, body, cas=cas)

    async def delete(self, path: str, *, cas: int | None = None, lock_id: str | None = None) -> None:
        """Remove a variable; removing one that does not exist succeeds.

        Raises:
            Conflict: check-and-set failed, or the variable is locked. (Nomad deletes a locked variable for nobody, so a
                holder that gives `lock_id` has its lock released first.)
        """
        if lock_id:
            await self.release_lock(path, lock_id)
        await self._api.write("DELETE", self._path(path), params={"cas": cas})

    async def acquire_lock(
        self,
        path: str,
        items: Mapping[str, str] | None = None,
        *,
        ttl: str = "15s",
        lock_delay: str = "15s",
        lock_id: str | None = None,
    ) -> Variable:
        """Take the lock of a variable, creating it if needed, and **replace its items**; the answer's `lock.id` is the key.

        Args:
            ttl: the lock is lost when it is not renewed for twice this long (10 s to 24 h).
            lock_delay: how long a lost lock stays closed for everyone.
            lock_id: the key, if it is to be the caller's own choice; the server makes one up otherwise.

        Raises:
            Conflict: another holds the lock, or it is within its delay.
        """
        lock = {"TTL": ttl, "LockDelay": lock_delay, **({"ID": lock_id} if lock_id else {})}
        body: dict[str, Any] = {"Path": path, "Lock": lock}
        if items is not None:
            body["Items"] = dict(items)
        return await self._write(path, body, **{"lock-acquire": ""})

    async def renew_lock(self, path: str, lock_id: str) -> VariableMetadata:
        """Keep a lock for another TTL.

        Raises:
            Conflict: the lock is another's, or nobody's.
            NotFound: the variable is gone.
        """
        return await self._write(path, {"Path": path, "Lock": {"ID": lock_id}}, **{"lock-renew": ""})

    async def release_lock(self, path: str, lock_id: str) -> Variable:
        """Give a lock back; the items stay.

        Raises:
            Conflict: the lock is another's.
        """
        return await self._write(path, {"Path": path, "Lock": {"ID": lock_id}}, **{"lock-release": ""})

    async def changed(self, path: str, index: int, seconds: float) -> None:
        """Wait until the variable is newer than an index that it had, but no longer than that many seconds.

        Raises:
            NomadError: it cannot be read.
        """
        await self._api.read(self._path(path), None, max(index, 1), seconds)

    def _path(self, id: str, *rest: str) -> str:
        return f"{self.singular}/{quote(id, safe='/~')}"

    async def _write(self, path: str, body: dict[str, Any], **params: Any) -> Variable:
        return Variable.model_validate(await self._api.write("PUT", self._path(path), body, params))
