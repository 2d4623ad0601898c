"""The event broker: every commit becomes a batch of events that any number of subscribers read at their own pace.

One shared ring holds the newest batches, each encoded once; a subscriber is no more than a position in it and a filter, so a
hundred subscribers cost little more than one. A reader that falls off the end of the ring is closed and must list again: it is
never left with a gap that it cannot see. The ring holds far more than Nomad's hundred batches, because a burst of writes must
not cost anybody an event.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import orjson

from orchestrator.state.schema import EVENTS
from orchestrator.state.store import Change, Commit

RING_SIZE = 16_384


class StreamEvent(NamedTuple):
    """An event with what filters look at, and its JSON."""

    topic: str
    key: str
    namespace: str
    filter_keys: tuple[str, ...]
    json: bytes


class Batch:
    """The events of one commit."""

    def __init__(self, index: int, events: list[StreamEvent]) -> None:
        self.index = index
        self.events = events
        self._line: bytes | None = None

    def line(self, chosen: list[StreamEvent]) -> bytes:
        """The line of JSON that carries these events of the batch."""
        if len(chosen) < len(self.events):
            return self._encode(chosen)
        if self._line is None:
            self._line = self._encode(chosen)
        return self._line

    def _encode(self, events: list[StreamEvent]) -> bytes:
        return b'{"Index":%d,"Events":[%b]}\n' % (self.index, b",".join(event.json for event in events))


class Fallen(Exception):
    """A subscriber read too slowly: events it has not seen are gone."""


Topics = Mapping[str, frozenset[str]]
"""Topic to keys; `*` stands for all of them in either place."""


class Subscription:
    """A position in the stream of batches and a filter."""

    def __init__(self, broker: "EventBroker", position: int, wants: Callable[[StreamEvent], bool]) -> None:
        self._broker = broker
        self._position = position
        self._wants = wants

    def pending(self) -> bytes:
        """The lines of all batches since the last call that hold something wanted; may be empty.

        Raises:
            Fallen: the reader was too slow.
        """
        lines = []
        for batch in self._broker.since(self._position):
            self._position += 1
            chosen = [event for event in batch.events if self._wants(event)]
            if chosen:
                lines.append(batch.line(chosen))
        return b"".join(lines)

    async def more(self) -> None:
        """Return when there are batches that `pending` has not seen yet."""
        await self._broker.beyond(self._position)


class EventBroker:
    """The ring of batches. `publish` is the store's subscriber."""

    def __init__(self, size: int = RING_SIZE) -> None:
        self._ring: deque[Batch] = deque(maxlen=size)
        self._count = 0
        self._news = asyncio.Event()

    def publish(self, commit: Commit) -> None:
        """Add the events of a commit."""
        for changes in _frames(commit):
            events = [event for change in changes if (event := _event(commit, change))]
            if events:
                self._ring.append(Batch(commit.index, events))
                self._count += 1
        self._news.set()
        self._news = asyncio.Event()

    def subscribe(self, index: int, wants: Callable[[StreamEvent], bool]) -> Subscription:
        """Read from the oldest batch whose index is not below `index`; from the beginning of the ring with 0."""
        position = self._count - sum(1 for batch in self._ring if batch.index >= index)
        return Subscription(self, position, wants)

    def since(self, position: int) -> Iterable[Batch]:
        """The batches from a position on. Raises Fallen if some of them are gone."""
        first = self._count - len(self._ring)
        if position < first:
            raise Fallen
        if position == self._count:
            return ()
        behind = self._count - position
        if behind == 1:
            return (self._ring[-1],)
        return [self._ring[offset] for offset in range(len(self._ring) - behind, len(self._ring))]

    async def beyond(self, position: int) -> None:
        """Return when there is a batch at that position."""
        while position >= self._count:
            await self._news.wait()


def topic_filter(topics: Topics, namespaces: frozenset[str] | None) -> Callable[[StreamEvent], bool]:
    """Whether an event is of a wanted topic and key, and of a wanted namespace (None: all). Events without a namespace pass."""
    everything = topics.get("*")

    def wants(event: StreamEvent) -> bool:
        if namespaces is not None and event.namespace and event.namespace not in namespaces:
            return False
        keys = topics.get(event.topic) or everything
        return keys is not None and ("*" in keys or event.key in keys or any(key in keys for key in event.filter_keys))

    return wants


def _frames(commit: Commit) -> Iterable[tuple[Change, ...]]:
    """A registration comes as two frames with one index: the job, then its evaluation."""
    if commit.kind not in ("JobRegistered", "JobDeregistered"):
        return (commit.changes,)
    evaluations = tuple(change for change in commit.changes if change.table == "evaluations")
    return (tuple(change for change in commit.changes if change.table != "evaluations"), evaluations)


def _event(commit: Commit, change: Change) -> StreamEvent | None:
    spec = EVENTS.get(change.table)
    deleted = change.new is None
    if spec is None or (deleted and not spec.on_delete):
        return None
    row = change.old if deleted else change.new
    if deleted:
        row = row.evolve(modify_index=commit.index) if change.table == "variables" else row
    key = spec.key(row)
    filter_keys = spec.filter_keys(row)
    namespace = row.namespace if spec.namespaced else ""
    payload = spec.payload(row, deleted)
    if change.table == "jobs" and not deleted:
        del payload["Deleted"]
    data = {
        "Topic": spec.topic,
        "Type": _type(commit, change.table, deleted),
        "Key": key,
        "Namespace": namespace,
        "FilterKeys": filter_keys or None,
        "Index": commit.index,
        "Payload": payload,
    }
    return StreamEvent(spec.topic, key, namespace, tuple(filter_keys), orjson.dumps(data, option=orjson.OPT_SORT_KEYS))


def _type(commit: Commit, table: str, deleted: bool) -> str:
    """Deletions of services carry a type of their own; all other events have the kind of their transaction."""
    return "ServiceDeregistration" if table == "services" and deleted else commit.kind
