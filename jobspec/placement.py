"""`constraint` and `affinity`: the operator can be written as an attribute of its own, `regexp = "…"`."""

from __future__ import annotations

from typing import Any

from jobspec import values
from jobspec.content import Body, Expected
from jobspec.decode import Decoder
from jobspec.diagnostics import Diagnostic
from jobspec.numbers import Number
from jobspec.syntax import nodes
from jobspec.values import Type, Value

_PLAIN = {"attribute": "LTarget", "value": "RTarget", "operator": "Operand"}
_CONSTRAINT_OPERATORS = ("version", "semver", "regexp", "set_contains")
_IGNORED_IN_CONSTRAINT = ("set_contains_all", "set_contains_any", "is_set", "is_not_set")
_AFFINITY_OPERATORS = ("version", "semver", "regexp", "set_contains_any", "set_contains_all", "set_contains")


def constraint(decoder: Decoder, body: Body) -> dict[str, Any]:
    names = (*_PLAIN, *_CONSTRAINT_OPERATORS, *_IGNORED_IN_CONSTRAINT, "distinct_property")
    given = _read(decoder, body, dict.fromkeys(names, values.STRING) | {"distinct_hosts": values.BOOL})
    result = _with_operator(given, _CONSTRAINT_OPERATORS)
    if "distinct_hosts" in given:
        result |= {"Operand": "distinct_hosts", "RTarget": "true" if given["distinct_hosts"] else "false"}
    if given.get("distinct_property"):
        result |= {"Operand": "distinct_property", "LTarget": given["distinct_property"]}
    return result | {"Operand": result["Operand"] or "="}


def affinity(decoder: Decoder, body: Body) -> dict[str, Any]:
    types = dict.fromkeys((*_PLAIN, *_AFFINITY_OPERATORS), values.STRING) | {"weight": values.NUMBER}
    given = _read(decoder, body, types)
    result = _with_operator(given, _AFFINITY_OPERATORS)
    weight = _wrapped_int8(given["weight"]) if "weight" in given else None
    return result | {"Operand": result["Operand"] or "=", "Weight": weight}


def _wrapped_int8(amount: Number) -> int:
    """Nomad cuts the weight to eight bits without looking: 300 is 44."""
    whole = max(-(2**63), min(int(amount), 2**63 - 1)) if abs(amount) != float("inf") else 0
    return (whole + 128) % 256 - 128


def _with_operator(given: dict[str, Any], operators: tuple[str, ...]) -> dict[str, Any]:
    result = {key: given.get(name, "") for name, key in _PLAIN.items()}
    for operator in operators:
        if given.get(operator):
            result |= {"Operand": operator, "RTarget": given[operator]}
    return result


def _read(decoder: Decoder, body: Body, types: dict[str, Type]) -> dict[str, Any]:
    """The raw values of the attributes that are set and sound."""
    found: list[Diagnostic] = []
    content = body.content(Expected(dict.fromkeys(types, False), {}), found)
    decoder.evaluator.diagnostics += found
    read = {name: _value(decoder, attribute, types[name]) for name, attribute in content.attributes.items()}
    return {name: value.raw for name, value in read.items() if not value.is_null and not value.is_unknown}


def _value(decoder: Decoder, attribute: nodes.Attribute, want: Type) -> Value:
    detail = f'Inappropriate value for attribute "{attribute.name}": {{}}.'
    value = decoder.evaluator.evaluate(attribute.expression)
    where = attribute.expression.range
    return decoder.evaluator.convert(value, want, "Incorrect attribute value type", detail, where)
