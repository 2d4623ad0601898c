"""`try`, `can` and `convert`: functions that look at expressions rather than values."""

from __future__ import annotations

from jobspec.conversion import ConversionError, convert
from jobspec.diagnostics import Diagnostic
from jobspec.evaluate import Evaluator
from jobspec.functions.declaration import CallError, Function, function
from jobspec.syntax.nodes import Expression
from jobspec.type_expressions import TypeExpressionError, type_of
from jobspec.values import BOOL, DYNAMIC, FALSE, TRUE, UNKNOWN, Value, unknown_of


@function(rest={"expressions": DYNAMIC}, lazy=True)
def attempt(evaluator: Evaluator, arguments: list[Expression]) -> Value:
    """The value of the first expression that has one."""
    if not arguments:
        raise CallError("at least one argument is required")
    failures: list[Diagnostic] = []
    for argument in arguments:
        with evaluator.separate_diagnostics() as found:
            value = evaluator.evaluate(argument)
        if not found:
            return value if value.is_wholly_known else UNKNOWN
        failures += found
    reasons = "".join(f"- {one.summary} (at {one.range})\n  {one.detail}\n" for one in failures)
    raise CallError(f"no expression succeeded:\n{reasons}\nAt least one expression must produce a successful result")


@function(expression=DYNAMIC, lazy=True)
def can(evaluator: Evaluator, arguments: list[Expression]) -> Value:
    with evaluator.separate_diagnostics() as found:
        value = evaluator.evaluate(arguments[0])
    if found:
        return FALSE
    return TRUE if value.is_wholly_known else unknown_of(BOOL)


@function(value=DYNAMIC, type=DYNAMIC, lazy=True)
def convert_to(evaluator: Evaluator, arguments: list[Expression]) -> Value:
    """`convert(value, list(string))`."""
    before = len(evaluator.diagnostics)
    value = evaluator.evaluate(arguments[0])
    try:
        want = type_of(arguments[1], any_allowed=True)
    except TypeExpressionError as error:
        evaluator.diagnostics.append(error.diagnostic)
        return UNKNOWN
    if len(evaluator.diagnostics) > before:
        return UNKNOWN
    try:
        return convert(value, want)
    except ConversionError as error:
        detail = f'Invalid value for "value" parameter: {error}.'
        return evaluator.report("Invalid function argument", detail, arguments[0].start)


FUNCTIONS: dict[str, Function] = {"can": can, "convert": convert_to, "try": attempt}
