"""Lists, tuples, maps and objects."""

from __future__ import annotations

from jobspec.conversion import ConversionError, convert, unify
from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.functions.whole_numbers import whole_number
from jobspec.traversal import AccessError
from jobspec.traversal import index as value_at
from jobspec.values import (
    DYNAMIC,
    NUMBER,
    STRING,
    Type,
    Value,
    boolean,
    equal,
    identity,
    list_of,
    list_value,
    map_value,
    number,
    object_value,
    string,
    tuple_value,
)

_LONGEST_RANGE = 1024


@function(collection=DYNAMIC)
def length(collection: Value) -> Value:
    if not (collection.type.is_sequence or collection.type.kind == "map"):
        raise CallError("collection must be a list, a map or a tuple")
    return number(len(collection.raw))


@function(collection=DYNAMIC, key=DYNAMIC)
def index(collection: Value, key: Value) -> Value:
    if collection.type.kind not in ("list", "tuple", "map"):
        raise CallError("collection must be a list, a map or a tuple")
    want = STRING if collection.type.kind == "map" else NUMBER
    if key.type != want:
        raise CallError(f"key for {collection.type.kind} must be {want}")
    try:
        return value_at(collection, key)
    except AccessError:
        raise CallError("invalid index") from None


@function(list=DYNAMIC, index=NUMBER)
def element(items: Value, at: Value) -> Value:
    """The index wraps around, in both directions."""
    if items.type.kind not in ("list", "tuple"):
        raise CallError(f"cannot read elements from {items.type}")
    if not items.raw:
        raise CallError("cannot use element function with an empty list")
    return items.at(whole_number(at) % len(items.raw))


@function(rest={"vals": DYNAMIC}, nullable=["vals"])
def coalesce(*candidates: Value) -> Value:
    common = unify([candidate.type for candidate in candidates])
    if common is None:
        raise CallError("all arguments must have the same type")
    for candidate in candidates:
        if not candidate.is_null:
            return _converted(candidate, common)
    raise CallError("no non-null arguments")


def _converted(value: Value, want: Type) -> Value:
    try:
        return convert(value, want)
    except ConversionError as error:
        raise CallError(str(error)) from None


@function(rest={"vals": DYNAMIC}, nullable=["vals"])
def coalescelist(*candidates: Value) -> Value:
    if not candidates:
        raise CallError("at least one argument is required")
    if any(candidate.type.kind not in ("list", "tuple") for candidate in candidates):
        raise CallError("coalescelist arguments must be lists or tuples")
    for candidate in candidates:
        if candidate.raw:
            return candidate
    raise CallError("no non-null arguments")


@function(list=list_of(STRING))
def compact(items: Value) -> Value:
    return list_value((item for item in items.raw if item.raw), STRING)


@function(rest={"seqs": DYNAMIC})
def concat(*sequences: Value) -> Value:
    if not sequences:
        raise CallError("at least one argument is required")
    for at, sequence in enumerate(sequences):
        if sequence.type.kind not in ("list", "tuple"):
            raise ArgumentError(at, f"all arguments must be lists or tuples; got {sequence.type}")
    common = unify([sequence.type for sequence in sequences])
    if common and common.element and all(sequence.type.kind == "list" for sequence in sequences):
        return list_value((item for part in sequences for item in _converted(part, common).raw), common.element)
    return tuple_value(item for sequence in sequences for item in sequence.raw)


@function(list=DYNAMIC, value=DYNAMIC, nullable=["value"])
def contains(items: Value, wanted: Value) -> Value:
    if not items.type.is_sequence:
        raise CallError("argument must be list, tuple, or set")
    return boolean(any(equal(item, wanted) for item in items.raw))


@function(list=list_of(DYNAMIC))
def distinct(items: Value) -> Value:
    first: dict[object, Value] = {}
    for item in items.raw:
        first.setdefault(identity(item), item)
    return Value(items.type, tuple(first.values()))


@function(list=list_of(DYNAMIC), size=NUMBER)
def chunklist(items: Value, size: Value) -> Value:
    width = whole_number(size)
    if width < 0:
        raise CallError("the size argument must be positive")
    width = width or max(1, len(items.raw))
    chunks = [Value(items.type, items.raw[at : at + width]) for at in range(0, len(items.raw), width)]
    return list_value(chunks, items.type)


@function(list=DYNAMIC)
def flatten(items: Value) -> Value:
    if not items.type.is_sequence:
        raise CallError("can only flatten lists, sets and tuples")
    return tuple_value(_flattened(items))


def _flattened(items: Value) -> list[Value]:
    result: list[Value] = []
    for item in items.raw:
        if item.type.is_sequence and not item.is_null:
            result += _flattened(item)
        else:
            result.append(item)
    return result


@function(inputMap=DYNAMIC)
def keys(mapping: Value) -> Value:
    if not mapping.type.is_mapping:
        raise ArgumentError(0, "must have map or object type")
    return list_value(map(string, mapping.raw), STRING)


