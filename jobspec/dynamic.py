"""`dynamic` blocks: one block of their content for each element of a collection."""

from __future__ import annotations

from collections.abc import Iterator

from jobspec.content import Block, Body, Expected
from jobspec.diagnostics import Diagnostic
from jobspec.evaluate import Evaluator
from jobspec.syntax import nodes
from jobspec.type_expressions import static
from jobspec.values import DYNAMIC, STRING, UNKNOWN, Value, object_value

Names = dict[str, Value]


def expand(block: Block, label_names: list[str], evaluator: Evaluator) -> Iterator[tuple[Block, Names]]:
    """The blocks and, for each, the names its content may use beside those in scope."""
    found: list[Diagnostic] = []
    attributes = {"for_each": True, "iterator": False} | ({"labels": True} if label_names else {})
    content = block.body.content(Expected(attributes, {"content": []}), found)
    evaluator.diagnostics += found
    if found:
        return
    iterator = _iterator(content.attributes.get("iterator"), block.labels[0], evaluator)
    collection = _collection(content.attributes["for_each"].expression, evaluator) if iterator else None
    if iterator is None or collection is None:
        return
    labels = _labels(content.attributes.get("labels"), block.labels[0], label_names, evaluator)
    body = _content_body(content.blocks, block, evaluator)
    if labels is None or body is None:
        return
    for key, value in [(UNKNOWN, UNKNOWN)] if collection.is_unknown else collection.items():
        names = {iterator: object_value({"key": key, "value": value})}
        with evaluator.names(names):
            texts = [_label(expression, evaluator) for expression in labels]
        if None not in texts:
            ranges = [expression.range for expression in labels]
            yield Block(block.labels[0], [text or "" for text in texts], body, ranges, block.header), names


def _iterator(attribute: nodes.Attribute | None, block_type: str, evaluator: Evaluator) -> str | None:
    if attribute is None:
        return block_type
    expression = static(attribute.expression)
    if isinstance(expression, nodes.Reference) and not expression.steps:
        return expression.root
    detail = "Dynamic iterator must be a single variable name."
    evaluator.report("Invalid dynamic iterator name", detail, expression.range)
    return None


def _collection(expression: nodes.Expression, evaluator: Evaluator) -> Value | None:
    summary = "Invalid dynamic for_each value"
    before = len(evaluator.diagnostics)
    value = evaluator.evaluate(expression)
    if len(evaluator.diagnostics) > before:
        return None
    if value.type.is_primitive:
        detail = f"Cannot use a {value.type} value in for_each. An iterable collection is required."
        evaluator.report(summary, detail, expression.range)
        return None
    if value.is_null:
        evaluator.report(summary, "Cannot use a null value in for_each.", expression.range)
        return None
    return value


def _labels(
    attribute: nodes.Attribute | None, block_type: str, names: list[str], evaluator: Evaluator
) -> list[nodes.Expression] | None:
    if attribute is None:
        return []
    expression = attribute.expression
    if not isinstance(expression, nodes.Tuple):
        detail = "A static list expression is required."
        evaluator.report("Invalid expression", detail, expression.start)
        return None
    given = expression.items
    detail = f'Blocks of type "{block_type}" require {len(names)} label(s).'
    if len(given) > len(names):
        evaluator.report("Extraneous dynamic block label", detail, given[len(names)].range)
        return None
    if len(given) < len(names):
        evaluator.report("Insufficient dynamic block labels", detail, expression.range)
        return None
    return given


def _label(expression: nodes.Expression, evaluator: Evaluator) -> str | None:
    summary = "Invalid dynamic block label"
    before = len(evaluator.diagnostics)
    detail = "Cannot use this value as a dynamic block label: {}."
    label = evaluator.convert(evaluator.evaluate(expression), STRING, summary, detail, expression.range)
    if len(evaluator.diagnostics) > before:
        return None
    if label.is_null:
        evaluator.report(summary, "Cannot use a null value as a dynamic block label.", expression.range)
        return None
    if label.is_unknown or label.type == DYNAMIC:
        detail = "This value is not yet known. Dynamic block labels must be immediately-known values."
        evaluator.report(summary, detail, expression.range)
        return None
    return str(label.raw)


def _content_body(contents: list[Block], block: Block, evaluator: Evaluator) -> Body | None:
    if not contents:
        detail = 'A dynamic block must have a nested block of type "content" to describe the body of each generated block.'
        evaluator.report("Missing dynamic content block", detail, block.body.missing)
        return None
    if len(contents) > 1:
        detail = "Only one nested content block is allowed for each dynamic block."
        evaluator.report("Extraneous dynamic content block", detail, contents[1].header)
        return None
    return contents[0].body
