"""`Informers`: what a process follows, each thing once, however many controllers want to know of it.

Whoever wants to follow something asks for its informer before the process runs, or later: it is then followed from that moment
on. All informers of a namespace share one event stream.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from nomad_api.client import Nomad
from operator_kit.engine.first_of import first_of
from operator_kit.informers.event_feed import EventFeed
from operator_kit.informers.jobs import JobInformer
from operator_kit.informers.objects import EVENTLESS, ObjectInformer
from operator_kit.informers.source import Source
from operator_kit.informers.variables import VariableInformer

EVERYWHERE: Final = "*"
"""The namespace that is all of them."""


class Informers:
    """See the module's text.

    Attributes:
        sources: all that is followed, by key.
    """

    def __init__(
        self, nomad: Nomad, random: Random | None = None, *, added: Callable[[Source], None] = lambda source: None
    ) -> None:
        """`added` is told of every source as soon as there is one."""
        self.nomad = nomad
        self._added = added
        self.sources: dict[tuple[str, ...], Source] = {}
        self._random = random or Random()
        self._feeds: dict[str, EventFeed] = {}
        self._group: asyncio.TaskGroup | None = None

    def variables(self, prefix: str) -> VariableInformer:
        """The variables below a prefix, in the client's namespace."""
        key = ("variables", prefix)
        if (known := self.sources.get(key)) is None:
            known = self._add(key, VariableInformer(self.nomad, prefix, self._random), "Variable")
        assert isinstance(known, VariableInformer)
        return known

    @property
    def jobs(self) -> JobInformer:
        """The jobs that belong to resources, in the client's namespace."""
        if (known := self.sources.get(("owned jobs",))) is None:
            known = self._add(("owned jobs",), JobInformer(self.nomad, self._random), "Job", "Allocation", "Deployment")
        assert isinstance(known, JobInformer)
        return known

    def objects(self, topic: str, *, namespace: str | None = None, prefix: str = "", filter: str = "") -> ObjectInformer:
        """The objects of a topic, in the client's namespace or another one (`*` is all).

        Raises:
            ValueError: there is no such topic.
        """
        nomad = self.nomad if namespace is None else self.nomad.scoped(namespace=namespace)
        key = ("objects", topic, nomad.namespace, prefix, filter)
        if (known := self.sources.get(key)) is None:
            informer = ObjectInformer(topic, nomad, self._random, prefix=prefix, filter=filter)
            topics = () if topic in EVENTLESS else (topic,)
            known = self._add(key, informer, *topics)
        assert isinstance(known, ObjectInformer)
        return known

    @property
    def feed(self) -> EventFeed:
        """The event stream of the client's namespace."""
        return self._feed(self.nomad)

    async def run(self) -> None:
        """Follow everything until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for source in self.sources.values():
                    self._follow(source)
                for feed in self._feeds.values():
                    self._follow_events(feed)
                await asyncio.Event().wait()
            finally:
                self._group = None

    async def synced(self) -> None:
        """Wait until every list has been read once."""
        for source in list(self.sources.values()):
            await source.synced.wait()

    def problems(self) -> list[str]:
        """What cannot be followed at the moment, and why."""
        return [
            f"{source.name}: {source.problem or source.state}, last heard of {source.age():.0f} s ago"
            for source in self.sources.values()
            if not source.healthy
        ]

    def _add(self, key: tuple[str, ...], source: Source, *topics: str) -> Source:
        self.sources[key] = source
        self._added(source)
        if topics:
            self._feed(source.nomad).listen(source, *topics)
        if self._group is not None:
            self._follow(source)
        return source

    def _follow(self, source: Source) -> None:
        assert self._group is not None
        self._group.create_task(source.run(), name=f"follow {source.name}")

    def _follow_events(self, feed: EventFeed) -> None:
        async def follow() -> None:
            await first_of(*(source.synced.wait() for source in self.sources.values()))
            await feed.run()

        assert self._group is not None
        self._group.create_task(follow(), name="follow events")

    def _feed(self, nomad: Nomad) -> EventFeed:
        feed = self._feeds.get(nomad.namespace)
        if feed is None:
            feed = self._feeds[nomad.namespace] = EventFeed(nomad, self._random)
            if self._group is not None:
                self._follow_events(feed)
        return feed
