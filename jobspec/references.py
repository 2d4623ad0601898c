"""References that only the client can resolve: `${attr.kernel.name}`, `${NOMAD_PORT_http}`.

Whatever does not begin with `var` or `local` is kept as the text of the source, in `${}`, for the client to fill in
when it starts the task.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobspec.syntax import nodes
from jobspec.syntax.body import parse_template
from jobspec.values import Value, string


def runtime_reference(reference: nodes.Reference) -> Value:
    """The text of the reference with its interpolation around it.

    The spaces within the interpolation are kept, and closing braces are sought as Nomad seeks them: if one follows
    that one (not counting spaces), it is taken into the text too.
    """
    source, start, end = reference.range.source.text, reference.range.start, reference.range.end
    opener = start - 1
    while opener >= 1 and source[opener] == " ":
        opener -= 1
    if opener < 1 or source[opener - 1 : opener + 1] != "${":
        return string(f"${{{source[start:end]}}}")
    text = source[opener - 1 : end]
    for index in range(end + 1, len(source)):
        if source[index] == "}":
            text += source[end:index]
        elif source[index] != " ":
            text += "}"
            break
    return string(text)


def references(expression: nodes.Expression) -> Iterator[nodes.Reference]:
    """The references in an expression, without the names it defines itself."""
    yield from _references(expression, frozenset())


def _references(node: nodes.Expression, defined: frozenset[str]) -> Iterator[nodes.Reference]:
    if isinstance(node, nodes.Reference):
        if node.root not in defined:
            yield node
    elif isinstance(node, nodes.ObjectKey):
        if node.parenthesized or not isinstance(node.inner, nodes.Reference):
            yield from _references(node.inner, defined)
    elif isinstance(node, nodes.JsonText):
        template, _ = parse_template(node.inside)
        if template is not None:
            yield from _references(template, defined)
    elif isinstance(node, nodes.For):
        yield from _references(node.collection, defined)
        inner = defined | {node.key_name, node.value_name}
        for part in (node.key, node.value, node.condition):
            if part is not None:
                yield from _references(part, inner)
    else:
        for part in _children(node):
            yield from _references(part, defined)


def _children(node: nodes.Expression) -> list[nodes.Expression]:
    match node:
        case nodes.Traversal(source=source):
            return [source]
        case nodes.Index(collection=collection, key=key):
            return [collection, key]
        case nodes.Splat(source=source, each=each):
            return [source, each]
        case nodes.Parentheses(inner=inner) | nodes.Wrapped(inner=inner):
            return [inner]
        case nodes.Call(arguments=arguments):
            return arguments
        case nodes.Conditional(condition=condition, if_true=if_true, if_false=if_false):
            return [condition, if_true, if_false]
        case nodes.Binary(left=left, right=right):
            return [left, right]
        case nodes.Unary(operand=operand):
            return [operand]
        case nodes.Tuple(items=items):
            return items
        case nodes.Object(items=entries):
            return [part for entry in entries for part in entry]
        case nodes.Template(parts=parts):
            return parts
        case nodes.Joined(loop=loop):
            return [loop]
    return []
