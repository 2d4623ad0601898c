"""Plain HCL documents: evaluated without any schema.

For the documents Nomad's users write in HCL that are no jobs: ACL policies, variable specifications, agent
configurations, resource specifications. There are no variables or functions in them; values are constant expressions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobspec.diagnostics import Diagnostic, JobspecError, Range, Source
from jobspec.evaluate import CONSTANT_SCOPE, Evaluator
from jobspec.syntax import nodes
from jobspec.syntax.body import parse_body


@dataclass(frozen=True, slots=True)
class Attribute:
    """`value` is plain Python: str, int, float, bool, None, list, dict."""

    value: Any
    range: Range


@dataclass(frozen=True, slots=True)
class Block:
    type: str
    labels: list[str]
    body: Body
    range: Range
    """The block's type and labels."""

    def error(self, summary: str, detail: str) -> JobspecError:
        """An error that points at this block, for callers that check what the block says."""
        return JobspecError([Diagnostic(summary, detail, self.range)])


@dataclass(frozen=True, slots=True)
class Body:
    """Attributes by name and blocks in the order of the text."""

    attributes: dict[str, Attribute]
    blocks: list[Block]
    range: Range

    def blocks_of(self, kind: str) -> Iterator[Block]:
        return (block for block in self.blocks if block.type == kind)

    def to_dict(self) -> dict[str, Any]:
        """Attributes as they are; blocks of a type as a list of dicts, below one key per label."""
        result: dict[str, Any] = {name: attribute.value for name, attribute in self.attributes.items()}
        for block in self.blocks:
            inner: dict[str, Any] = block.body.to_dict()
            for label in reversed(block.labels):
                inner = {label: [inner]}
            result.setdefault(block.type, []).append(inner)
        return result


def parse_document(source: str, filename: str = "input.hcl") -> Body:
    """The document's attributes and blocks. Raises JobspecError with every mistake, its line and column."""
    text = Source(filename, source)
    body, diagnostics = parse_body(text)
    if diagnostics:
        raise JobspecError(diagnostics, condensed=True)
    evaluator = Evaluator(CONSTANT_SCOPE)
    document = _evaluated(body, evaluator)
    if evaluator.diagnostics:
        raise JobspecError(evaluator.diagnostics)
    return document


def _evaluated(body: nodes.Body, evaluator: Evaluator) -> Body:
    attributes = {}
    for name, attribute in body.attributes.items():
        attributes[name] = Attribute(_plain(attribute.expression, evaluator), attribute.range)
    blocks = [Block(block.type, block.labels, _evaluated(block.body, evaluator), block.header) for block in body.blocks]
    return Body(attributes, blocks, body.range)


def _plain(expression: nodes.Expression, evaluator: Evaluator) -> Any:
    value = evaluator.evaluate(expression)
    try:
        return value.plain() if value.is_wholly_known else None
    except OverflowError as error:
        evaluator.report("Unsuitable value", f"{error}.".capitalize(), expression.range)
        return None
