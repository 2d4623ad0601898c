"""Numbers in the forms of Go's printf."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from jobspec.numbers import Number, format_number

_EXACT = Context(prec=25_000, rounding=ROUND_HALF_EVEN)
_BASES = {"b": ("b", "0b"), "d": ("d", ""), "o": ("o", "0"), "x": ("x", "0x"), "X": ("X", "0X")}


def format_integer(amount: int, letter: str, flags: str, width: int, precision: int | None) -> str:
    base, prefix = _BASES[letter]
    digits = format(abs(amount), base).rjust(precision or 0, "0")
    return _assembled(amount < 0, (prefix if "#" in flags else "") + digits, flags, width)


def format_float(amount: Number, letter: str, flags: str, width: int, precision: int | None) -> str:
    """`e`, `f` with six decimals unless told otherwise, `g` with as many digits as tell the number."""
    if isinstance(amount, float):
        return _assembled(amount < 0, "Inf", flags.replace("0", ""), width)
    lower = letter.lower()
    magnitude = -amount if amount < 0 else amount
    shortest = Decimal(format_number(magnitude))
    exact = _EXACT.divide(Decimal(magnitude.numerator), Decimal(magnitude.denominator))
    if lower == "f":
        text = format(exact, f".{6 if precision is None else precision}f")
    elif lower == "e":
        text = _scientific(exact, 6 if precision is None else precision)
    else:
        text = _general(shortest if precision is None else exact, precision)
    return _assembled(amount < 0, text.upper() if letter.isupper() else text, flags, width)


def _scientific(amount: Decimal, decimals: int) -> str:
    mantissa, _, exponent = format(amount, f".{decimals}e").partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].rjust(2, '0')}"


def _general(amount: Decimal, precision: int | None) -> str:
    """Scientific for exponents below -4 or beyond the precision (6 if there is none); never with trailing zeros."""
    limit = 6 if precision is None else max(1, precision)
    if precision is not None:
        amount = Context(prec=limit, rounding=ROUND_HALF_EVEN).plus(amount)
    amount = _EXACT.normalize(amount)
    digits, exponent = len(amount.as_tuple().digits), amount.adjusted() if amount else 0
    if precision is not None and limit > digits > exponent:
        limit = digits
    if exponent < -4 or exponent >= limit:
        return _scientific(amount, digits - 1)
    return format(amount, "f")


def _assembled(negative: bool, digits: str, flags: str, width: int) -> str:
    sign = "-" if negative else "+" if "+" in flags else " " if " " in flags else ""
    if "-" in flags:
        return (sign + digits).ljust(width)
    if "0" in flags:
        return sign + digits.rjust(width - len(sign), "0")
    return (sign + digits).rjust(width)
