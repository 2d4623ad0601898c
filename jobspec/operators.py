"""The unary and binary operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from jobspec.numbers import Number
from jobspec.values import BOOL, DYNAMIC, NUMBER, Type, Value, boolean, equal, number


@dataclass(frozen=True, slots=True)
class Operator:
    operands: Type
    result: Type
    apply: Callable[..., Value]


def divide(left: Number, right: Number) -> Number:
    if (left == 0 and right == 0) or (math.isinf(left) and math.isinf(right)):
        raise ArithmeticError("can't divide zero by zero or infinity by infinity")
    if right == 0:
        return math.inf if left > 0 else -math.inf
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    return Fraction(left) / Fraction(right)


def modulo(left: Number, right: Number) -> Number:
    """The remainder with the sign of the dividend. The remainder of a division by zero is the dividend."""
    if right == 0 or math.isinf(left) or math.isinf(right):
        return left
    return left - right * math.trunc(Fraction(left) / Fraction(right))


def _arithmetic(compute: Callable[[Number, Number], Number]) -> Operator:
    def apply(left: Value, right: Value) -> Value:
        return number(compute(left.raw, right.raw))

    return Operator(NUMBER, NUMBER, apply)


def _comparison(holds: Callable[[Number, Number], bool]) -> Operator:
    return Operator(NUMBER, BOOL, lambda left, right: boolean(holds(left.raw, right.raw)))


BINARY = {
    "||": Operator(BOOL, BOOL, lambda left, right: boolean(left.raw or right.raw)),
    "&&": Operator(BOOL, BOOL, lambda left, right: boolean(left.raw and right.raw)),
    "==": Operator(DYNAMIC, BOOL, lambda left, right: boolean(equal(left, right))),
    "!=": Operator(DYNAMIC, BOOL, lambda left, right: boolean(not equal(left, right))),
    "<": _comparison(lambda left, right: left < right),
    "<=": _comparison(lambda left, right: left <= right),
    ">": _comparison(lambda left, right: left > right),
    ">=": _comparison(lambda left, right: left >= right),
    "+": _arithmetic(lambda left, right: left + right),
    "-": _arithmetic(lambda left, right: left - right),
    "*": _arithmetic(lambda left, right: left * right),
    "/": _arithmetic(divide),
    "%": _arithmetic(modulo),
}
UNARY = {
    "-": Operator(NUMBER, NUMBER, lambda operand: number(-operand.raw)),
    "!": Operator(BOOL, BOOL, lambda operand: boolean(not operand.raw)),
}
