"""Numbers."""

from __future__ import annotations

import math
import re

from jobspec.functions.declaration import ArgumentError, CallError, Function, function
from jobspec.numbers import Number
from jobspec.values import DYNAMIC, NUMBER, Value, number

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@function(num=NUMBER)
def absolute(amount: Value) -> Value:
    return number(abs(amount.raw))


@function(num=NUMBER)
def ceil(amount: Value) -> Value:
    return amount if math.isinf(amount.raw) else number(math.ceil(amount.raw))


@function(num=NUMBER)
def floor(amount: Value) -> Value:
    return amount if math.isinf(amount.raw) else number(math.floor(amount.raw))


@function(num=NUMBER)
def signum(amount: Value) -> Value:
    return number((amount.raw > 0) - (amount.raw < 0))


@function(rest={"numbers": NUMBER})
def maximum(*amounts: Value) -> Value:
    if not amounts:
        raise CallError("must pass at least one number")
    return max(amounts, key=lambda amount: amount.raw)


@function(rest={"numbers": NUMBER})
def minimum(*amounts: Value) -> Value:
    if not amounts:
        raise CallError("must pass at least one number")
    return min(amounts, key=lambda amount: amount.raw)


def _float(amount: Number) -> float:
    try:
        return float(amount)
    except OverflowError:
        return math.inf if amount > 0 else -math.inf


@function(num=NUMBER, base=NUMBER)
def log(amount: Value, base: Value) -> Value:
    """In double precision, as Nomad computes it."""
    try:
        return number(_natural_log(amount.raw) / _natural_log(base.raw))
    except ZeroDivisionError:
        return number(math.copysign(math.inf, _natural_log(amount.raw)))


def _natural_log(amount: Number) -> float:
    value = _float(amount)
    if value < 0:
        return math.nan
    return math.log(value) if value else -math.inf


@function(num=NUMBER, power=NUMBER)
def power(amount: Value, exponent: Value) -> Value:
    """In double precision, as Nomad computes it."""
    base, by = _float(amount.raw), _float(exponent.raw)
    try:
        return number(math.pow(base, by))
    except OverflowError:
        odd = by % 2 == 1
        return number(-math.inf if base < 0 and odd else math.inf)
    except ValueError:
        return number(math.inf if base == 0 else math.nan)


@function(number=DYNAMIC, base=NUMBER)
def parseint(text: Value, base: Value) -> Value:
    if text.type.kind != "string":
        raise ArgumentError(0, f"first argument must be a string, not {text.type}")
    radix = base.raw
    if not isinstance(radix, int) or not 2 <= radix <= 62:
        raise ArgumentError(1, "base must be a whole number between 2 and 62 inclusive")
    digits = re.fullmatch(r"([+-]?)([0-9a-zA-Z]+)", text.raw)
    body = digits[2] if digits and radix > 36 else digits[2].lower() if digits else ""
    if not digits or any(char not in _DIGITS[:radix] for char in body) or len(body) > 4096:
        raise ArgumentError(0, f'cannot parse "{text.raw}" as a base {radix} integer')
    total = 0
    for char in body:
        total = total * radix + _DIGITS.index(char)
    return number(-total if digits[1] == "-" else total)


FUNCTIONS: dict[str, Function] = {
    "abs": absolute,
    "ceil": ceil,
    "floor": floor,
    "log": log,
    "max": maximum,
    "min": minimum,
    "parseint": parseint,
    "pow": power,
    "signum": signum,
}
