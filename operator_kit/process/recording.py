"""`RecordingTransport`: reads reach Nomad, writes do not. They are noted down, and answered as if they had been done.

What was "written" is read back: variables with check-and-set and in their lists, every other object at its own path. So a
reconcile that writes, reads what it wrote and goes on from there runs to its end, and nothing has happened. What would only
*follow* from a write is not imagined: a job that was not really registered has no allocations, a resource no status.

Plans, parsing, validation and searches are writes by their method only, and pass.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast
from urllib.parse import quote, unquote

import aiohttp
import orjson

from nomad_api.client.answer import Answer
from nomad_api.client.forwarding import ForwardingTransport
from nomad_api.client.request import Params
from nomad_api.client.transport import Transport, failure
from nomad_api.errors import NotFound, Unreachable
from nomad_api.models.base import Wire
from operator_kit.process.overlay import Overlay, Row

_HARMLESS: Final = re.compile(r"job/.+/plan|jobs/parse|validate/job|search(/fuzzy)?")


class Place(NamedTuple):
    """Objects of one kind: how a path that writes one looks, where in the body it stands, and where it is read."""

    writes: re.Pattern[str]
    within: tuple[str | int, ...]
    read: str


PLACES: Final = (
    Place(re.compile(r"var/.+"), (), "var/{Path}"),
    Place(re.compile(r"jobs"), ("Job",), "job/{ID}"),
    Place(re.compile(r"namespace"), (), "namespace/{Name}"),
    Place(re.compile(r"node/pools"), (), "node/pool/{Name}"),
    Place(re.compile(r"acl/policy/.+"), (), "acl/policy/{Name}"),
    Place(re.compile(r"volume/host/(create|register)"), ("Volume",), "volume/host/{ID}"),
    Place(re.compile(r"volume/csi/.+"), ("Volumes", 0), "volume/csi/{ID}"),
)
"""As `nomad_api` writes them."""

_DELETED: Final = re.compile(r"((?:var|job|namespace|node/pool|acl/policy|volume/host|volume/csi)/.+?)(?:/delete)?")


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was not sent.

    Attributes:
        method, path: as for HTTP; the path is below `/v1/` and not percent-encoded. For a command in a task, `EXEC`.
        namespace: that it was meant for.
        body: what would have been sent.
        place: the path at which the object is read; empty where the write has no object.
        before: the object as it was, None if there was none.
        after: the object as it was written, None if it was deleted.
        diff: for a job, the difference that the last plan of it showed.
    """

    method: str
    path: str
    namespace: str
    body: Row
    place: str = ""
    before: Row | None = None
    after: Row | None = None
    diff: Mapping[str, Any] | None = None


