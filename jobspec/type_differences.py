"""Why the two results of a conditional have no common type, in words."""

from __future__ import annotations

from jobspec.values import Type


def describe_difference(one: Type, other: Type) -> str:
    """A sentence without its full stop, about the first difference of two types that do not unify."""
    if one.kind == other.kind == "object":
        ours, theirs = dict(one.attributes), dict(other.attributes)
        for name, kind in one.attributes:
            if name not in theirs:
                return f"The 'true' value includes object attribute \"{name}\", which is absent in the 'false' value"
            if theirs[name] != kind:
                return f'Type mismatch for object attribute "{name}": {describe_difference(kind, theirs[name])}'
        for name in theirs:
            if name not in ours:
                return f"The 'false' value includes object attribute \"{name}\", which is absent in the 'true' value"
    if one.kind == other.kind == "tuple":
        counts = len(one.elements), len(other.elements)
        if counts[0] != counts[1]:
            return f"The 'true' tuple has length {counts[0]}, but the 'false' tuple has length {counts[1]}"
        for index, (ours_at, theirs_at) in enumerate(zip(one.elements, other.elements, strict=True)):
            if ours_at != theirs_at:
                return f"Type mismatch for tuple element {index}: {describe_difference(ours_at, theirs_at)}"
    if one.kind == other.kind and one.element and other.element:
        inner = {one.element.kind, other.element.kind}
        if inner in ({"object"}, {"tuple"}):
            return f"Mismatched {one.kind} element types: {describe_difference(one.element, other.element)}"
    if str(one) == str(other):
        return "At least one deeply-nested attribute or element is not compatible across both the 'true' and the 'false' value"
    return f"The 'true' value is {one}, but the 'false' value is {other}"
