"""Function calls: which function, with which arguments, and what becomes of its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jobspec.functions.declaration import ArgumentError, CallError, Function, Parameter
from jobspec.suggestions import did_you_mean
from jobspec.syntax import nodes
from jobspec.values import DYNAMIC, UNKNOWN, Value

if TYPE_CHECKING:
    from jobspec.evaluate import Evaluator


def evaluate_call(evaluator: Evaluator, node: nodes.Call) -> Value:
    functions = evaluator.scope.functions
    if functions is None:
        return evaluator.report("Function calls not allowed", "Functions may not be called here.", node.range)
    declared = functions.get(node.name)
    if declared is None:
        return _unknown_function(evaluator, node, functions)
    before = len(evaluator.diagnostics)
    arguments = _expanded(evaluator, node)
    if arguments is None or not _count_fits(evaluator, node, declared, arguments):
        return UNKNOWN
    if declared.lazy:
        return _guarded(evaluator, node, arguments, lambda: declared.body(evaluator, arguments))
    values = [_argument(evaluator, declared.parameter(at), argument) for at, argument in enumerate(arguments)]
    if len(evaluator.diagnostics) > before or not all(value.is_wholly_known for value in values):
        return UNKNOWN
    return _guarded(evaluator, node, arguments, lambda: declared.call(values), declared)


def _unknown_function(evaluator: Evaluator, node: nodes.Call, functions: Mapping[str, Function]) -> Value:
    namespace, _, name = node.name.rpartition("::")
    hint = did_you_mean(node.name, sorted(functions))
    detail = f'There is no function named "{name}".{hint}'
    if namespace:
        detail = f'There are no functions in namespace "{namespace}::".'
    return evaluator.report("Call to unknown function", detail, node.name_range)


def _expanded(evaluator: Evaluator, node: nodes.Call) -> list[nodes.Expression] | None:
    """The arguments, with those of `list...` as literals; None if that is no list."""
    if not node.expand_last:
        return node.arguments
    last = node.arguments[-1]
    before = len(evaluator.diagnostics)
    value = evaluator.evaluate(last)
    summary = "Invalid expanding argument value"
    if len(evaluator.diagnostics) > before or value.is_unknown:
        return None
    if not value.type.is_sequence and value.type != DYNAMIC:
        detail = "The expanding argument (indicated by ...) must be of a tuple, list, or set type."
        evaluator.report(summary, detail, last.range)
        return None
    if value.is_null:
        evaluator.report(summary, "The expanding argument (indicated by ...) must not be null.", last.range)
        return None
    return [*node.arguments[:-1], *(nodes.Literal(last.range, item) for item in value.raw)]


def _count_fits(evaluator: Evaluator, node: nodes.Call, declared: Function, arguments: list[nodes.Expression]) -> bool:
    wanted = len(declared.parameters)
    if len(arguments) < wanted:
        at_least = " at least" if declared.rest else ""
        missing = declared.parameters[len(arguments)].name
        detail = f'Function "{node.name}" expects{at_least} {wanted} argument(s). Missing value for "{missing}".'
        evaluator.report("Not enough function arguments", detail, node.close)
        return False
    if len(arguments) > wanted and declared.rest is None:
        detail = f'Function "{node.name}" expects only {wanted} argument(s).'
        evaluator.report("Too many function arguments", detail, arguments[wanted].start)
        return False
    return True


def _argument(evaluator: Evaluator, parameter: Parameter | None, node: nodes.Expression) -> Value:
    assert parameter is not None
    value = evaluator.evaluate(node)
    detail = f'Invalid value for "{parameter.name}" parameter: {{}}.'
    return evaluator.convert(value, parameter.type, "Invalid function argument", detail, node.start)


def _guarded(
    evaluator: Evaluator,
    node: nodes.Call,
    arguments: list[nodes.Expression],
    call: Callable[[], Value],
    declared: Function | None = None,
) -> Value:
    try:
        return call()
    except ArgumentError as error:
        parameter = declared.parameter(error.index) if declared else None
        name = parameter.name if parameter else ""
        where = arguments[error.index].start if error.index < len(arguments) else node.range
        return evaluator.report("Invalid function argument", f'Invalid value for "{name}" parameter: {error}.', where)
    except (CallError, ArithmeticError) as error:
        return evaluator.report("Error in function call", f'Call to function "{node.name}" failed: {error}.', node.start)
