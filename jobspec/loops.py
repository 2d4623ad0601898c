"""`for` expressions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobspec.syntax import nodes
from jobspec.values import BOOL, DYNAMIC, STRING, TRUE, UNKNOWN, Value, object_value, tuple_value

if TYPE_CHECKING:
    from jobspec.evaluate import Evaluator


def evaluate_for(evaluator: Evaluator, node: nodes.For) -> Value:
    collection = evaluator.evaluate(node.collection)
    if collection.is_null:
        detail = "A null value cannot be used as the collection in a 'for' expression."
        return evaluator.report("Iteration over null value", detail, node.collection.range)
    if collection.type == DYNAMIC:
        return UNKNOWN
    if collection.type.is_primitive:
        detail = f"A value of type {collection.type} cannot be used as the collection in a 'for' expression."
        return evaluator.report("Iteration over non-iterable value", detail, node.collection.range)
    if collection.is_unknown or not _condition_is_sound(evaluator, node):
        return UNKNOWN
    return _for_tuple(evaluator, node, collection) if node.key is None else _for_object(evaluator, node, collection)


def _iterations(evaluator: Evaluator, node: nodes.For, collection: Value) -> Iterator[bool]:
    """Sets the names for each element in turn; whether its condition, if any, could be computed (and is true)."""
    for key, value in collection.items():
        names = {node.value_name: value}
        if node.key_name:
            names = {node.key_name: key} | names
        with evaluator.names(names):
            wanted = _wanted(evaluator, node)
            if wanted.is_unknown or wanted.raw:
                yield not wanted.is_unknown


def _condition_is_sound(evaluator: Evaluator, node: nodes.For) -> bool:
    """A condition that cannot be computed for any element is reported once, not for each."""
    if node.condition is None:
        return True
    names = {name: UNKNOWN for name in (node.key_name, node.value_name) if name}
    before = len(evaluator.diagnostics)
    with evaluator.names(names):
        _wanted(evaluator, node)
    return len(evaluator.diagnostics) == before


def _wanted(evaluator: Evaluator, node: nodes.For) -> Value:
    if node.condition is None:
        return TRUE
    result = evaluator.evaluate(node.condition)
    if result.is_null:
        detail = "The value of the 'if' clause must not be null."
        return evaluator.report("Invalid 'for' condition", detail, node.condition.range)
    detail = "The 'if' clause value is invalid: {}."
    return evaluator.convert(result, BOOL, "Invalid 'for' condition", detail, node.condition.range)


def _for_tuple(evaluator: Evaluator, node: nodes.For, collection: Value) -> Value:
    values: list[Value] = []
    complete = True
    for computed in _iterations(evaluator, node, collection):
        if computed:
            values.append(evaluator.evaluate(node.value))
        complete = complete and computed
    return tuple_value(values) if complete else UNKNOWN


def _for_object(evaluator: Evaluator, node: nodes.For, collection: Value) -> Value:
    assert node.key is not None
    groups: dict[str, list[Value]] = {}
    complete = True
    for computed in _iterations(evaluator, node, collection):
        key = _for_key(evaluator, node.key, complete) if computed else UNKNOWN
        if key.is_unknown:
            complete = False
            continue
        value = evaluator.evaluate(node.value)
        group = groups.setdefault(key.raw, [])
        if group and not node.grouped:
            detail = (
                f"Two different items produced the key \"{key.raw}\" in this 'for' expression. If duplicates are "
                "expected, use the ellipsis (...) after the value expression to enable grouping by key."
            )
            evaluator.report("Duplicate object key", detail, node.key.range)
        else:
            group.append(value)
    if not complete:
        return UNKNOWN
    return object_value({key: tuple_value(group) if node.grouped else group[0] for key, group in groups.items()})


def _for_key(evaluator: Evaluator, node: nodes.Expression, first: bool) -> Value:
    key = evaluator.evaluate(node)
    with evaluator.separate_diagnostics() as found:
        if key.is_null:
            detail = "Key expression in 'for' expression must not produce a null value."
            key = evaluator.report("Invalid object key", detail, node.range)
        detail = "The key expression produced an invalid result: {}."
        key = evaluator.convert(key, STRING, "Invalid object key", detail, node.range)
    if first:
        evaluator.diagnostics += found
    return key
