"""The state of the in-memory Nomad: one index, variables, jobs and what becomes of them, and who waits for changes.

Deterministic: IDs are counted, nothing is random, and time is the event loop's.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import orjson

BUFFER: Final = 100
"""Batches of events that are kept for late subscribers, as by Nomad."""

Row = dict[str, Any]


class Stream:
    """A subscriber of the event stream; also the `content` of its answer."""

    def __init__(self, topics: list[str]) -> None:
        self._topics = [topic.partition(":")[::2] for topic in topics] or [("*", "*")]
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._chunks.put_nowait(b"{}\n")

    def offer(self, batch: Row) -> None:
        """Send what of the batch was asked for."""
        if events := [event for event in batch["Events"] if self._wants(event)]:
            self._chunks.put_nowait(orjson.dumps({**batch, "Events": events}) + b"\n")

    def close(self) -> None:
        self._chunks.put_nowait(None)

    async def iter_any(self) -> Any:
        """The bytes as they come, as `aiohttp.StreamReader` has it."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    def _wants(self, event: Row) -> bool:
        keys = (event["Key"], *(event["FilterKeys"] or ()), "*")
        return any(topic in (event["Topic"], "*") and key in keys for topic, key in self._topics)


class Cluster:
    """What several clients of one in-memory Nomad share.

    Attributes:
        index: of the last change.
        variables: by path, with items.
        jobs, allocations, deployments: by ID, as the API shows them.
        logs: output of tasks, by allocation.
        healthy_after: seconds until a placed allocation is healthy; None leaves that to the test (`make_healthy`).
        variable_topic: whether the stream tells of variables, as Nomad does from 2.0 on.
        deaf: while true, events are lost without a sign.
        parts: the objects that act on the state, by class.
        requests: method and path of every request so far.
        hidden: prefix of variables that the token may not see: missing in lists, 403 when read, no events.
        fault: called with method and path before every request; what it raises is the answer.
    """

    def __init__(self, *, healthy_after: float | None = 1.0, variable_topic: bool = True) -> None:
        self.index = 1
        self.variables: dict[str, Row] = {}
        self.jobs: dict[str, Row] = {}
        self.allocations: dict[str, Row] = {}
        self.deployments: dict[str, Row] = {}
        self.logs: dict[str, bytes] = {}
        self.healthy_after = healthy_after
        self.variable_topic = variable_topic
        self.deaf = False
        self.fault: Callable[[str, str], None] | None = None
        self.hidden = ""
        self.parts: dict[type[Any], Any] = {}
        self.requests: list[tuple[str, str]] = []
        self._ids = itertools.count(1)
        self._changes: deque[tuple[int, str]] = deque(maxlen=10_000)
        self._waiters: list[asyncio.Future[None]] = []
        self._streams: list[Stream] = []
        self._buffer: deque[Row] = deque(maxlen=BUFFER)

    def new_id(self, what: str) -> str:
        """An ID that no other object has."""
        return f"{what}-{next(self._ids):04}"

    def change(self, *touched: str) -> int:
        """Begin a change of these things (`var/<path>`, `jobs`), whose waiters wake up after it; its index."""
        self.index += 1
        self._changes.extend((self.index, name) for name in touched)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return self.index

    async def changed(self, prefix: str, index: int, seconds: float) -> bool:
        """Wait until something with that prefix has changed after `index`; False if nothing did in time."""
        try:
            async with asyncio.timeout(seconds):
                while not any(at > index and name.startswith(prefix) for at, name in self._changes):
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            return False
        return True

    def subscribe(self, topics: list[str], index: int) -> Stream:
        """A new subscriber, beginning with what the buffer still holds from that index on."""
        stream = Stream(topics)
        for batch in self._buffer:
            if batch["Index"] >= index:
                stream.offer(batch)
        self._streams.append(stream)
        return stream

    def unsubscribe(self, stream: Stream) -> None:
        self._streams.remove(stream)

    def cut_streams(self) -> None:
        """End every event stream, as a restarted server does."""
        for stream in self._streams:
            stream.close()

    def is_hidden(self, path: str) -> bool:
        """Whether the token may not see that variable."""
        return bool(self.hidden) and path.startswith(self.hidden)

    def forget_everything(self) -> None:
        """Begin anew with nothing and at the first index, as a development agent does after a restart."""
        for state in (self.variables, self.jobs, self.allocations, self.deployments, self._changes, self._buffer):
            state.clear()
        self.index = 1
        self.cut_streams()
        self.change()

    def publish(self, topic: str, type: str, key: str, payload: Row, *filter_keys: str) -> None:
        """Tell the subscribers of the change that has just been made."""
        if self.deaf or (topic == "Variable" and (not self.variable_topic or self.is_hidden(key))):
            return
        event = {
            "Topic": topic,
            "Type": type,
            "Key": key,
            "Namespace": "default",
            "FilterKeys": list(filter_keys),
            "Index": self.index,
            "Payload": payload,
        }
        batch = {"Index": self.index, "Events": [event]}
        self._buffer.append(batch)
        for stream in self._streams:
            stream.offer(batch)
