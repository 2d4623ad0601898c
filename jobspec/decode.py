"""Bodies -> dicts of the API, by walking their schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from jobspec import values
from jobspec.content import DYNAMIC, Block, Body, Content
from jobspec.diagnostics import Diagnostic
from jobspec.dynamic import Names, expand
from jobspec.evaluate import Evaluator
from jobspec.scalars import UnsuitableError, api_value
from jobspec.schema import Attribute, MapBlock, Nested, Schema
from jobspec.syntax import nodes
from jobspec.values import Value


@dataclass(frozen=True, slots=True)
class Found:
    """A block, and the names that the `dynamic` block it comes from gives to its content."""

    block: Block
    names: Names


@dataclass(frozen=True, slots=True)
class Parts:
    """The content of a body, with dynamic blocks expanded; blocks by type."""

    body: Body
    attributes: dict[str, nodes.Attribute]
    blocks: dict[str, list[Found]]


class Decoder:
    """Decodes bodies; mistakes go to the evaluator's diagnostics.

    `special` says for which schemas another function than `decode` makes the dict of a body. Mistakes in free-form
    blocks are kept apart in `free_form_diagnostics`: they only matter in a document that has no others.
    """

    def __init__(self, evaluator: Evaluator, special: Mapping[Schema, Callable[[Decoder, Body], dict[str, Any]]]) -> None:
        self.evaluator = evaluator
        self.free_form_diagnostics: list[Diagnostic] = []
        self._special = special

    def decode(self, schema: Schema, body: Body) -> dict[str, Any]:
        """The dict of a block's body, without its labels."""
        special = self._special.get(schema)
        return special(self, body) if special else self.fill(schema, self.parts(schema, body))

    def parts(self, schema: Schema, body: Body) -> Parts:
        """What the body contains of the schema; anything else is reported."""
        found: list[Diagnostic] = []
        content = body.content(schema.expected, found)
        self.evaluator.diagnostics += found
        return Parts(body, content.attributes, self._blocks(schema, content))

    def _blocks(self, schema: Schema, content: Content) -> dict[str, list[Found]]:
        blocks: dict[str, list[Found]] = {}
        for block in content.blocks:
            if block.type != DYNAMIC:
                blocks.setdefault(block.type, []).append(Found(block, {}))
            elif block.labels[0] == DYNAMIC or block.labels[0] not in schema.expected.blocks:
                detail = f'Blocks of type "{block.labels[0]}" are not expected here.'
                self.evaluator.report("Unsupported block type", detail, block.label_ranges[0])
            else:
                for generated, names in expand(block, schema.expected.blocks[block.labels[0]], self.evaluator):
                    blocks.setdefault(generated.type, []).append(Found(generated, names))
        return blocks

    def fill(self, schema: Schema, parts: Parts) -> dict[str, Any]:
        result = dict(schema.also)
        for name, field in schema.fields.items():
            attribute, blocks = parts.attributes.get(name), parts.blocks.get(name, [])
            if isinstance(field, Attribute):
                value = field.absent if attribute is None else self.value(attribute.expression, field)
            elif isinstance(field, MapBlock):
                value = self._map(name, field, attribute, blocks)
            else:
                value = self._nested(name, field, blocks)
            result[schema.keys[name]] = value
        return result

    def value(self, expression: nodes.Expression, field: Attribute) -> Any:
        """The attribute's value for the API; the absent one if there is none."""
        try:
            return api_value(self.evaluator.evaluate(expression), field)
        except UnsuitableError as error:
            self.evaluator.report(error.summary, str(error), expression.start)
            return field.absent

    def within(self, found: Found, schema: Schema) -> dict[str, Any]:
        """The dict of a block, with its labels."""
        with self.evaluator.names(found.names) if found.names else nullcontext():
            decoded = self.decode(schema, found.block.body)
        return decoded | dict(zip(schema.labels.values(), found.block.labels, strict=False))

    def _nested(self, name: str, field: Nested, blocks: list[Found]) -> Any:
        if not blocks:
            return None
        if field.arity == "one":
            return self.within(blocks[0], field.schema) if self._only_one(name, blocks) else None
        decoded = [self.within(found, field.schema) for found in blocks]
        if field.arity == "many":
            return decoded
        return {found.block.labels[0]: item for found, item in zip(blocks, decoded, strict=True)}

    def _only_one(self, name: str, blocks: list[Found]) -> bool:
        if len(blocks) > 1:
            first, second = blocks[0].block, blocks[1].block
            detail = f"Only one {name} block is allowed. Another was defined at {first.header}."
            self.evaluator.report(f"Duplicate {name} block", detail, second.header)
        return len(blocks) == 1

    def _map(self, name: str, field: MapBlock, attribute: nodes.Attribute | None, blocks: list[Found]) -> Any:
        if attribute is not None:
            if blocks:
                detail = f"{name} may not be defined more than once. Another definition is defined at {attribute.range}."
                self.evaluator.report(f"Duplicate {name} block", detail, blocks[0].block.header)
                return None
            return self.value(attribute.expression, Attribute(values.map_of(values.STRING), absent={}))
        if not blocks or not self._only_one(name, blocks):
            return None
        with self.evaluator.names(blocks[0].names) if blocks[0].names else nullcontext():
            entries = blocks[0].block.body.free_form()
            if field.element is None:
                return self._free_form(entries)
            element = Attribute(field.element, nullable=field.element.is_collection)
            return {key: self.value(entry.expression, element) for key, entry in entries.items()}

    def _free_form(self, entries: dict[str, nodes.Attribute]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, entry in entries.items():
            with self.evaluator.separate_diagnostics() as found:
                value = self.evaluator.evaluate(entry.expression)
                try:
                    plain = free_form_value(value)
                except (ValueError, OverflowError) as error:
                    detail = f"Unsuitable value: {error}"
                    self.evaluator.report("unsuitable value type", detail, entry.expression.start)
                else:
                    if plain is not None:
                        result[name] = plain
            self.free_form_diagnostics += found
        return result


def free_form_value(value: Value) -> Any:
    """The plain value in a block without schema: a collection whose elements are all maps is a list of them, so that a
    map of maps loses its keys."""
    if value.raw is None or not isinstance(value.raw, dict | tuple):
        return value.plain()
    kinds = [value.type.element] if value.type.element else list(value.type.elements)
    if kinds and all(kind.is_mapping for kind in kinds):
        return [free_form_value(item) for item in value.parts()]
    if isinstance(value.raw, dict):
        return {key: free_form_value(item) for key, item in value.raw.items()}
    return [free_form_value(item) for item in value.raw]
