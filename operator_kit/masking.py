"""`Mask`: values that must not be seen, taken out of whatever is about to be written.

It is the second line of defence behind `Secret`, for what an author has revealed on purpose: the driver's exception that quotes
the whole connection string, the status field that was composed from it. The draft of a status bears a mask, applied when it is
packed; the logger of a context applies the same one, once to the values of an event and once to the finished line.

Guarantee: neither the value nor its forms in JSON, in a Python literal or in a URL are written in messages of conditions and
events, in a kind's own fields of the status, or in lines of `ctx.log`.
Caveats: values of fewer than four characters are not masked, for half of every sentence would go with them; nor is a value that
was cut, hashed or encoded otherwise. The last applied spec is left alone: it is what the user wrote, and holds references only.
"""

import json
from collections.abc import Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote

import orjson

MASKED: Final = "***"

SHORTEST: Final = 4
"""Characters that a value must have to be masked."""

_TEXTS: Final = frozenset({"message", "failed", "lastError", "firstError"})
"""Keys of free text in the kit's own fields of a status; the rest of them are words for programs."""


class Mask:
    """Values to hide. An empty one costs nothing."""

    __slots__ = ("_forms",)

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self._forms == other._forms

    __hash__ = None  # type: ignore[assignment]

    def add(self, value: str) -> None:
        """Hide the value from now on."""
        if len(value) < SHORTEST:
            return
        in_json = orjson.dumps(value).decode()[1:-1]
        forms = {value, in_json, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value), quote(value, safe="")}
        forms.add(orjson.dumps(in_json).decode()[1:-1])  # a document within a document
        # The longest first: a form can be a part of another one.
        self._forms = tuple(sorted(forms.union(self._forms), key=lambda form: (-len(form), form)))

    def text(self, text: str) -> str:
        """The text without the values."""
        for form in self._forms:
            text = text.replace(form, MASKED)
        return text

    def data(self, value: Any, only: frozenset[str] = frozenset()) -> Any:
        """Plain data with the values taken out of its texts; with `only`, of what stands below those keys alone."""
        match value:
            case str():
                return value if only else self.text(value)
            case Mapping():
                return {key: self.data(inner, frozenset() if key in only else only) for key, inner in value.items()}
            case list() | tuple():
                return [self.data(inner, only) for inner in value]
        return value

    def items(self, items: Mapping[str, str], kit: frozenset[str], kept: frozenset[str]) -> dict[str, str]:
        """The items of a status with the values taken out; `kit` are the kit's own fields, `kept` those to leave alone."""
        return {
            key: text if key in kept else self._item(text, _TEXTS if key in kit else frozenset()) for key, text in items.items()
        }

    def _item(self, text: str, only: frozenset[str]) -> str:
        try:
            data = orjson.loads(text)
        except orjson.JSONDecodeError:
            return self.text(text)
        return orjson.dumps(self.data(data, only)).decode() if isinstance(data, dict | list) else self.text(text)

    def event(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A processor of structlog: the values of an event, before anybody else sees them."""
        return event if not self else self.data(event)

    def line(self, logger: Any, method: str, line: Any) -> Any:
        """A processor of structlog, to be the last: the finished line, which holds tracebacks too."""
        if isinstance(line, bytes):
            return self.text(line.decode()).encode()
        return self.text(line) if isinstance(line, str) else self.data(line)
