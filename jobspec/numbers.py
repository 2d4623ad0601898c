"""The numbers of HCL: binary floating point with 512 bits of precision, rounded half to even.

A number is an `int` when it is whole, else a `Fraction` whose denominator is a power of two; division by zero makes
an infinite `float`. So `0.1 + 0.2 == 0.3` has the answer it has in Nomad, and integers are exact up to 154 digits.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

Number = int | Fraction | float

_PRECISION = 512
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE](?P<exponent>[+-]?[0-9]+))?", re.ASCII)
_LARGEST_EXPONENT = 9_999
"""A power of ten; larger ones would only serve to exhaust memory."""
_DIGITS_THAT_TELL_ALL = 156


def rounded(number: Number) -> Number:
    """The nearest representable number; whole ones as `int`. Raises ArithmeticError for what is not a number."""
    if isinstance(number, float):
        if math.isnan(number):
            raise ArithmeticError("the result is not a number")
        return number if math.isinf(number) else rounded(Fraction(number))
    numerator, denominator = abs(number.numerator), number.denominator
    if denominator == 1 and numerator.bit_length() <= _PRECISION:
        return number.numerator
    shift = numerator.bit_length() - denominator.bit_length() - _PRECISION - 1
    if shift > 0:
        denominator <<= shift
    else:
        numerator <<= -shift
    quotient, remainder = divmod(numerator, denominator)
    excess = quotient.bit_length() - _PRECISION
    low = quotient & ((1 << excess) - 1)
    half = 1 << (excess - 1)
    quotient >>= excess
    if low > half or (low == half and (remainder or quotient & 1)):
        quotient += 1
    exponent = shift + excess
    exact = Fraction(quotient << exponent) if exponent > 0 else Fraction(quotient, 1 << -exponent)
    signed = -exact if number < 0 else exact
    return signed.numerator if signed.denominator == 1 else signed


def parse_number(text: str) -> Number | None:
    """A decimal number such as `15`, `-0.5`, `1e3`; None for anything else."""
    match = _DECIMAL.fullmatch(text)
    if not match or len(text) > _LARGEST_EXPONENT or abs(int(match["exponent"] or 0)) > _LARGEST_EXPONENT:
        return None
    return rounded(Fraction(text))


def format_number(number: Number) -> str:
    """The shortest decimal without exponent that reads back as the same number."""
    if isinstance(number, float):
        return "Inf" if number > 0 else "-Inf"
    if isinstance(number, int) and number.bit_length() <= _PRECISION:
        return str(number)
    sign, magnitude = ("-", -number) if number < 0 else ("", number)
    for digits in range(1, _DIGITS_THAT_TELL_ALL + 1):
        significand, exponent = _significant(Fraction(magnitude), digits)
        if rounded(significand * Fraction(10) ** exponent) == magnitude:
            break
    return sign + _place_point(str(significand), exponent)


def _significant(number: Fraction, digits: int) -> tuple[int, int]:
    """`number` rounded to so many decimal digits, as an integer times a power of ten."""
    exponent = math.floor((number.numerator.bit_length() - number.denominator.bit_length()) * math.log10(2)) - digits
    significand = round(number / Fraction(10) ** exponent)
    while significand >= 10**digits:
        exponent += 1
        significand = round(number / Fraction(10) ** exponent)
    return significand, exponent


def _place_point(digits: str, exponent: int) -> str:
    if exponent >= 0:
        return digits + "0" * exponent
    digits = digits.rjust(1 - exponent, "0")
    whole, fraction = digits[:exponent], digits[exponent:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def plain_number(number: Number) -> int | float:
    """The number for JSON: an `int` if it is whole and fits in 64 bits, else the nearest `float`.

    Raises OverflowError for what JSON has no number for.
    """
    if isinstance(number, int) and -(2**63) <= number < 2**63:
        return number
    nearest = float(number)
    if math.isinf(nearest):
        raise OverflowError("an infinite number has no place in JSON")
    return nearest
