"""Conversion of values between types, and the common type of several.

Primitive values convert where their text makes sense, tuples become lists or sets and objects become maps when all
elements convert, objects lose attributes the target does not have. What cannot be converted is explained with the
place of the first misfit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jobspec.numbers import parse_number
from jobspec.values import (
    BOOL,
    DYNAMIC,
    FALSE,
    NUMBER,
    STRING,
    TRUE,
    Type,
    Value,
    list_of,
    map_of,
    map_value,
    null_of,
    number,
    object_of,
    object_value,
    set_value,
    string,
    text_of,
    tuple_of,
    tuple_value,
    unknown_of,
)

_BOOLEANS = {"true": TRUE, "1": TRUE, "false": FALSE, "0": FALSE}
_BOOLEAN_HINTS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


class ConversionError(ValueError):
    """Why a value has no equivalent in the wanted type; `str()` goes behind a colon."""


def convert(value: Value, want: Type) -> Value:
    """The value in the wanted type; DYNAMIC inside the type stands for whatever fits all elements."""
    have = value.type
    if have == want or want == DYNAMIC:
        return value
    if have != DYNAMIC and not _possible(have, want):
        raise ConversionError(mismatch(have, want))
    if value.is_null:
        return null_of(want)
    if value.is_unknown:
        return unknown_of(want)
    if want.is_primitive:
        return _to_primitive(value, want)
    return _CONVERTERS[want.kind](value, want)


def _possible(have: Type, want: Type) -> bool:
    """Whether some value of the one type converts to the other (a string may hold a number, a list never does)."""
    if have == want or DYNAMIC in (have, want):
        return True
    if have.is_primitive or want.is_primitive:
        return have.is_primitive and want.is_primitive and {have.kind, want.kind} != {"number", "bool"}
    if want.kind in ("list", "set"):
        return have.is_sequence and _all_possible(_inner(have), want.element)
    if want.kind == "map":
        return have.is_mapping and _all_possible(_inner(have), want.element)
    if want.kind == "tuple":
        return (
            have.kind == "tuple"
            and len(have.elements) == len(want.elements)
            and all(map(_possible, have.elements, want.elements))
        )
    if have.kind == "map":
        return all(_possible(have.element or DYNAMIC, kind) for _, kind in want.attributes)
    given = dict(have.attributes)
    return have.kind == "object" and all(name in given and _possible(given[name], kind) for name, kind in want.attributes)


def _all_possible(inner: Sequence[Type], want: Type | None) -> bool:
    if want == DYNAMIC:
        return unify(inner) is not None
    return all(_possible(kind, want or DYNAMIC) for kind in inner)


def _inner(kind: Type) -> list[Type]:
    return [kind.element] if kind.element else [*kind.elements, *(part for _, part in kind.attributes)]


def _to_primitive(value: Value, want: Type) -> Value:
    if want == STRING:
        return string(text_of(value))
    text = str(value.raw)
    if want == NUMBER:
        parsed = parse_number(text)
        if parsed is None:
            raise ConversionError("a number is required")
        return number(parsed)
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    hint = _BOOLEAN_HINTS.get(text)
    raise ConversionError(
        f'a bool is required; to convert from string, use lowercase "{hint}"' if hint else "a bool is required"
    )


def _element_type(value: Value, want: Type) -> Type:
    element = want.element or DYNAMIC
    if not element.has_dynamic:
        return element
    parts = list(value.parts())
    common = unify([convert(part, element).type for part in parts]) if parts else None
    return common or value.type.element or DYNAMIC


def _parts_converted(value: Value, element: Type) -> list[Value]:
    return [convert(part, element) for part in value.parts()]


def _to_list(value: Value, want: Type) -> Value:
    element = _element_type(value, want)
    return Value(list_of(element), tuple(_parts_converted(value, element)))


def _to_set(value: Value, want: Type) -> Value:
    element = _element_type(value, want)
    return set_value(_parts_converted(value, element), element)


def _to_map(value: Value, want: Type) -> Value:
    element = _element_type(value, want)
    return map_value(dict(zip(value.raw, _parts_converted(value, element), strict=True)), element)


def _to_tuple(value: Value, want: Type) -> Value:
    return tuple_value(map(convert, value.raw, want.elements))


def _to_object(value: Value, want: Type) -> Value:
    for name, _ in want.attributes:
        if name not in value.raw:
            raise ConversionError(f'map has no element for required attribute "{name}"')
    return object_value({name: convert(value.raw[name], kind) for name, kind in want.attributes})


_CONVERTERS: dict[str, Callable[[Value, Type], Value]] = {
    "list": _to_list,
    "set": _to_set,
    "map": _to_map,
    "tuple": _to_tuple,
    "object": _to_object,
}


def unify(kinds: Sequence[Type]) -> Type | None:
    """The type all of these convert to without loss, None if there is none."""
    kinds = list(dict.fromkeys(kinds))
    known = [kind for kind in kinds if kind != DYNAMIC]
    if not kinds:
        return DYNAMIC
    if len(kinds) == 1:
        return kinds[0]
    if len(known) <= 1:
        return known[0] if known else DYNAMIC
    if all(kind.is_primitive for kind in known):
        return STRING if STRING in known else None
    if all(kind.kind == "object" for kind in known):
        return _unify_objects(known)
    if all(kind.kind == "tuple" for kind in known):
        return _unify_tuples(known)
    if all(kind.is_mapping for kind in known):
        element = unify([part for kind in known for part in _inner(kind)])
        return map_of(element) if element else None
    if all(kind.is_sequence for kind in known):
        element = unify([part for kind in known for part in _inner(kind)])
        shape = "set" if all(kind.kind == "set" for kind in known) else "list"
        return Type(shape, element) if element else None
    return None


def _unify_objects(kinds: list[Type]) -> Type | None:
    names = [tuple(name for name, _ in kind.attributes) for kind in kinds]
    if len(set(names)) == 1:
        merged = {}
        for name in names[0]:
            merged[name] = unify([dict(kind.attributes)[name] for kind in kinds])
        if all(merged.values()):
            return object_of({name: kind for name, kind in merged.items() if kind})
        return None
    element = unify([part for kind in kinds for part in _inner(kind)])
    return map_of(element) if element else None


def _unify_tuples(kinds: list[Type]) -> Type | None:
    if len({len(kind.elements) for kind in kinds}) == 1:
        merged = [unify(parts) for parts in zip(*(kind.elements for kind in kinds), strict=True)]
        return tuple_of(kind for kind in merged if kind) if all(merged) else None
    element = unify([part for kind in kinds for part in _inner(kind)])
    return list_of(element) if element else None


_ARTICLED = {"string": "a string", "number": "a number", "bool": "a bool"}


def required(want: Type) -> str:
    """The type as something asked for: `a number`, `list of string`."""
    return _ARTICLED.get(want.kind, str(want))


def mismatch(have: Type, want: Type) -> str:
    """Why no value of the one type converts to the other."""
    if have.kind == want.kind == "object":
        return _object_mismatch(have, want)
    nouns = {"tuple": ("list", "set"), "object": ("map",)}
    if want.element == DYNAMIC and want.kind in nouns.get(have.kind, ()):
        return f"all {want.kind} elements must have the same type"
    if have.kind in ("tuple", "object") and want.is_collection:
        return _structure_mismatch(have, want)
    if have.is_collection and want.is_collection:
        fits = (have.kind == "map") == (want.kind == "map")
        inner = mismatch(have.element or DYNAMIC, want.element or DYNAMIC)
        return f"incorrect {want.kind} element type: {inner}" if fits else f"{required(want)} required"
    if have.is_primitive != want.is_primitive or want == STRING or {have, want} == {NUMBER, BOOL}:
        return f"{want} required, but have {have}"
    if {have.kind, want.kind} == {"tuple", "object"}:
        return f"{want} required, but have {have}"
    return f"{required(want)} is required" if want.is_primitive else f"{required(want)} required"


def _object_mismatch(have: Type, want: Type) -> str:
    given = dict(have.attributes)
    missing = [f'"{name}"' for name, _ in want.attributes if name not in given]
    if len(missing) == 1:
        return f"attribute {missing[0]} is required"
    if len(missing) == 2:
        return f"attributes {missing[0]} and {missing[1]} are required"
    if missing:
        return f"attributes {', '.join(missing[:-1])}, and {missing[-1]} are required"
    for name, kind in want.attributes:
        if not _possible(given[name], kind):
            return f'attribute "{name}": {mismatch(given[name], kind)}'
    return "incorrect object attributes"


def _structure_mismatch(have: Type, want: Type) -> str:
    if (want.kind == "map") != (have.kind == "object"):
        return f"{required(want)} required"
    element = want.element or DYNAMIC
    named = have.attributes or tuple((str(index), kind) for index, kind in enumerate(have.elements))
    for name, kind in named:
        if not _possible(kind, element):
            place = f'"{name}"' if have.kind == "object" else name
            return f"element {place}: {mismatch(kind, element)}"
    return f"all elements must be {required(element)}"
