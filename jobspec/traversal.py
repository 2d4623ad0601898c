"""Attribute access and indexing of values."""

from __future__ import annotations

from jobspec.conversion import ConversionError, convert
from jobspec.numbers import Number
from jobspec.values import DYNAMIC, NUMBER, STRING, UNKNOWN, Type, Value, unknown_of

_NO_ELEMENT = "The given key does not identify an element in this collection value"


class AccessError(ValueError):
    """The value has no such part. `summary` and `str()` are those of the diagnostic."""

    def __init__(self, summary: str, detail: str) -> None:
        self.summary = summary
        super().__init__(detail)


def attribute(value: Value, name: str) -> Value:
    """`value.name`."""
    kind = value.type
    if value.is_null:
        detail = "This value is null, so it does not have any attributes."
        raise AccessError("Attempt to get attribute from null value", detail)
    if kind.kind == "dynamic":
        return UNKNOWN
    if kind.kind == "object":
        attributes = dict(kind.attributes)
        if name not in attributes:
            raise AccessError("Unsupported attribute", f'This object does not have an attribute named "{name}".')
        return unknown_of(attributes[name]) if value.is_unknown else value.at(name)
    if kind.kind == "map":
        if value.is_unknown:
            return unknown_of(kind.element or DYNAMIC)
        if name not in value.raw:
            raise AccessError("Missing map element", f'This map does not have an element with the key "{name}".')
        return value.at(name)
    raise AccessError("Unsupported attribute", _why_no_attributes(kind, name))


def _why_no_attributes(kind: Type, name: str) -> str:
    if kind.is_primitive:
        return f"Can't access attributes on a primitive-typed value ({kind})."
    if kind.kind == "list" and kind.element and kind.element.kind == "object":
        which = f'attribute "{name}"' if name in dict(kind.element.attributes) else "an attribute"
        return (
            f"Can't access attributes on a list of objects. Did you mean to access {which} for a specific element of "
            "the list, or across all elements of the list?"
        )
    if kind.kind == "set" and kind.element and kind.element.kind == "object":
        return (
            "Can't access attributes on a set of objects. Did you mean to access an attribute across all elements of the set?"
        )
    return "This value does not have any attributes."


def index(collection: Value, key: Value) -> Value:
    """`collection[key]`."""
    if collection.is_null:
        raise AccessError("Attempt to index null value", "This value is null, so it does not have any indices.")
    if key.is_null:
        raise AccessError("Invalid index", "Can't use a null value as an indexing key.")
    kind = collection.type
    if "dynamic" in (key.type.kind, kind.kind):
        return UNKNOWN
    if kind.kind in ("list", "tuple"):
        wanted = _converted(key, NUMBER)
        if wanted.is_unknown or collection.is_unknown:
            return UNKNOWN
        return collection.at(_position(wanted.raw, len(collection.raw)))
    if kind.is_mapping:
        wanted = _converted(key, STRING)
        if wanted.is_unknown or collection.is_unknown:
            return UNKNOWN
        if wanted.raw not in collection.raw:
            numeric = kind.kind == "object" and key.type == NUMBER
            hint = " An object only supports looking up attributes by name, not by numeric index." if numeric else ""
            raise AccessError("Invalid index", f"{_NO_ELEMENT}.{hint}")
        return collection.at(wanted.raw)
    if kind.kind == "set":
        detail = (
            "Elements of a set are identified only by their value and don't have any separate index or key to select "
            "with, so it's only possible to perform operations across all elements of the set."
        )
        raise AccessError("Invalid index", detail)
    raise AccessError("Invalid index", "This value does not have any indices.")


def _converted(key: Value, want: Type) -> Value:
    try:
        return convert(key, want)
    except ConversionError as error:
        raise AccessError("Invalid index", f"{_NO_ELEMENT}: {error}.") from None


def _position(key: Number, length: int) -> int:
    reason = ""
    if not isinstance(key, int):
        reason = ": indexing a sequence requires a whole number, but the given index has a fractional part"
    elif key < 0:
        reason = ": a negative number is not a valid index for a sequence"
    elif key == length:
        reason = ": the given index is greater than or equal to the length of the collection"
        reason = reason if length else ": the collection has no elements"
    elif key < length:
        return key
    raise AccessError("Invalid index", f"{_NO_ELEMENT}{reason}.")
