"""Reads, writes and watches of any path: what all groups of endpoints are made of."""

import copy
import logging
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import quote

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from nomad_api.client.answer import Answer
from nomad_api.client.request import Params
from nomad_api.client.transport import REQUEST_TIMEOUT, Transport
from nomad_api.duration import SECOND, parse_duration
from nomad_api.errors import NomadError, NotFound

T = TypeVar("T")

LONGEST_WAIT: Final = 300.0
"""Seconds: Nomad's default for a blocking query, and the longest it allows."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """A value and the index at which it was true: wait for what comes after with `index`."""

    value: T
    index: int


class Api:
    """The generic client: any path, one namespace and region, one transport (which several of these can share)."""

    def __init__(self, transport: Transport, *, namespace: str = "", region: str = "") -> None:
        self.transport = transport
        self.namespace = namespace
        self.region = region

    def scoped(self, *, namespace: str | None = None, region: str | None = None) -> Self:
        """The same client, over the same connections, for another namespace (`*` is all, for lists) or region."""
        other = copy.copy(self)
        other.namespace = self.namespace if namespace is None else namespace
        other.region = self.region if region is None else region
        return other

    async def read(
        self, path: str, params: Params | None = None, index: int = 0, wait: str | float | None = None
    ) -> Snapshot[Any]:
        """GET a path: its decoded JSON and its index.

        Args:
            path: below `/v1/` (`jobs`), or absolute (`/.well-known/jwks.json`), percent-encoded.
            index: greater than 0 blocks until there is something newer, or `wait` is over; then the answer is the old one.
            wait: seconds, or a duration such as `5m`; Nomad's default and maximum is 5 minutes.
        """
        answer = await self.answer(path, params, index, wait)
        return Snapshot(answer.json(), answer.index)

    async def answer(self, path: str, params: Params | None = None, index: int = 0, wait: str | float | None = None) -> Answer:
        """As `read`, with the body undecoded and all headers."""
        query: dict[str, Any] = dict(params or {})
        within = REQUEST_TIMEOUT
        if index > 0:
            seconds = min(_seconds(wait), LONGEST_WAIT)
            query |= {"index": index, "wait": f"{round(seconds * 1000)}ms"}
            # Nomad adds up to a sixteenth so that waiters do not come back all at once.
            within += seconds * 17 / 16
        return await self.transport.request("GET", absolute(path), params=self.scope(query), within=within)

    async def write(self, method: str, path: str, body: object = None, params: Params | None = None) -> Any:
        """Send a change (`PUT`, `POST`, `DELETE`) and return the decoded JSON of the answer, None if it has no body."""
        answer = await self.transport.request(method, absolute(path), params=self.scope(params), body=body)
        return answer.json()

    async def watch(
        self,
        path: str,
        decode: Callable[[Any], T],
        params: Params | None = None,
        *,
        index: int = 0,
        wait: str | float | None = None,
        retry: bool = True,
    ) -> AsyncIterator[Snapshot[T]]:
        """Snapshots of a path by blocking queries: one at once (unless `index` is given), then one after each change.

        Snapshots may repeat a value, and changes that follow each other fast may share one. When the index goes backwards (a
        restored or another server) the watch starts anew. With `retry`, passing failures are retried for ever, with growing
        pauses; without, they are raised.

        Raises:
            NotFound: the path does not exist, and Nomad gave no index to wait from.
        """
        while True:
            snapshot: Snapshot[Any] | None = None
            async for attempt in retrying(retry):
                with attempt:
                    snapshot = await self.read(path, params, index, wait)
            assert snapshot is not None  # the retries end with a value or an exception
            if max(snapshot.index, 1) < index:
                index = 0
                continue
            if snapshot.index != index or index == 0:
                yield Snapshot(decode(snapshot.value), snapshot.index)
            index = max(snapshot.index, 1)

    async def watch_object(
        self,
        path: str,
        decode: Callable[[Any], T],
        params: Params | None = None,
        *,
        index: int = 0,
        wait: str | float | None = None,
        retry: bool = True,
    ) -> AsyncIterator[Snapshot[T | None]]:
        """As `watch`, for one object: while it does not exist the snapshot's value is None."""
        while True:
            try:
                async for snapshot in self.watch(path, decode, params, index=index, wait=wait, retry=retry):
                    index = snapshot.index
                    yield Snapshot(snapshot.value, snapshot.index)
            except NotFound as missing:
                if not missing.index:
                    raise
                if missing.index != index:
                    yield Snapshot(None, missing.index)
                index = missing.index

    def scope(self, params: Params | None = None) -> dict[str, Any]:
        """Parameters with the client's namespace and region, where they do not name their own."""
        scope = {"namespace": self.namespace or None, "region": self.region or None}
        return {**scope, **(params or {})}


def absolute(path: str) -> str:
    """The path from the root: `jobs` is `/v1/jobs`."""
    return path if path.startswith("/") else f"/v1/{path}"


def segment(text: str) -> str:
    """An ID as one segment of a path: job IDs may hold slashes, spaces and anything else."""
    return quote(text, safe="~")


def retrying(enabled: bool = True) -> AsyncRetrying:
    """Attempts that go on, with pauses of `backoff`, while the failure is a passing one."""
    return AsyncRetrying(
        retry=retry_if_exception(lambda error: enabled and isinstance(error, NomadError) and error.retryable),
        wait=lambda state: backoff(state.attempt_number),
        before_sleep=_tell,
        reraise=True,
    )


def backoff(failures: int) -> float:
    """Seconds to pause after so many failures in a row: doubling from 0.1 s to 15 s, of which a random half is left out."""
    return min(0.1 * 2.0 ** min(failures - 1, 10), 15.0) * random.uniform(0.5, 1.0)


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    _log.log(logging.WARNING if state.attempt_number == 1 else logging.DEBUG, "%s; trying again", error)


def _seconds(wait: str | float | None) -> float:
    if wait is None:
        return LONGEST_WAIT
    return parse_duration(wait) / SECOND if isinstance(wait, str) else wait
