"""Values of single attributes as the API has them."""

from __future__ import annotations

import re
from typing import Any

from jobspec.conversion import ConversionError, convert
from jobspec.numbers import Number
from jobspec.schema import INT64, Attribute
from jobspec.values import Value
from nomad_api.duration import parse_duration


class UnsuitableError(ValueError):
    """The value does not fit the attribute; `summary` and `str()` are those of the diagnostic."""

    def __init__(self, detail: str, summary: str = "Unsuitable value type") -> None:
        self.summary = summary
        super().__init__(detail)


def api_value(value: Value, attribute: Attribute) -> Any:
    """The value converted to the attribute's type, as plain Python; raises UnsuitableError."""
    if attribute.duration:
        return _duration(value)
    try:
        return _plain(convert(value, attribute.type), attribute.bounds, attribute.nullable)
    except ConversionError as error:
        raise UnsuitableError(f"Unsuitable value: {error}") from None


def _plain(value: Value, bounds: tuple[int, int], nullable: bool) -> Any:
    if value.is_unknown:
        raise ConversionError("value must be known")
    if value.is_null:
        if nullable:
            return None
        raise ConversionError("null value is not allowed")
    if value.type.kind == "number":
        return _whole(value.raw, bounds)
    if value.type.is_mapping:
        return {key: _plain(item, bounds, False) for key, item in value.raw.items()}
    if value.type.is_sequence:
        return [_plain(item, bounds, False) for item in value.raw]
    return value.raw


def _whole(amount: Number, bounds: tuple[int, int]) -> int:
    low, high = bounds
    if not isinstance(amount, int) or not low <= amount <= high:
        inclusive = "" if low else " inclusive"
        raise ConversionError(f"value must be a whole number, between {low} and {high}{inclusive}")
    return amount


def _duration(value: Value) -> int:
    if value.is_null:
        raise UnsuitableError("Unsuitable duration value: nil", "Unsuitable value")
    if value.type.kind == "string" and not value.is_unknown:
        try:
            return parse_duration(value.raw)
        except ValueError:
            raise UnsuitableError(f"Unsuitable duration value: {_why_no_duration(value.raw)}") from None
    if value.type.kind == "number":
        try:
            return int(_plain(value, INT64, False))
        except ConversionError as error:
            raise UnsuitableError(f"Unsuitable value: {error}") from None
    raise UnsuitableError(f"Unsuitable value: expected a string but found {_internal_name(value)}")


def _internal_name(value: Value) -> str:
    """How Nomad prints a type here, by accident; only its name for bool is a recorded fact."""
    return "{{{} %!s(cty.primitiveTypeKind=66)}}" if value.type.kind == "bool" else str(value.type)


def _why_no_duration(text: str) -> str:
    """The reason Go's time package gives."""
    parts = re.match(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*(\d+\.?\d*|\.\d+)([^.\d]*)", text, re.ASCII)
    if not parts:
        return f'time: invalid duration "{text}"'
    if not parts[2]:
        return f'time: missing unit in duration "{text}"'
    return f'time: unknown unit "{parts[2]}" in duration "{text}"'
