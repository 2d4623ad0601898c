"""Sets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from jobspec.conversion import ConversionError, convert, unify
from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.values import DYNAMIC, Type, Value, identity, list_value, set_of, set_value, tuple_of, tuple_value

_SET = set_of(DYNAMIC)
_LARGEST_PRODUCT = 100_000


def _unified(sets: tuple[Value, ...]) -> tuple[list[Value], Type]:
    kinds = [part.type.element or DYNAMIC for part in sets if part.raw or part.type.element != DYNAMIC]
    element = unify(kinds)
    if element is None:
        raise CallError("given sets must all have compatible element types")
    converted = []
    for at, part in enumerate(sets):
        try:
            converted.append(convert(part, set_of(element)))
        except ConversionError as error:
            raise ArgumentError(at, str(error)) from None
    return converted, element


def _combined(sets: tuple[Value, ...], keep: Callable[[set[object], set[object]], set[object]]) -> Value:
    converted, element = _unified(sets)
    values = {identity(item): item for part in converted for item in part.raw}
    kept: set[object] | None = None
    for part in converted:
        members: set[object] = {identity(item) for item in part.raw}
        kept = members if kept is None else keep(kept, members)
    return set_value((value for key, value in values.items() if key in (kept or ())), element)


@function(first_set=_SET, rest={"other_sets": _SET})
def union(*sets: Value) -> Value:
    return _combined(sets, set.union)


@function(first_set=_SET, rest={"other_sets": _SET})
def intersection(*sets: Value) -> Value:
    return _combined(sets, set.intersection)


@function(rest={"sets": DYNAMIC})
def product(*sets: Value) -> Value:
    """All combinations; a list if there is no set among the arguments."""
    if len(sets) < 2:
        raise CallError("at least two arguments are required")
    elements = [_element(at, part) for at, part in enumerate(sets)]
    if math.prod(len(part.raw) for part in sets) > _LARGEST_PRODUCT:
        raise CallError(f"more than {_LARGEST_PRODUCT} combinations")
    columns = [[convert(item, kind) for item in part.raw] for part, kind in zip(sets, elements, strict=True)]
    combinations = map(tuple_value, itertools.product(*columns))
    kind = tuple_of(elements)
    if all(part.type.kind != "set" for part in sets):
        return list_value(combinations, kind)
    return set_value(combinations, kind)


def _element(at: int, part: Value) -> Type:
    if not part.type.is_sequence:
        raise ArgumentError(at, "a set or a list is required")
    element = part.type.element or unify(part.type.elements)
    if element is None:
        raise ArgumentError(at, "all elements must be of the same type")
    return element


FUNCTIONS: dict[str, Function] = {
    "setintersection": intersection,
    "setproduct": product,
    "setunion": union,
}