class RecordingTransport(ForwardingTransport):
    """Stands between a client and its real transport.

    Attributes:
        writes: all that was not sent, in order.
    """

    def __init__(self, below: Transport) -> None:
        super().__init__(below)
        self.writes: list[Write] = []
        self._overlay = Overlay()
        self._plans: dict[tuple[str, str], Mapping[str, Any]] = {}

    async def request(
        self, method: str, path: str, *, params: Params | None = None, body: object = None, **options: Any
    ) -> Answer:
        name, given = unquote(path.removeprefix("/v1/")), dict(params or {})
        namespace = str(given.get("namespace") or "default")
        if method == "GET" and self._overlay.has(namespace, name):
            return self._read_back(namespace, name, path)
        if method != "GET" and not _HARMLESS.fullmatch(name):
            return await self._record(method, name, namespace, _plain(body), given)
        answer = await self.below.request(method, path, params=params, body=body, **options)
        self._overlay.catch_up(answer.index)
        if name.endswith("/plan"):
            self._plans[namespace, name.removesuffix("/plan")] = answer.json().get("Diff") or {}
        if name == "vars":
            return self._answer(self._overlay.variables(namespace, str(given.get("prefix") or ""), answer.json() or []))
        return answer

    @asynccontextmanager
    async def websocket(self, path: str, *, params: Params | None = None) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Note a command in a task down.

        Raises:
            Unreachable: always, for nobody can imagine what the command would answer.
        """
        given = dict(params or {})
        self.writes.append(Write("EXEC", unquote(path.removeprefix("/v1/")), str(given.get("namespace") or "default"), given))
        raise Unreachable("a dry run executes no commands", method="GET", url=path, retryable=False)
        yield

    async def _record(self, method: str, name: str, namespace: str, body: Row, params: Row) -> Answer:
        row, place = _object(method, name, body)
        before = await self._present(namespace, place) if place else None
        if name.startswith("var/"):
            self._overlay.check(namespace, place, before, params.get("cas"), method)
        diff = self._plans.get((namespace, place)) if method != "DELETE" else None
        self.writes.append(Write(method, name, namespace, body, place, before, row, diff))
        if name.startswith("var/") and row is not None:
            variable = _variable(name.removeprefix("var/"), row, before, params)
            return self._answer(self._overlay.put(namespace, place, variable, before))
        if row is not None:
            row = self._overlay.put(namespace, place, row, before)
        elif place.startswith("job/") and before is not None and not params.get("purge"):
            self._overlay.put(namespace, place, {**before, "Stop": True}, before)
        elif place:
            self._overlay.remove(namespace, place)
        else:
            self._overlay.catch_up(self._overlay.index + 1)
        index = self._overlay.index
        return self._answer({"EvalID": "", "JobModifyIndex": index, "Index": index, "Volume": row, "DispatchedJobID": name})

    async def _present(self, namespace: str, name: str) -> Row | None:
        """An object as it is after what was written here."""
        if self._overlay.has(namespace, name):
            return self._overlay.row(namespace, name)
        keep = "/~" if name.startswith("var/") else "~"
        kind, _, id = name.rpartition("/") if not name.startswith(("var/", "job/")) else name.partition("/")
        try:
            answer = await self.below.request("GET", f"/v1/{kind}/{quote(id, safe=keep)}", params={"namespace": namespace})
        except NotFound:
            return None
        self._overlay.catch_up(answer.index)
        return cast(Row, answer.json())

    def _read_back(self, namespace: str, name: str, path: str) -> Answer:
        if (row := self._overlay.row(namespace, name)) is None:
            raise failure(404, {"X-Nomad-Index": str(self._overlay.index)}, b"not found", "GET", path)
        return self._answer(row)

    def _answer(self, value: object) -> Answer:
        return Answer(200, {"X-Nomad-Index": str(self._overlay.index)}, orjson.dumps(value))


def _object(method: str, name: str, body: Row) -> tuple[Row | None, str]:
    """The object that a write is about, None if it is deleted; and the path at which it is read, empty if it is none."""
    if method == "DELETE":
        match = _DELETED.fullmatch(name)
        return None, match[1] if match else ""
    for place in PLACES:
        if place.writes.fullmatch(name):
            row: Any = body
            for part in place.within:
                row = row[part]
            names = {"ID": row.get("ID") or row.get("Name"), "Name": row.get("Name"), "Path": name.removeprefix("var/")}
            # The ID of a host volume is the server's to choose; its name will do.
            return {**row, "ID": names["ID"]} if "{ID}" in place.read else row, place.read.format_map(names)
    return None, ""


def _variable(path: str, row: Row, before: Row | None, params: Row) -> Row:
    """A variable as a write leaves it."""
    lock = {"Lock": {"ID": "dry-run", "TTL": "15s", "LockDelay": "15s"}} if "lock-acquire" in params else {}
    items = row.get("Items") or (before or {}).get("Items") or {}
    return {"Path": path, "Items": items, "CreateTime": 0, "ModifyTime": 0, **lock}


def _plain(body: object) -> Row:
    data = body.to_wire() if isinstance(body, Wire) else body or {}
    return cast(Row, orjson.loads(orjson.dumps(data, default=lambda value: value.to_wire())))
