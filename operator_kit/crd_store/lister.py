"""Resources of any kind, read from what the process follows anyway: one by its name, or all that a selector means.

    site = await ctx.get(Website, "blog")
    targets = await ctx.select(ScrapeTarget, "team=core,spec.port!=0")

Labels and the fields that a kind has published as selectable are indexed, so a selector with an equality looks at what fulfils
that, not at everything. An index holds the values alone: resources are parsed anew for whoever asks, and dropped after that.

What another operator has refused (its items make no spec) is in no list: nothing can be read from it.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, cast

from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import InvalidItems
from operator_kit.crd_store.declarations import Declaration
from operator_kit.crd_store.selectors import Requirement, Selector, text_of
from operator_kit.crd_store.store import ResourceStore
from operator_kit.informers.shared import Informers
from operator_kit.resource import Resource

R = TypeVar("R", bound=Resource)

IndexKey = tuple[str, str]
"""A label or a selectable field, and its value as text."""


class Lister:
    """The resources of all kinds that are asked for, in the client's namespace."""

    def __init__(self, informers: Informers) -> None:
        self._informers = informers
        self._kinds: dict[type[Resource], KindLister[Any]] = {}

    def of(self, kind: type[R]) -> "KindLister[R]":
        """The resources of one kind, followed from the first call on."""
        if kind not in self._kinds:
            self._kinds[kind] = KindLister(kind, self._informers)
        return cast(KindLister[R], self._kinds[kind])


class KindLister(Generic[R]):
    """The resources of one kind."""

    def __init__(self, kind: type[R], informers: Informers) -> None:
        resources = informers.variables(paths.resources(kind.group, kind.kind))
        statuses = informers.variables(paths.statuses(kind.group, kind.kind))
        self._store = ResourceStore(kind, informers.nomad, resources, statuses)
        self._kind = kind
        self._outdated: set[str] = set(resources.keys())
        self._values: dict[str, frozenset[IndexKey]] = {}
        self._names: dict[IndexKey, set[str]] = defaultdict(set)
        resources.listen(self._outdated.add)
        statuses.listen(self._outdated.add)

    async def get(self, name: str) -> R | None:
        """The resource of that name; None if there is none, or if its items make no spec.

        Raises:
            NomadError: it had to be read, and could not be.
        """
        await self._synced()
        declared, observed = await self._store.read(name)
        if declared is None:
            return None
        try:
            return self._store.resource(name, Declaration(declared), self._store.draft(name, observed).status)
        except InvalidItems:
            return None

    async def select(self, selector: Selector | str = "") -> list[R]:
        """All resources that the selector means, by name.

        Raises:
            SelectorError: it is none, or asks for a field that the kind has not published as selectable.
            NomadError: something had to be read, and could not be.
        """
        wanted = Selector.parse(selector) if isinstance(selector, str) else selector
        wanted.check(self._kind.selectable)
        await self._synced()
        await self._refresh()
        found = [await self.get(name) for name in sorted(self._candidates(wanted.requirements))]
        return [resource for resource in found if resource is not None and resource.selected_by(wanted)]

    async def _synced(self) -> None:
        await self._store.resources.synced.wait()
        await self._store.statuses.synced.wait()

    async def _refresh(self) -> None:
        """Index what has changed since the last time."""
        while self._outdated:
            name = self._outdated.pop()
            resource = await self.get(name)
            new = frozenset(_index_keys(resource)) if resource is not None else frozenset()
            for key in self._values.pop(name, frozenset()) - new:
                self._names[key].discard(name)
                if not self._names[key]:
                    del self._names[key]
            for key in new:
                self._names[key].add(name)
            if resource is not None:
                self._values[name] = new

    def _candidates(self, requirements: Iterable[Requirement]) -> set[str]:
        """The names that can fulfil the requirements: those of the smallest equality, else all."""
        found = [
            set[str]().union(*(self._names.get((requirement.key, value), ()) for value in requirement.values))
            for requirement in requirements
            if requirement.operator in ("=", "in")
        ]
        return min(found, key=len) if found else set(self._values)


def _index_keys(resource: Resource) -> list[IndexKey]:
    fields = [(path, text_of(resource.field(path))) for path in resource.selectable]
    return [*resource.labels.items(), *((path, text) for path, text in fields if text is not None)]
