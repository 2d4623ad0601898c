"""One event stream for all sources of an operator: it tells them early what their lists will tell them surely.

Nomad refuses a stream as a whole, or leaves it silent, if the token may not read one of its topics; and servers before 2.0
refuse the topic `Variable`, which they do not know, to all but management tokens. So a refused stream is asked for without it.

What the lists have told already need not be told again: the stream is asked for from the newest index that one of them knows.
That loses nothing, for every source reads its list once more when the stream has begun.
"""

import asyncio
from collections import defaultdict
from random import Random
from typing import Final

import structlog

from nomad_api.client import Connected, Nomad
from nomad_api.errors import Forbidden, NomadError, StreamClosed
from operator_kit.informers.source import RECONNECT, Source

RECENT: Final = frozenset({"Variable"})
"""Topics that older servers do not know."""

_log = structlog.get_logger("operator_kit.events")


class EventFeed:
    """Connects to the stream, for ever, and hands each event to the sources that listen to its topic.

    Attributes:
        connected: whether events come at present.
        begun: set once they have come for the first time.
        problem: why not.
    """

    def __init__(self, nomad: Nomad, random: Random) -> None:
        self.connected = False
        self.begun = asyncio.Event()
        self.problem = ""
        self._nomad = nomad
        self._random = random
        self._listeners: dict[str, list[Source]] = defaultdict(list)
        self._left_out: frozenset[str] = frozenset()

    def listen(self, source: Source, *topics: str) -> None:
        """Hand events of these topics to the source, from the next connection on."""
        for topic in topics:
            self._listeners[topic].append(source)

    async def run(self) -> None:
        """Follow the stream until cancelled. Failures are told once and waited out; lists do without the stream."""
        failures = 0
        while True:
            try:
                topics = {topic: ["*"] for topic in sorted(self._listeners.keys() - self._left_out)}
                index = max((source.listed for source in self._sources()), default=0)
                async for item in self._nomad.events(topics, index=index, reconnect=False):
                    if isinstance(item, Connected):
                        failures = 0
                        self.connected, self.problem = True, ""
                        self.begun.set()
                        for source in self._sources():
                            source.stream_connected()
                        continue
                    for event in item.events:
                        for source in self._listeners.get(event.topic, ()):
                            source.stream_event(event)
            except NomadError as error:
                failures += 1
                if not self.connected and isinstance(error, Forbidden | StreamClosed):
                    self._left_out = frozenset() if self._left_out else RECENT & self._listeners.keys()
                if str(error) != self.problem:
                    _log.warning("no events", error=str(error))
                self.problem = str(error)
            finally:
                self.connected = False
                for source in self._sources():
                    source.stream_lost()
            await asyncio.sleep(RECONNECT.pause(max(failures, 1), self._random))

    def _sources(self) -> list[Source]:
        """Each once, in the order in which they began to listen: a simulation must take the same course every time."""
        return list(dict.fromkeys(source for sources in self._listeners.values() for source in sources))
