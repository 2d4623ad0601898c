"""Bodies: attributes and blocks, and the entry points of the parser."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

from jobspec.depth import allow_deep_recursion
from jobspec.diagnostics import Diagnostic, Range, Source
from jobspec.syntax import tokens
from jobspec.syntax.expressions import expression
from jobspec.syntax.nodes import Attribute, Block, Body, Expression
from jobspec.syntax.stream import SyntaxFailure, TokenStream
from jobspec.syntax.templates import bare_template, quoted_literal
from jobspec.syntax.tokens import Token, invalid_tokens, tokenize, tokenize_template

_DEFINITION_REQUIRED = "An argument or block definition is required here."
_USE_EQUALS = f'{_DEFINITION_REQUIRED} To set an argument, use the equals sign "=" to introduce the argument value.'
_UNCLOSED = (
    "There is no closing brace for this block before the end of the file. This may be caused by incorrect brace "
    "nesting elsewhere in this file."
)


Parsed = tuple[Expression | None, list[Diagnostic]]


def parse_body(source: Source) -> tuple[Body, list[Diagnostic]]:
    """The document, and what is wrong with it: if anything is, the body is not to be used."""
    allow_deep_recursion()
    all_tokens = tokenize(source)
    stream = TokenStream(all_tokens)
    empty = Range(source, 0, 0)
    try:
        body = _body(stream, tokens.EOF)
    except SyntaxFailure:
        body = Body({}, [], empty)
    return body, [*invalid_tokens(all_tokens), *stream.diagnostics]


def parse_expression(source: Source, start: int = 0, end: int | None = None) -> Parsed:
    """A text, or a part of it, as one expression; None if it is none."""
    all_tokens = tokenize(source, start, end)

    def read(stream: TokenStream) -> Expression:
        with stream.newlines(False):
            parsed = expression(stream)
            if not stream.at(tokens.EOF):
                detail = "An expression was successfully parsed, but extra characters were found after it."
                raise stream.failure("Extra characters after expression", detail, stream.peek().range)
            return parsed

    return _parsed(all_tokens, read)


def parse_template(where: Range) -> Parsed:
    """The text of a range as a template without quotes."""
    all_tokens = tokenize_template(where.source, where.start, where.end)
    return _parsed(all_tokens, lambda stream: bare_template(stream, where, expression))


def _parsed(all_tokens: list[Token], read: Callable[[TokenStream], Expression]) -> Parsed:
    allow_deep_recursion()
    stream = TokenStream(all_tokens)
    try:
        parsed = read(stream)
    except SyntaxFailure:
        parsed = None
    return parsed, [*invalid_tokens(all_tokens), *stream.diagnostics]


def _body(stream: TokenStream, end: str) -> Body:
    start = stream.previous
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    while not stream.at(end):
        if stream.at(tokens.NEWLINE):
            stream.read()
        elif stream.at(tokens.IDENTIFIER):
            item = _item(stream)
            if isinstance(item, Block):
                blocks.append(item)
            elif item.name in attributes:
                before = attributes[item.name].name_range
                detail = f'The argument "{item.name}" was already set at {before}. Each argument may be set only once.'
                stream.report("Attribute redefined", detail, item.name_range)
            else:
                attributes[item.name] = item
        else:
            _not_an_item(stream, start)
    return Body(attributes, blocks, start.to(stream.read().range))


def _not_an_item(stream: TokenStream, body_start: Range) -> None:
    token = stream.peek()
    if token.kind == tokens.QUOTE_OPEN:
        raise stream.failure("Invalid argument name", "Argument names must not be quoted.", token.range)
    if token.kind == tokens.EOF:
        raise stream.failure("Unclosed configuration block", _UNCLOSED, body_start)
    raise stream.failure("Argument or block definition required", _DEFINITION_REQUIRED, token.range)


def _item(stream: TokenStream) -> Attribute | Block:
    name = stream.read()
    if stream.at("="):
        attribute = _attribute(stream, name)
        _end_of_attribute(stream)
        return attribute
    if stream.at(tokens.QUOTE_OPEN, "{", tokens.IDENTIFIER):
        return _block(stream, name)
    raise stream.failure("Argument or block definition required", _USE_EQUALS, name.range)


def _attribute(stream: TokenStream, name: Token) -> Attribute:
    stream.read()
    value = expression(stream)
    return Attribute(unicodedata.normalize("NFC", name.text), value, name.range.to(stream.previous), name.range)


def _end_of_attribute(stream: TokenStream) -> None:
    token = stream.peek()
    if token.kind in (tokens.NEWLINE, tokens.EOF):
        stream.read()
        return
    summary, detail = "Missing newline after argument", "An argument definition must end with a newline."
    if token.kind == ",":
        summary = "Unexpected comma after argument"
        detail = f"Argument definitions must be separated by newlines, not commas. {detail}"
    raise stream.failure(summary, detail, token.range)


def _block(stream: TokenStream, name: Token) -> Block:
    labels, label_ranges = _labels(stream)
    opener = stream.read()
    with stream.nested(2 + 2 * len(labels)):  # in a driver's configuration each label and body is a list of one map
        body = _body(stream, "}") if stream.at(tokens.NEWLINE, tokens.EOF, "}") else _one_line_body(stream, opener)
    close = stream.previous
    token = stream.peek()
    if token.kind not in (tokens.NEWLINE, tokens.EOF):
        detail = "A block definition must end with a newline."
        raise stream.failure("Missing newline after block definition", detail, token.range)
    stream.read()
    return Block(name.text, labels, body, name.range, label_ranges, opener.range, close)


def _labels(stream: TokenStream) -> tuple[list[str], list[Range]]:
    labels: list[str] = []
    ranges: list[Range] = []
    while not stream.at("{"):
        token = stream.peek()
        if token.kind == tokens.QUOTE_OPEN:
            text, where = quoted_literal(stream)
        elif token.kind == tokens.IDENTIFIER:
            text, where = stream.read().text, token.range
        else:
            raise stream.failure("Invalid block definition", _why_no_label(token), token.range)
        labels.append(text)
        ranges.append(where)
    return labels, ranges


def _why_no_label(token: Token) -> str:
    if token.kind == "=":
        return 'The equals sign "=" indicates an argument definition, and must not be used when defining a block.'
    if token.kind == tokens.NEWLINE:
        return (
            'A block definition must have block content delimited by "{" and "}", starting on the same line as the '
            "block header."
        )
    return 'Either a quoted string block label or an opening brace ("{") is expected here.'


def _one_line_body(stream: TokenStream, opener: Token) -> Body:
    """`block { name = value }`: one attribute, all on the line of the braces."""
    name = stream.read()
    if name.kind != tokens.IDENTIFIER:
        raise stream.failure("Argument or block definition required", _DEFINITION_REQUIRED, name.range)
    token = stream.peek()
    if token.kind in (tokens.QUOTE_OPEN, "{", tokens.IDENTIFIER):
        detail = (
            "A single-line block definition can contain only a single argument. If you meant to define argument "
            f'"{name.text}", use an equals sign to assign it a value. To define a nested block, place it on a line '
            "of its own within its parent block."
        )
        raise stream.failure("Argument definition required", detail, name.range.to(token.range))
    if token.kind != "=":
        raise stream.failure("Argument or block definition required", _USE_EQUALS, name.range)
    attribute = _attribute(stream, name)
    closer = stream.peek()
    summary = "Invalid single-argument block definition"
    if closer.kind == ",":
        detail = (
            "Single-line block syntax can include only one argument definition. To define multiple arguments, use the "
            "multi-line block syntax with one argument definition per line."
        )
    elif closer.kind == tokens.NEWLINE:
        detail = (
            "An argument definition on the same line as its containing block creates a single-line block definition, "
            "which must also be closed on the same line. Place the block's closing brace immediately after the "
            "argument definition."
        )
    elif closer.kind == tokens.EOF:
        raise stream.failure("Unclosed configuration block", _UNCLOSED, opener.range)
    elif closer.kind != "}":
        detail = (
            "A single-line block definition must end with a closing brace immediately after its single argument definition."
        )
    else:
        stream.read()
        return Body({attribute.name: attribute}, [], attribute.range)
    raise stream.failure(summary, detail, closer.range)
