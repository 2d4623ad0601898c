"""`MemoryNomad`: the real client, over a transport that answers from memory.

Everything above the wire is the code that runs in production: paths, JSON, errors, blocking queries, leases, the event stream.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import unquote

import aiohttp
import orjson
from yarl import URL

from nomad_api.client import Nomad, Settings
from nomad_api.client.transport import Answer, Params, Transport, failure
from nomad_api.duration import SECOND, parse_duration
from nomad_api.errors import Unreachable
from nomad_api.models import Job, Variable
from nomad_api.models.base import Wire
from operator_kit.testing.jobs import Jobs
from operator_kit.testing.state import Cluster, Row, Stream
from operator_kit.testing.variables import Refused, Variables

_LOGS: Final = "/v1/client/fs/logs/"


class MemoryTransport(Transport):
    """Answers the routes that operators use, as Nomad does."""

    def __init__(self, cluster: Cluster, variables: Variables, jobs: Jobs) -> None:
        super().__init__(Settings("http://memory", "", "", "", ""))
        self.cluster = cluster
        self.variables = variables
        self.jobs = jobs
        self.cut_off = False

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        within: float = 0.0,
    ) -> Answer:
        cluster = self.cluster
        given: dict[str, Any] = {name: value for name, value in (params or {}).items() if value is not None}
        cluster.requests.append((method, path))
        self._reach(method, path)
        name = unquote(path.removeprefix("/v1/"))
        index = await self._block(name, given) if method == "GET" else None
        try:
            value = self._answer(method, name, _plain(body), given)
        except Refused as refused:
            text = refused.body if isinstance(refused.body, str) else orjson.dumps(refused.body).decode()
            raise failure(refused.status, self._index_header(index), text.encode(), method, path) from None
        return Answer(200, self._index_header(self._index_of(name, value) if index is None else index), orjson.dumps(value))

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        within: float | None = None,
        silence: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        self._reach(method, path)
        given = dict(params or {})
        if path.startswith(_LOGS):
            yield cast(aiohttp.ClientResponse, _StreamAnswer(_Log(self.cluster.logs.get(path.removeprefix(_LOGS), b""))))
            return
        stream = self.cluster.subscribe(cast(list[str], given.get("topic") or []), int(cast(int, given.get("index") or 0)))
        try:
            yield cast(aiohttp.ClientResponse, _StreamAnswer(stream))
        finally:
            self.cluster.unsubscribe(stream)

    def _reach(self, method: str, path: str) -> None:
        if self.cut_off:
            raise Unreachable("cut off")
        if self.cluster.fault is not None:
            self.cluster.fault(method, path)

    async def _block(self, name: str, given: dict[str, Any]) -> int | None:
        """Wait as a blocking query asks for; the index to answer with where nothing happened."""
        index = int(given.get("index", 0))
        if index <= 0:
            return None
        watched = f"var/{given.get('prefix', '')}" if name == "vars" else name if name.startswith("var/") else "jobs"
        changed = await self.cluster.changed(watched, index, parse_duration(given["wait"]) / SECOND)
        return None if changed else min(index, self.cluster.index)

    def _answer(self, method: str, name: str, body: Row, given: dict[str, Any]) -> Any:
        kind, _, rest = name.partition("/")
        match method, kind:
            case "GET", "vars":
                return self.variables.listed(given.get("prefix", ""))
            case "GET", "var":
                return self.variables.get(rest)
            case "PUT", "var":
                return self.variables.put(rest, body, given)
            case "DELETE", "var":
                return self.variables.delete(rest, given.get("cas"))
            case "GET", "jobs":
                return self.jobs.listed(given.get("prefix", ""))
            case "PUT", "jobs":
                return self.jobs.register(body)
            case _, "job":
                return self._job(method, rest, body, given)
        raise Refused(404, "")

    def _job(self, method: str, rest: str, body: Row, given: dict[str, Any]) -> Any:
        job_id, _, part = rest.rpartition("/")
        match method, part if job_id else "":
            case "PUT", "plan":
                return self.jobs.plan(body["Job"])
            case "GET", "allocations":
                return self.jobs.allocations(job_id)
            case "GET", "deployment":
                return self.jobs.deployment(job_id)
            case "GET", "services":
                return self.jobs.services(job_id)
            case "GET", _:
                return self.jobs.get(rest)
            case "DELETE", _:
                return self.jobs.deregister(rest, bool(given.get("purge")))
        raise Refused(405, "Invalid method")

    def _index_of(self, name: str, value: Any) -> int:
        return value["ModifyIndex"] if name.startswith("var/") and value else self.cluster.index

    def _index_header(self, index: int | None) -> dict[str, str]:
        return {"X-Nomad-Index": str(self.cluster.index if index is None else index)}


class _StreamAnswer:
    """Of an aiohttp answer, what the client's streams use."""

    url = URL("http://memory/v1/")

    def __init__(self, content: "Stream | _Log") -> None:
        self.content = content


class _Log:
    """A log as one frame; also the `content` of its answer."""

    def __init__(self, log: bytes) -> None:
        self._frame = orjson.dumps({"Data": base64.b64encode(log).decode()})

    async def iter_any(self) -> Any:
        yield self._frame


class MemoryNomad(Nomad):
    """A Nomad for tests: the client, and with `cluster` what is behind it.

    Several clients can share one cluster: `MemoryNomad(cluster=other.cluster)`. One of them can be cut off from it.
    """

    def __init__(self, *, cluster: Cluster | None = None) -> None:
        self.cluster = cluster or Cluster()
        self._variables = _of(self.cluster, Variables)
        self._jobs = _of(self.cluster, Jobs)
        self._memory = MemoryTransport(self.cluster, self._variables, self._jobs)
        super(Nomad, self).__init__(self._memory)

    @property
    def cut_off(self) -> bool:
        """Whether every request of this client fails."""
        return self._memory.cut_off

    @cut_off.setter
    def cut_off(self, value: bool) -> None:
        self._memory.cut_off = value

    async def declare(self, path: str, **items: str) -> Variable:
        """Write a resource as a user does: items by name, with `__` for a dot."""
        return await self.variables.put(path, {name.replace("__", "."): text for name, text in items.items()})

    def job(self, job_id: str) -> Job | None:
        """A job as it is, without a request."""
        row = self.cluster.jobs.get(job_id)
        return None if row is None else Job.model_validate(row)

    def items(self, path: str) -> dict[str, str] | None:
        """The items of a variable as they are, without a request."""
        row = self.cluster.variables.get(path)
        return None if row is None else dict(row["Items"])

    def crash(self, job_id: str, message: str, log: str = "") -> None:
        """Let the job's tasks end with that message, their output being `log`; they wait for a restart then."""
        for row in self._jobs.allocations(job_id):
            self.cluster.logs[row["ID"]] = log.encode()
        self._jobs.crash(job_id, message)

    def make_healthy(self, job_id: str) -> None:
        """Let the allocations of the job's current version be healthy, and its deployment succeed."""
        self._jobs.make_healthy(job_id, self.cluster.jobs[job_id]["Version"])


def _of(cluster: Cluster, part: type[Any]) -> Any:
    """The one object of that class which belongs to the cluster: locks and timers are shared by its clients."""
    return cluster.parts.setdefault(part, part(cluster))


def _plain(body: object) -> Row:
    data = body.to_wire() if isinstance(body, Wire) else body or {}
    return cast(Row, orjson.loads(orjson.dumps(data, default=lambda value: value.to_wire())))
