"""Arguments that must be whole."""

from __future__ import annotations

from jobspec.functions.declaration import CallError
from jobspec.schema import INT64
from jobspec.values import Value


def whole_number(value: Value) -> int:
    """The number, if it is whole and fits in 64 bits; raises CallError."""
    amount = value.raw
    if not isinstance(amount, int) or not INT64[0] <= amount <= INT64[1]:
        raise CallError(f"value must be a whole number, between {INT64[0]} and {INT64[1]}")
    return amount
