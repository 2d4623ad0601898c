"""Values with their types, after the type system of HCL (cty).

A type is more than its Python shape: a list has one element type and a tuple has one per element, a map and an object
likewise; which it is decides what converts to what, what a function takes and what a message says. `null` has a type
too. An unknown value stands for one whose computation failed, so that one mistake gives one message.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jobspec.numbers import Number, format_number, plain_number, rounded


@dataclass(frozen=True, slots=True)
class Type:
    """`kind` is string, number, bool, list, set, map, tuple, object or dynamic (any type).

    `element` is the element type of list, set and map; `elements` those of a tuple; `attributes` those of an object,
    as sorted pairs.
    """

    kind: str
    element: Type | None = None
    elements: tuple[Type, ...] = ()
    attributes: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        """The name in messages: `list of string`, `object`."""
        return f"{self.kind} of {self.element}" if self.element else self.kind

    @property
    def is_primitive(self) -> bool:
        return self.kind in ("string", "number", "bool")

    @property
    def is_collection(self) -> bool:
        return self.kind in ("list", "set", "map")

    @property
    def is_mapping(self) -> bool:
        return self.kind in ("map", "object")

    @property
    def is_sequence(self) -> bool:
        return self.kind in ("list", "set", "tuple")

    @property
    def has_dynamic(self) -> bool:
        inner = [self.element] if self.element else [*self.elements, *(kind for _, kind in self.attributes)]
        return self.kind == "dynamic" or any(part.has_dynamic for part in inner)


STRING: Final = Type("string")
NUMBER: Final = Type("number")
BOOL: Final = Type("bool")
DYNAMIC: Final = Type("dynamic")


def list_of(element: Type) -> Type:
    return Type("list", element)


def set_of(element: Type) -> Type:
    return Type("set", element)


def map_of(element: Type) -> Type:
    return Type("map", element)


def tuple_of(elements: Iterable[Type]) -> Type:
    return Type("tuple", elements=tuple(elements))


def object_of(attributes: Mapping[str, Type]) -> Type:
    return Type("object", attributes=tuple(sorted(attributes.items())))


class _Unknown:
    def __repr__(self) -> str:
        return "unknown"


_UNKNOWN = _Unknown()


@dataclass(frozen=True, slots=True)
class Value:
    """An immutable value. `raw` is a str, Number or bool, a tuple of values (list, set, tuple), or a dict of them in
    the order of the keys (map, object); None is null. Sets are in their order of iteration and without duplicates.
    """

    type: Type
    raw: Any

    @property
    def is_null(self) -> bool:
        return self.raw is None

    @property
    def is_unknown(self) -> bool:
        return self.raw is _UNKNOWN

    @property
    def is_wholly_known(self) -> bool:
        return not self.is_unknown and all(part.is_wholly_known for part in self.parts())

    def parts(self) -> Iterable[Value]:
        """The elements or attribute values; nothing for what has none."""
        if isinstance(self.raw, tuple):
            return self.raw
        return self.raw.values() if isinstance(self.raw, dict) else ()

    def at(self, key: str | int) -> Value:
        """The element or attribute value at a key that is there."""
        element: Value = self.raw[key]
        return element

    def items(self) -> Iterator[tuple[Value, Value]]:
        """Key and value of each element, in order: indices for lists and tuples, the element itself for sets."""
        if isinstance(self.raw, dict):
            yield from ((string(key), value) for key, value in self.raw.items())
        elif self.type.kind == "set":
            yield from ((value, value) for value in self.raw)
        else:
            yield from ((number(index), value) for index, value in enumerate(self.raw))

    def plain(self) -> Any:
        """The value as JSON has it: numbers as int or float, sets and tuples as lists.

        Raises ValueError for what is unknown, OverflowError for an infinite number.
        """
        if self.is_unknown:
            raise ValueError("value is not known")
        if self.raw is None or self.type.kind in ("string", "bool"):
            return self.raw
        if self.type.kind == "number":
            return plain_number(self.raw)
        if isinstance(self.raw, dict):
            return {key: value.plain() for key, value in self.raw.items()}
        return [value.plain() for value in self.raw]


NULL: Final = Value(DYNAMIC, None)
UNKNOWN: Final = Value(DYNAMIC, _UNKNOWN)
TRUE: Final = Value(BOOL, True)
FALSE: Final = Value(BOOL, False)


def string(text: str) -> Value:
    """Strings are kept in Unicode normal form C, whatever form they were written in."""
    return Value(STRING, text if text.isascii() else unicodedata.normalize("NFC", text))


def number(amount: Number) -> Value:
    return Value(NUMBER, rounded(amount) if not isinstance(amount, int) or amount.bit_length() > 512 else amount)


def boolean(truth: bool) -> Value:
    return TRUE if truth else FALSE


def null_of(kind: Type) -> Value:
    return Value(kind, None)


def unknown_of(kind: Type) -> Value:
    return Value(kind, _UNKNOWN)


def list_value(values: Iterable[Value], element: Type) -> Value:
    """A list; the values must be of the element type."""
    return Value(list_of(element), tuple(values))


def tuple_value(values: Iterable[Value]) -> Value:
    items = tuple(values)
    return Value(tuple_of(item.type for item in items), items)


def map_value(entries: Mapping[str, Value], element: Type) -> Value:
    return Value(map_of(element), dict(sorted(entries.items())))


def object_value(attributes: Mapping[str, Value]) -> Value:
    entries = dict(sorted(attributes.items()))
    return Value(object_of({key: value.type for key, value in entries.items()}), entries)


def set_value(values: Iterable[Value], element: Type) -> Value:
    unique = {identity(value): value for value in values}
    return Value(set_of(element), tuple(unique[key] for key in sorted(unique, key=_set_order)))


def identity(value: Value) -> tuple[Any, ...]:
    """A hashable key: two values of the same type are equal if and only if their keys are."""
    if value.raw is None or value.is_unknown:
        return (value.type.kind, value.raw)
    if isinstance(value.raw, dict):
        return ("{", *((key, identity(item)) for key, item in value.raw.items()))
    if isinstance(value.raw, tuple):
        return ("[", *map(identity, value.raw))
    return (value.type.kind, value.raw)


def _set_order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Primitive values in their natural order, null last, compound ones by their text."""
    kind, *rest = key
    if kind in ("string", "number", "bool") and rest[0] is not None:
        return (0, rest[0])
    return (1, str(key))


def equal(one: Value, other: Value) -> bool:
    """`==` of the language: no conversion, so 1 is not "1"; null equals null of any type."""
    if one.is_null or other.is_null:
        return one.is_null and other.is_null
    return one.type == other.type and identity(one) == identity(other)


def text_of(value: Value) -> str:
    """The text of a known primitive value: what conversion to string gives."""
    if value.type.kind == "number":
        return format_number(value.raw)
    if value.type.kind == "bool":
        return "true" if value.raw else "false"
    return str(value.raw)
