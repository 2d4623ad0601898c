"""What a body contains, seen through what is expected there.

HCL text says itself what is an attribute and what a block. In HCL-JSON only the expectation says it, so both are
asked the same question: which of these attributes and blocks do you have, and is there anything else?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from jobspec.diagnostics import Diagnostic, Range
from jobspec.suggestions import did_you_mean
from jobspec.syntax import nodes
from jobspec.values import string

DYNAMIC = "dynamic"


@dataclass(frozen=True, slots=True)
class Expected:
    """Attributes, and which are required; blocks, and the names of their labels."""

    attributes: Mapping[str, bool]
    blocks: Mapping[str, list[str]]

    def hint_for_attribute(self, name: str, present: Mapping[str, object]) -> str:
        hint = did_you_mean(name, [known for known in sorted(self.attributes) if known not in present])
        return hint or (f' Did you mean to define a block of type "{name}"?' if name in self.blocks else "")

    def hint_for_block(self, name: str) -> str:
        hint = did_you_mean(name, sorted(known for known in self.blocks if known != DYNAMIC))
        if hint or name not in self.attributes:
            return hint
        return f' Did you mean to define argument "{name}"? If so, use the equals sign to assign it a value.'


@dataclass(frozen=True, slots=True)
class Content:
    """The expected things that are there, in the order of the text."""

    attributes: dict[str, nodes.Attribute]
    blocks: list[Block]


class Body(Protocol):
    """A body of either syntax."""

    @property
    def missing(self) -> Range:
        """Where a message about something that is not there points."""

    def content(self, expected: Expected, found: list[Diagnostic]) -> Content:
        """The expected content; what is missing or too much is added to `found`."""

    def declared(self, kind: str) -> list[Block]:
        """The blocks of a type with one label, whatever else there is."""

    def arguments(self, found: list[Diagnostic]) -> dict[str, nodes.Attribute]:
        """All attributes; blocks are not allowed."""

    def free_form(self) -> dict[str, nodes.Attribute]:
        """Attributes and blocks alike as attributes, for a body without schema."""


@dataclass(frozen=True, slots=True)
class Block:
    type: str
    labels: list[str]
    body: Body
    label_ranges: list[Range]
    header: Range
    """What messages call the block's definition: type and labels, of the `dynamic` block if it comes from one."""


def missing_arguments(expected: Expected, present: Mapping[str, object], where: Range) -> list[Diagnostic]:
    return [
        Diagnostic("Missing required argument", f'The argument "{name}" is required, but no definition was found.', where)
        for name, required in expected.attributes.items()
        if required and name not in present
    ]


class NativeBody:
    """A body written in HCL's own syntax."""

    def __init__(self, body: nodes.Body) -> None:
        self._body = body

    @property
    def missing(self) -> Range:
        return self._body.missing

    def content(self, expected: Expected, found: list[Diagnostic]) -> Content:
        body = self._body
        found += missing_arguments(expected, body.attributes, body.missing)
        content = Content({}, [])
        for name, attribute in body.attributes.items():
            if name in expected.attributes:
                content.attributes[name] = attribute
            else:
                hint = expected.hint_for_attribute(name, body.attributes)
                detail = f'An argument named "{name}" is not expected here.{hint}'
                found.append(Diagnostic("Unsupported argument", detail, attribute.name_range))
        for block in body.blocks:
            if block.type not in expected.blocks:
                hint = expected.hint_for_block(block.type)
                detail = f'Blocks of type "{block.type}" are not expected here.{hint}'
                found.append(Diagnostic("Unsupported block type", detail, block.type_range))
            elif problem := _label_problem(block, expected.blocks[block.type]):
                found.append(problem)
            else:
                content.blocks.append(_native_block(block))
        return content

    def declared(self, kind: str) -> list[Block]:
        return [_native_block(block) for block in self._body.blocks if block.type == kind and len(block.labels) == 1]

    def arguments(self, found: list[Diagnostic]) -> dict[str, nodes.Attribute]:
        if self._body.blocks:
            first = self._body.blocks[0]
            summary = f'Unexpected "{first.type}" block'
            found.append(Diagnostic(summary, "Blocks are not allowed here.", first.type_range))
        return dict(self._body.attributes)

    def free_form(self) -> dict[str, nodes.Attribute]:
        attributes = {
            name: nodes.Attribute(name, _listed(attribute.expression), attribute.range, attribute.name_range)
            for name, attribute in self._body.attributes.items()
        }
        for name, blocks in _by_type(self._body.blocks).items():
            first = blocks[0]
            attributes[name] = nodes.Attribute(name, _block_list(blocks), first.body.range, first.type_range)
        return attributes


def _native_block(block: nodes.Block) -> Block:
    return Block(block.type, block.labels, NativeBody(block.body), block.label_ranges, block.header)


def _label_problem(block: nodes.Block, names: list[str]) -> Diagnostic | None:
    wanted, kind = len(names), block.type
    if len(block.labels) > wanted:
        only = f"Only {wanted} labels ({', '.join(names)}) are expected for {kind} blocks."
        detail = only if names else f"No labels are expected for {kind} blocks."
        return Diagnostic(f"Extraneous label for {kind}", detail, block.label_ranges[wanted])
    if len(block.labels) < wanted:
        detail = f"All {kind} blocks must have {wanted} labels ({', '.join(names)})."
        return Diagnostic(f"Missing {names[len(block.labels)]} for {kind}", detail, block.open)
    return None


def _by_type(blocks: list[nodes.Block]) -> dict[str, list[nodes.Block]]:
    grouped: dict[str, list[nodes.Block]] = {}
    for block in blocks:
        grouped.setdefault(block.type, []).append(block)
    return grouped


def _listed(expression: nodes.Expression) -> nodes.Expression:
    """An object written as the value of an attribute counts as a block: a list of one map."""
    if isinstance(expression, nodes.Object):
        return nodes.Tuple(expression.range, [expression], expression.open)
    return expression


def _block_list(blocks: list[nodes.Block]) -> nodes.Expression:
    return nodes.Tuple(blocks[0].open.to(blocks[-1].close), [_block_object(block) for block in blocks], blocks[0].open)


def _block_object(block: nodes.Block) -> nodes.Expression:
    """The object a block without schema stands for; each label is a list of one map around the next."""
    items = [
        (_key(name, attribute.name_range), _listed(attribute.expression)) for name, attribute in block.body.attributes.items()
    ]
    items += [(_key(name, blocks[0].type_range), _block_list(blocks)) for name, blocks in _by_type(block.body.blocks).items()]
    result = nodes.Object(block.body.range, items, block.open)
    for label, where in zip(reversed(block.labels), reversed(block.label_ranges), strict=True):
        inner = nodes.Tuple(result.range, [result], result.open)
        result = nodes.Object(result.range, [(_key(label, where), inner)], result.open)
    return result


def _key(name: str, where: Range) -> nodes.ObjectKey:
    return nodes.ObjectKey(where, nodes.Literal(where, string(name)), parenthesized=True)
