"""Bodies written in HCL-JSON.

Whether a property is an attribute or a block, and whether the properties of an object are labels, is known only from
what is expected.
"""

from __future__ import annotations

from jobspec.content import Block, Content, Expected, missing_arguments
from jobspec.diagnostics import Diagnostic, Range
from jobspec.suggestions import did_you_mean
from jobspec.syntax import nodes
from jobspec.syntax.json_text import JsonArray, JsonMember, JsonNode, JsonObject, JsonScalar, JsonString

_COMMENT = "//"
_WRONG_TYPE = "Incorrect JSON value type"


class JsonBody:
    def __init__(self, node: JsonNode) -> None:
        self._node = node

    @property
    def missing(self) -> Range:
        node = self._node
        return node.close if isinstance(node, JsonObject) else _start(node)

    def content(self, expected: Expected, found: list[Diagnostic]) -> Content:
        content = Content({}, [])
        for member in _members(self._node, None, found):
            name = member.name.inside.text
            if name in expected.attributes:
                _set(content.attributes, member, "Duplicate argument", found)
            elif name in expected.blocks:
                _unpack(member.value, name, expected.blocks[name], [], content.blocks, found)
            elif name != _COMMENT:
                hint = did_you_mean(name, [*sorted(expected.attributes), *sorted(expected.blocks)])
                detail = f'No argument or block type is named "{name}".{hint}'
                found.append(Diagnostic("Extraneous JSON object property", detail, member.name.range))
        found += missing_arguments(expected, content.attributes, self.missing)
        return content

    def declared(self, kind: str) -> list[Block]:
        blocks: list[Block] = []
        for member in _members(self._node, None, []):
            if member.name.inside.text == kind:
                _unpack(member.value, kind, ["name"], [], blocks, [])
        return blocks

    def arguments(self, found: list[Diagnostic]) -> dict[str, nodes.Attribute]:
        attributes: dict[str, nodes.Attribute] = {}
        if not isinstance(self._node, JsonObject):
            detail = "A JSON object is required here, setting the arguments for this block."
            found.append(Diagnostic(_WRONG_TYPE, detail, _start(self._node)))
            return attributes
        for member in self._node.members:
            if member.name.inside.text != _COMMENT:
                _set(attributes, member, "Duplicate attribute definition", found)
        return attributes

    def free_form(self) -> dict[str, nodes.Attribute]:
        return self.arguments([])


def _set(attributes: dict[str, nodes.Attribute], member: JsonMember, duplicate: str, found: list[Diagnostic]) -> None:
    name = member.name.inside.text
    if name in attributes:
        detail = f'The argument "{name}" was already set at {attributes[name].range}.'
        found.append(Diagnostic(duplicate, detail, member.name.range))
        return
    whole = member.name.range.to(member.value.range)
    attributes[name] = nodes.Attribute(name, expression(member.value), whole, member.name.range)


def _start(node: JsonNode) -> Range:
    return node.open if isinstance(node, JsonObject | JsonArray) else node.range


def _is_null(node: JsonNode) -> bool:
    return isinstance(node, JsonScalar) and node.value.is_null


def _members(node: JsonNode, label: str | None, found: list[Diagnostic]) -> list[JsonMember]:
    """The properties of an object, or of the objects in an array."""
    purpose = "to define arguments and child blocks"
    if label is not None:
        purpose = f"to specify {label} labels for this block"
    if isinstance(node, JsonObject):
        return node.members
    if _is_null(node):
        return []
    if not isinstance(node, JsonArray):
        detail = f"Either a JSON object or JSON array of objects is required here, {purpose}."
        found.append(Diagnostic(_WRONG_TYPE, detail, _start(node)))
        return []
    members: list[JsonMember] = []
    for item in node.items:
        if isinstance(item, JsonObject):
            members += item.members
        else:
            detail = f"A JSON object is required here, {purpose}."
            found.append(Diagnostic(_WRONG_TYPE, detail, _start(item)))
    return members


def _unpack(
    node: JsonNode,
    kind: str,
    label_names: list[str],
    labels: list[JsonString],
    blocks: list[Block],
    found: list[Diagnostic],
) -> None:
    """The blocks a property stands for: below one level of properties per label, an object or an array of bodies."""
    if label_names:
        members = _members(node, label_names[0], found)
        if not members:
            detail = f"At least one object property is required, whose name represents the {kind} block's {label_names[0]}."
            found.append(Diagnostic("Missing block label", detail, _start(node)))
        for member in members:
            _unpack(member.value, kind, label_names[1:], [*labels, member.name], blocks, found)
    elif isinstance(node, JsonObject | JsonArray):
        texts, ranges = [label.inside.text for label in labels], [label.range for label in labels]
        bodies = node.items if isinstance(node, JsonArray) else [node]
        blocks.extend(Block(kind, texts, JsonBody(body), ranges, node.open) for body in bodies)
    elif not _is_null(node):
        detail = f'Either a JSON object or a JSON array is required, representing the contents of one or more "{kind}" blocks.'
        found.append(Diagnostic(_WRONG_TYPE, detail, _start(node)))


def expression(node: JsonNode) -> nodes.Expression:
    """The expression a JSON value is; strings, also those that name properties, are templates."""
    if isinstance(node, JsonString):
        return nodes.JsonText(node.range, node.inside)
    if isinstance(node, JsonArray):
        return nodes.Tuple(node.range, [expression(item) for item in node.items], node.open)
    if isinstance(node, JsonObject):
        items = [
            (nodes.ObjectKey(member.name.range, expression(member.name), parenthesized=True), expression(member.value))
            for member in node.members
        ]
        return nodes.Object(node.range, items, node.open)
    assert isinstance(node, JsonScalar)
    return nodes.Literal(node.range, node.value)
