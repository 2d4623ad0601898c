"""Evaluation of expressions.

A mistake is reported once, with its place, and gives an unknown value; what depends on it becomes unknown without
further reports. So one pass finds all mistakes of a document, as Nomad does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jobspec.calls import evaluate_call
from jobspec.conversion import ConversionError, convert, unify
from jobspec.diagnostics import Diagnostic, Range
from jobspec.functions.declaration import Function
from jobspec.loops import evaluate_for
from jobspec.operators import BINARY, UNARY, Operator
from jobspec.suggestions import did_you_mean
from jobspec.syntax import nodes
from jobspec.syntax.body import parse_template
from jobspec.traversal import AccessError, attribute, index
from jobspec.type_differences import describe_difference
from jobspec.values import (
    BOOL,
    DYNAMIC,
    NULL,
    STRING,
    UNKNOWN,
    Type,
    Value,
    list_value,
    object_value,
    string,
    tuple_value,
    unknown_of,
)


@dataclass(slots=True)
class Scope:
    """What expressions can refer to; None: no variables, or no functions, may be used at all.

    `undefined` gives the value of a reference whose first name is unknown; without it that is an error.
    """

    variables: Mapping[str, Value] | None = None
    functions: Mapping[str, Function] | None = None
    undefined: Callable[[nodes.Reference], Value] | None = None


CONSTANT_SCOPE = Scope()


class Evaluator:
    """Evaluates expressions in a scope and collects `diagnostics`."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.diagnostics: list[Diagnostic] = []
        self._locals: list[dict[str, Value]] = []
        self._splat_items: dict[int, Value] = {}

    def evaluate(self, node: nodes.Expression) -> Value:
        return _EVALUATORS[type(node)](self, node)

    def report(self, summary: str, detail: str, where: Range) -> Value:
        """Note a mistake; returns the value of what is mistaken."""
        self.diagnostics.append(Diagnostic(summary, detail, where))
        return UNKNOWN

    @contextmanager
    def names(self, names: dict[str, Value]) -> Iterator[None]:
        """Further names, hiding others, as a `for` brings them."""
        self._locals.append(names)
        try:
            yield
        finally:
            self._locals.pop()

    @contextmanager
    def separate_diagnostics(self) -> Iterator[list[Diagnostic]]:
        """Collect the diagnostics of the block in a list of their own."""
        outer, self.diagnostics = self.diagnostics, []
        try:
            yield self.diagnostics
        finally:
            self.diagnostics = outer

    def convert(self, value: Value, want: Type, summary: str, detail: str, where: Range) -> Value:
        """The converted value, or a report whose detail is `detail` with the reason in it."""
        try:
            return convert(value, want)
        except ConversionError as error:
            return self.report(summary, detail.format(error), where)

    def _literal(self, node: nodes.Literal) -> Value:
        return node.value

    def _inner(self, node: nodes.Parentheses | nodes.Wrapped) -> Value:
        return self.evaluate(node.inner)

    def _reference(self, node: nodes.Reference) -> Value:
        for names in reversed(self._locals):
            if node.root in names:
                return self._steps(names[node.root], node.steps)
        variables = self.scope.variables
        if variables is not None and node.root in variables:
            return self._steps(variables[node.root], node.steps)
        if self.scope.undefined:
            return self.scope.undefined(node)
        if variables is None and not self._locals:
            return self.report("Variables not allowed", "Variables may not be used here.", node.root_range)
        hint = did_you_mean(node.root, sorted({*(variables or {}), *(name for names in self._locals for name in names)}))
        return self.report("Unknown variable", f'There is no variable named "{node.root}".{hint}', node.root_range)

    def _traversal(self, node: nodes.Traversal) -> Value:
        return self._steps(self.evaluate(node.source), node.steps)

    def _steps(self, value: Value, steps: list[nodes.Step]) -> Value:
        for step in steps:
            try:
                value = attribute(value, step.name) if step.key is None else index(value, step.key)
            except AccessError as error:
                return self.report(error.summary, str(error), step.range)
        return value

    def _index(self, node: nodes.Index) -> Value:
        collection, key = self.evaluate(node.collection), self.evaluate(node.key)
        try:
            return index(collection, key)
        except AccessError as error:
            return self.report(error.summary, str(error), node.brackets)

    def _tuple(self, node: nodes.Tuple) -> Value:
        return tuple_value(self.evaluate(item) for item in node.items)

    def _object(self, node: nodes.Object) -> Value:
        entries: dict[str, Value] = {}
        complete = True
        for key_node, value_node in node.items:
            before = len(self.diagnostics)
            key = self.evaluate(key_node)
            failed = len(self.diagnostics) > before
            value = self.evaluate(value_node)
            if not failed and key.is_null:
                self.report("Null value as key", "Can't use a null value as a key.", value_node.range)
            elif not failed:
                detail = "Can't use this value as a key: {}."
                key = self.convert(key, STRING, "Incorrect key type", detail, key_node.range)
            if failed or key.is_null or key.is_unknown:
                complete = False
            else:
                entries[key.raw] = value
        return object_value(entries) if complete else UNKNOWN

    def _object_key(self, node: nodes.ObjectKey) -> Value:
        inner = node.inner
        if not node.parenthesized and isinstance(inner, nodes.Reference):
            if not inner.steps:
                return string(inner.root)
            detail = (
                "If this expression is intended to be a reference, wrap it in parentheses. If it's instead intended "
                "as a literal name containing periods, wrap it in quotes to create a string literal."
            )
            return self.report("Ambiguous attribute key", detail, node.range)
        if isinstance(inner, nodes.Literal) and inner.range.text in ("true", "false", "null"):
            return string(inner.range.text)
        return self.evaluate(inner)

    def _binary(self, node: nodes.Binary) -> Value:
        operator = BINARY[node.operator]
        before = len(self.diagnostics)
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        left = self._operand(left, operator, "left", node.left.range)
        right = self._operand(right, operator, "right", node.right.range)
        return self._operate(operator, [left, right], node.range, len(self.diagnostics) > before)

    def _unary(self, node: nodes.Unary) -> Value:
        operator = UNARY[node.operator]
        before = len(self.diagnostics)
        operand = self._operand(self.evaluate(node.operand), operator, "unary", node.operand.range)
        return self._operate(operator, [operand], node.range, len(self.diagnostics) > before)

    def _operand(self, value: Value, operator: Operator, side: str, where: Range) -> Value:
        detail = f"Unsuitable value for {side} operand: {{}}."
        return self.convert(value, operator.operands, "Invalid operand", detail, where)

    def _operate(self, operator: Operator, operands: list[Value], where: Range, failed: bool) -> Value:
        if failed or not all(operand.is_wholly_known for operand in operands):
            return unknown_of(operator.result)
        try:
            if operator.operands != DYNAMIC and any(operand.is_null for operand in operands):
                raise ArithmeticError("argument must not be null")
            return operator.apply(*operands)
        except ArithmeticError as error:
            self.report("Operation failed", f"Error during operation: {error}.", where)
            return unknown_of(operator.result)

    def _conditional(self, node: nodes.Conditional) -> Value:
        results = []
        for branch in (node.if_true, node.if_false):
            with self.separate_diagnostics() as found:
                results.append((self.evaluate(branch), found, branch))
        kinds = [value.type for value, _, _ in results if value != NULL]
        common = DYNAMIC if DYNAMIC in kinds else unify(kinds)
        if common is None:
            difference = describe_difference(*kinds)
            detail = f"The true and false result expressions must have consistent types. {difference}."
            where = node.if_true.range.to(node.if_false.range)
            return self.report("Inconsistent conditional result types", detail, where)
        condition = self._condition(node)
        if condition.is_unknown:
            return unknown_of(common)
        value, found, branch = results[0 if condition.raw else 1]
        self.diagnostics += found
        if common == DYNAMIC:
            return value
        detail = f"The {'true' if condition.raw else 'false'} result value has the wrong type: {{}}."
        return self.convert(value, common, "Inconsistent conditional result types", detail, branch.range)

    def _condition(self, node: nodes.Conditional) -> Value:
        condition = self.evaluate(node.condition)
        if condition.is_null:
            detail = "The condition value is null. Conditions must either be true or false."
            return self.report("Null condition", detail, node.condition.range)
        detail = "The condition expression must be of type bool."
        return self.convert(condition, BOOL, "Incorrect condition type", detail, node.condition.range)

    def _template(self, node: nodes.Template) -> Value:
        summary = "Invalid template interpolation value"
        texts: list[str] = []
        known = True
        for part in node.parts:
            value = self.evaluate(part)
            if value.is_null:
                detail = "The expression result is null. Cannot include a null value in a string template."
                self.report(summary, detail, part.range)
                continue
            if value.is_unknown:
                known = False
                continue
            before = len(self.diagnostics)
            detail = "Cannot include the given value in a string template: {}."
            value = self.convert(value, STRING, summary, detail, part.range)
            if len(self.diagnostics) == before:
                texts.append(value.raw)
        return string("".join(texts)) if known else unknown_of(STRING)

    def _json_text(self, node: nodes.JsonText) -> Value:
        if self.scope is CONSTANT_SCOPE:
            return string(node.text)
        template, found = parse_template(node.inside)
        self.diagnostics += found
        return UNKNOWN if template is None or found else self.evaluate(template)

    def _joined(self, node: nodes.Joined) -> Value:
        pieces = self.evaluate(node.loop)
        if not pieces.is_wholly_known:
            return unknown_of(STRING)
        return string("".join(piece.raw for piece in pieces.raw))

    def _splat(self, node: nodes.Splat) -> Value:
        before = len(self.diagnostics)
        source = self.evaluate(node.source)
        if len(self.diagnostics) > before:
            return UNKNOWN
        if source.is_null:
            if not source.type.is_sequence:
                return tuple_value(())
            detail = "Splat expressions (with the * symbol) cannot be applied to null sequences."
            return self.report("Splat of null value", detail, node.source.range)
        if source.type == DYNAMIC or source.is_unknown:
            return UNKNOWN
        elements = source.raw if source.type.is_sequence else (source,)
        results = []
        for element in elements:
            self._splat_items[id(node.item)] = element
            results.append(self.evaluate(node.each))
        self._splat_items.pop(id(node.item), None)
        if len(self.diagnostics) > before:
            return unknown_of(tuple_value(results).type)
        if source.type.kind in ("list", "set"):
            return list_value(results, results[0].type if results else DYNAMIC)
        return tuple_value(results)

    def _splat_item(self, node: nodes.SplatItem) -> Value:
        return self._splat_items.get(id(node), UNKNOWN)


_EVALUATORS: dict[type[nodes.Expression], Callable[[Evaluator, Any], Value]] = {
    nodes.Literal: Evaluator._literal,
    nodes.Parentheses: Evaluator._inner,
    nodes.Wrapped: Evaluator._inner,
    nodes.Reference: Evaluator._reference,
    nodes.Traversal: Evaluator._traversal,
    nodes.Index: Evaluator._index,
    nodes.Tuple: Evaluator._tuple,
    nodes.Object: Evaluator._object,
    nodes.ObjectKey: Evaluator._object_key,
    nodes.Binary: Evaluator._binary,
    nodes.Unary: Evaluator._unary,
    nodes.Conditional: Evaluator._conditional,
    nodes.Template: Evaluator._template,
    nodes.JsonText: Evaluator._json_text,
    nodes.Joined: Evaluator._joined,
    nodes.For: evaluate_for,
    nodes.Splat: Evaluator._splat,
    nodes.SplatItem: Evaluator._splat_item,
    nodes.Call: evaluate_call,
}