@function(mapping=DYNAMIC)
def values(mapping: Value) -> Value:
    if not mapping.type.is_mapping:
        raise CallError("values() requires a map as the first argument")
    if mapping.type.element:
        return list_value(mapping.raw.values(), mapping.type.element)
    return tuple_value(mapping.raw.values())


@function(inputMap=DYNAMIC, key=STRING, default=DYNAMIC)
def lookup(mapping: Value, key: Value, default: Value) -> Value:
    if not mapping.type.is_mapping:
        raise ArgumentError(0, "lookup() requires a map as the first argument")
    if mapping.type.element:
        try:
            default = convert(default, mapping.type.element)
        except ConversionError:
            raise ArgumentError(2, "the default value must have the same type as the map elements") from None
    return mapping.at(key.raw) if key.raw in mapping.raw else default


@function(rest={"maps": DYNAMIC}, nullable=["maps"])
def merge(*mappings: Value) -> Value:
    """A map if all are maps of the same type, else an object; null counts as empty."""
    merged: dict[str, Value] = {}
    for mapping in mappings:
        if not mapping.type.is_mapping and mapping.type != DYNAMIC:
            raise CallError(f'arguments must be maps or objects, got "{mapping.type}"')
        merged |= mapping.raw or {}
    kinds = {mapping.type for mapping in mappings}
    only = kinds.pop() if len(kinds) == 1 else None
    return map_value(merged, only.element) if only and only.element else object_value(merged)


@function(rest={"params": NUMBER})
def sequence(*parameters: Value) -> Value:
    """`range(max)`, `range(start, limit)` or `range(start, limit, step)`; without a step it runs in the right
    direction."""
    amounts = [parameter.raw for parameter in parameters]
    if not 1 <= len(amounts) <= 3:
        raise CallError("must have one, two, or three arguments")
    start, limit = (0, amounts[0]) if len(amounts) == 1 else amounts[:2]
    step = amounts[2] if len(amounts) == 3 else (1 if limit >= start else -1)
    if step == 0:
        raise ArgumentError(2, "step must not be zero")
    if step < 0 and limit > start:
        raise ArgumentError(1, "end must be less than start when step is negative")
    if step > 0 and limit < start:
        raise ArgumentError(1, "end must be greater than start when step is positive")
    result: list[Value] = []
    current = number(start)
    while current.raw < limit if step > 0 else current.raw > limit:
        if len(result) == _LONGEST_RANGE:
            raise CallError(
                f"more than {_LONGEST_RANGE} values were generated; either decrease the difference between start and "
                "end or use a smaller step"
            )
        result.append(current)
        current = number(current.raw + step)
    return list_value(result, NUMBER)


@function(list=DYNAMIC, start_index=NUMBER, end_index=NUMBER)
def slice_of(items: Value, start_index: Value, end_index: Value) -> Value:
    if items.type.kind == "set":
        raise ArgumentError(
            0,
            "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the "
            "ordering of the result is not important",
        )
    if items.type.kind not in ("list", "tuple"):
        raise ArgumentError(0, "must be a list or tuple value")
    start, end, count = whole_number(start_index), whole_number(end_index), len(items.raw)
    for at, name, value in ((1, "start", start), (2, "end", end)):
        if value < 0:
            raise ArgumentError(at, f"{name} index must not be less than zero")
        if value > count:
            raise ArgumentError(at, f"{name} index must not be greater than the length of the list")
    if start > end:
        raise ArgumentError(1, "start index must not be greater than end index")
    part = items.raw[start:end]
    return Value(items.type, part) if items.type.element else tuple_value(part)


@function(keys=list_of(STRING), values=DYNAMIC)
def zipmap(names: Value, items: Value) -> Value:
    if items.type.kind not in ("list", "tuple"):
        raise CallError("values argument must be a list or tuple value")
    if len(names.raw) != len(items.raw):
        raise CallError(f"number of keys ({len(names.raw)}) does not match number of values ({len(items.raw)})")
    for at, name in enumerate(names.raw):
        if name.is_null:
            raise CallError(f"keys list has null value at index {at}")
    entries = {name.raw: item for name, item in zip(names.raw, items.raw, strict=True)}
    return map_value(entries, items.type.element) if items.type.element else object_value(entries)


FUNCTIONS: dict[str, Function] = {
    "chunklist": chunklist,
    "coalesce": coalesce,
    "coalescelist": coalescelist,
    "compact": compact,
    "concat": concat,
    "contains": contains,
    "distinct": distinct,
    "element": element,
    "flatten": flatten,
    "index": index,
    "keys": keys,
    "length": length,
    "lookup": lookup,
    "merge": merge,
    "range": sequence,
    "slice": slice_of,
    "values": values,
    "zipmap": zipmap,
}
