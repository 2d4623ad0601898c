"""What each handler has dealt with last, and so what is due: the part that makes changes out of levels.

Every handler has a memory of its own: the spec, or the field, that it last dealt with **successfully**. It is due when that
differs from what is there now. So a change is never missed, changes that follow each other quickly are one, and a handler that
succeeded is at peace however often its neighbour fails.

Written down, this takes one state that nearly all share, and a list of those who are elsewhere: nearly always an empty one. A
handler that nobody knows, since it came or was renamed with a new version of the operator, starts from the shared state.

Specs are remembered as digests. Values of fields are kept too, for `FieldChange.old`, as long as all of them together take no
more than `ROOM`.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import orjson

from operator_kit.handlers.declaration import Create, Handler
from operator_kit.handlers.field import FieldChange
from operator_kit.resource import Resource
from operator_kit.status import Handled, Seen

ROOM: Final = 8 * 1024
"""Bytes for the remembered values of fields, divided evenly among the fields that are followed."""

NOTHING: Final = Seen()
"""What a handler remembers that has not succeeded yet."""

_UNTRACKED: Final = Seen(digest="untracked")


def digest(data: Any) -> str:
    """Sixteen characters that stand for plain data."""
    return hashlib.blake2b(orjson.dumps(data, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()


class Memory:
    """Of the handlers of changes, for one look at a resource. `record` is to be kept in the status."""

    def __init__(self, handlers: Sequence[Handler], resource: Resource, handled: Handled | None) -> None:
        """
        Args:
            handlers: those of creation, update and fields.
            handled: the record of earlier looks.
        """
        spec: Any = resource.spec
        self._handlers = handlers
        self._paths = {handler.path.path: handler.path for handler in handlers if handler.path}
        self._spec = spec
        self._generation = resource.generation
        self._data = spec.model_dump(mode="json", by_alias=True)
        self._digest = digest(self._data)
        self._shared = handled
        known = {handler.id for handler in handlers}
        self._apart = {id: seen for id, seen in handled.apart.items() if id in known} if handled else {}

    @property
    def record(self) -> Handled | None:
        """What is to be remembered; None while no handler of the creation has succeeded."""
        if self._shared is None or self._shared.apart == self._apart:
            return self._shared
        return self._shared.model_copy(update={"apart": dict(self._apart)})

    def due(self, handler: Handler) -> bool:
        """Whether what the handler last dealt with is not what there is now."""
        if isinstance(handler.declaration, Create):
            return self._shared is None or self._apart.get(handler.id) == NOTHING
        if self._shared is None or (self._shared.spec == self._digest and handler.id not in self._apart):
            return False
        return self._seen(handler).digest != self._target(handler).digest

    def change(self, handler: Handler) -> FieldChange[Any]:
        """What became of the field since the handler last dealt with it."""
        path, seen = handler.path, self._seen(handler)
        assert path is not None
        new = path.value(self._spec)
        if digest(seen.value) == seen.digest:
            try:
                return FieldChange(path.path, path.restore(seen.value), new)
            except ValueError:
                pass  # the field has had another type when this was written
        return FieldChange(path.path, None, new, forgotten=True)

    def succeeded(self, handler: Handler) -> None:
        """The handler has dealt with the spec as it is."""
        if self._shared is None:
            self._begin()
        if isinstance(handler.declaration, Create):
            self._apart.pop(handler.id, None)
        else:
            self._apart[handler.id] = self._target(handler)

    def settle(self) -> None:
        """All that were due have been called: what is there now becomes what they share."""
        if self._shared is None:
            self._begin()
        elif (
            self._apart
            or (self._shared.generation, self._shared.spec) != (self._generation, self._digest)
            or self._shared.fields.keys() != self._paths.keys()
        ):
            elsewhere = {handler.id: self._seen(handler) for handler in self._handlers if self.due(handler)}
            self._shared, self._apart = self._now, elsewhere

    def _begin(self) -> None:
        """The resource's creation is dealt with, at least in part: changes count from here."""
        self._shared = self._now
        self._apart = {handler.id: NOTHING for handler in self._handlers if isinstance(handler.declaration, Create)}

    @cached_property
    def _now(self) -> Handled:
        """What they share once all have dealt with the spec as it is."""
        fields = {name: _seen(path.plain(self._data), ROOM // len(self._paths)) for name, path in self._paths.items()}
        return Handled(generation=self._generation, spec=self._digest, fields=fields)

    def _seen(self, handler: Handler) -> Seen:
        if handler.id in self._apart:
            return self._apart[handler.id]
        if self._shared is None:
            return NOTHING
        if handler.path is None:
            return Seen(digest=self._shared.spec)
        if self._shared.spec == self._digest:
            return self._target(handler)
        return self._shared.fields.get(handler.path.path, _UNTRACKED)

    def _target(self, handler: Handler) -> Seen:
        return self._now.fields[handler.path.path] if handler.path else Seen(digest=self._digest)


def _seen(value: Any, room: int) -> Seen:
    small = len(orjson.dumps(value)) <= room
    return Seen(digest=digest(value), value=value if small else None)
