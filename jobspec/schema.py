"""What a schema of a block is made of.

A `Schema` declares, for one type of block, its labels, attributes and nested blocks, and under which key of the API
each appears. The key is the name in CamelCase unless declared otherwise. A schema is data; `decode` walks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jobspec import values
from jobspec.content import DYNAMIC, Expected
from jobspec.values import Type

INT64 = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute converts to `type`; `absent` is its value in the API when it is not set, and, if `nullable`, when
    it is null. `bounds` are those of a whole number. A duration is Go's text or a number of nanoseconds."""

    type: Type
    absent: Any = None
    nullable: bool = True
    bounds: tuple[int, int] = INT64
    duration: bool = False
    required: bool = False
    key: str = ""

    @property
    def optional(self) -> Attribute:
        """The same, but with null for 'not set' in the API."""
        return replace(self, absent=None, nullable=True)

    def named(self, key: str) -> Attribute:
        return replace(self, key=key)


STRING = Attribute(values.STRING, absent="", nullable=False)
BOOL = Attribute(values.BOOL, absent=False, nullable=False)
INT = Attribute(values.NUMBER, absent=0, nullable=False)
INT8 = replace(INT, bounds=(-128, 127))
UINT8 = replace(INT, bounds=(0, 2**8 - 1))
UINT16 = replace(INT, bounds=(0, 2**16 - 1))
UINT32 = replace(INT, bounds=(0, 2**32 - 1))
UINT64 = replace(INT, bounds=(0, 2**64 - 1))
DURATION = Attribute(values.NUMBER, absent=0, nullable=False, duration=True)
STRINGS = Attribute(values.list_of(values.STRING))
UINT16S = Attribute(values.list_of(values.NUMBER), bounds=UINT16.bounds)
STRING_MAP = Attribute(values.map_of(values.STRING))
REQUIRED_STRING = replace(STRING, required=True)


@dataclass(frozen=True, slots=True)
class MapBlock:
    """A block with attributes of any name. `element` is their type; None: anything, evaluated to plain JSON, with
    nested blocks as lists of maps. `as_attribute`: `name = {…}` is taken as well."""

    element: Type | None
    as_attribute: bool = False
    key: str = ""


FREE_BLOCK = MapBlock(None)
STRING_MAP_BLOCK = MapBlock(values.STRING)
STRING_MAP_EITHER_WAY = MapBlock(values.STRING, as_attribute=True)
STRINGS_MAP_BLOCK = MapBlock(values.list_of(values.STRING))


@dataclass(frozen=True, slots=True)
class Nested:
    """Nested blocks: `one` gives an object or null, `many` a list or null, `keyed` a map by label or null."""

    schema: Schema
    arity: str
    key: str = ""


Field = Attribute | MapBlock | Nested


class Schema:
    """`labels` are pairs of the name messages use and the API key; `also` are further keys with constant values."""

    def __init__(
        self, *, labels: Mapping[str, str] | None = None, also: Mapping[str, Any] | None = None, **fields: Field
    ) -> None:
        self.labels = dict(labels or {})
        self.also = dict(also or {})
        self.fields = fields
        self.keys = {name: field.key or _camel_case(name) for name, field in fields.items()}
        """The API key of each field."""
        self.expected = Expected(
            {name: _is_required(field) for name, field in fields.items() if _is_attribute(field)},
            {name: _label_names(field) for name, field in fields.items() if not isinstance(field, Attribute)}
            | {DYNAMIC: ["type"]},
        )


def _camel_case(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _is_attribute(field: Field) -> bool:
    return isinstance(field, Attribute) or (isinstance(field, MapBlock) and field.as_attribute)


def _is_required(field: Field) -> bool:
    return isinstance(field, Attribute) and field.required


def _label_names(field: Field) -> list[str]:
    return list(field.schema.labels) if isinstance(field, Nested) else []


def one(schema: Schema, key: str = "") -> Nested:
    return Nested(schema, "one", key)


def many(schema: Schema, key: str) -> Nested:
    return Nested(schema, "many", key)


def keyed(schema: Schema, key: str) -> Nested:
    return Nested(schema, "keyed", key)
