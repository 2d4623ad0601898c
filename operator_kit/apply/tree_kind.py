"""`TreeKind`: the kinds of objects that Nomad keeps as a tree of fields, of which several can own parts."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeVar

import orjson

from nomad_api.client import Nomad
from nomad_api.errors import NotFound
from operator_kit.apply.fields import Path, Tree, conflicts, differences, fields_of, merged, text_of
from operator_kit.apply.object_kind import Live, ObjectKind, Plan
from operator_kit.ownership import MARKS, Owner

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class TreeKind(ObjectKind[T]):
    """A row of the table: how the objects of a kind are called, read, taken apart, put together, written and deleted.

    Attributes:
        id, namespace: what a wish is called, and the namespace that it names.
        wish: the fields that a wish gives.
        tree: all fields of an object but those that are the server's own.
        build: the object of an ID with these fields, in place of another one or of none.
        index: the ModifyIndex of an object.
        get: read an object.
        listed: the IDs of all objects, where looking for marks in them is worth the reads.
        put: write an object where its index is still the given one (as far as Nomad can check it; 0 is "there is none"),
            knowing which fields the wish gives; its new index, None where the answer does not tell.
        remove: delete an object, knowing which fields the wish gave.
        marks: where in the tree the marks are; None where there is no place for them.
        hidden: fields that the server takes and does not show.
        never_empty: an object without fields cannot be: the last owner of a field that leaves takes the object along.
        lingers: whether something of an object is left after the object itself is gone.
    """

    name: str
    noun: str
    id: Callable[[Any], str]
    wish: Callable[[Any], Tree]
    tree: Callable[[T], Tree]
    build: Callable[[str, Tree, T | None], T]
    index: Callable[[T], int]
    get: Callable[[Nomad, str], Awaitable[T]]
    put: Callable[[Nomad, T, int, Collection[str]], Awaitable[int | None]]
    remove: Callable[[Nomad, T, Collection[str]], Awaitable[None]]
    listed: Callable[[Nomad], Awaitable[list[str]]] | None = None
    marks: Path | None = ("Meta",)
    hidden: frozenset[str] = frozenset()
    namespaced: bool = True
    namespace: Callable[[Any], str] = lambda wish: ""
    never_empty: bool = False
    lingers: Callable[[Nomad, str], Awaitable[bool]] | None = None

    @property
    def mark_fields(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset() if self.marks is None else frozenset(text_of((*self.marks, mark)) for mark in MARKS)

    def id_of(self, wish: Any) -> str:
        return self.id(wish)

    def namespace_of(self, wish: Any) -> str:
        return self.namespace(wish) if self.namespaced else ""

    def content(self, wish: Any) -> bytes:
        return orjson.dumps(self.wish(wish), option=orjson.OPT_SORT_KEYS)

    async def ids(self, nomad: Nomad) -> list[str]:
        return [] if self.listed is None else await self.listed(nomad)

    async def read(self, nomad: Nomad, id: str) -> Live[T] | None:
        try:
            found = await self.get(nomad, id)
        except NotFound:
            return None
        owner = None if self.marks is None else Owner.of(reduce(_below, self.marks, self.tree(found)))
        return Live(found, self.index(found), owner)

    async def plan(
        self, nomad: Nomad, wish: Any, live: Live[T] | None, owner: Owner | None, owned: Collection[str], *, new: bool
    ) -> Plan[T]:
        wanted = self.wish(wish)
        before: Tree = self.tree(live.object) if live else {}
        after = merged(before, wanted, owned)
        changes = [field for field in differences(before, after) if field.split("[")[0] not in self.hidden]
        changes += sorted(self.hidden.intersection(wanted)) if new and live else []
        if owner is not None and self.marks is not None:
            unmarked, after = after, merged(after, _tree_at(self.marks, owner.marks()), self.mark_fields)
            changes += differences(unmarked, after)
        return Plan(
            self.build(self.id(wish), after, live.object if live else None),
            live,
            changes,
            sorted(map(text_of, fields_of(wanted))),
            conflicts(before, wanted, owned),
        )

    async def write(self, nomad: Nomad, id: str, plan: Plan[T]) -> int:
        index = await self.put(nomad, plan.wanted, plan.live.index if plan.live else 0, plan.fields)
        return self.index(await self.get(nomad, id)) if index is None else index

    async def delete(self, nomad: Nomad, live: Live[T], owned: Collection[str]) -> None:
        await self.remove(nomad, live.object, owned)

    async def retire(self, nomad: Nomad, id: str, live: Live[T] | None, owned: Collection[str]) -> bool:
        if live is not None:
            await self.delete(nomad, live, owned)
        return self.lingers is None or not await self.lingers(nomad, id)

    async def strip(self, nomad: Nomad, id: str, live: Live[T], fields: Collection[str]) -> None:
        before = self.tree(live.object)
        after = merged(before, {}, fields)
        if self.never_empty and not after:
            await self.remove(nomad, live.object, fields)
        elif differences(before, after):
            await self.put(nomad, self.build(id, after, live.object), live.index, ())


def _tree_at(path: Path, inner: Mapping[str, Any]) -> Tree:
    return reduce(lambda tree, part: {part: tree}, reversed(path), inner)


def _below(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return tree.get(key) or {}
