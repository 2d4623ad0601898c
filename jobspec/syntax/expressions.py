"""Expressions: recursive descent, binary operators by precedence.

What a message says and where it points is Nomad's wording, so that whoever searches the web for it finds help.
"""

from __future__ import annotations

from typing import NoReturn

from jobspec.diagnostics import Range
from jobspec.numbers import parse_number
from jobspec.syntax import tokens
from jobspec.syntax.nodes import (
    Binary,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    Literal,
    Object,
    ObjectKey,
    Parentheses,
    Reference,
    Splat,
    SplatItem,
    Step,
    Template,
    Traversal,
    Tuple,
    Unary,
)
from jobspec.syntax.stream import TokenStream
from jobspec.syntax.templates import for_names, template
from jobspec.syntax.tokens import Token
from jobspec.values import FALSE, NULL, TRUE, Value, number

_PRECEDENCE = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"))
_LEVEL = {operator: level for level, operators in enumerate(_PRECEDENCE) for operator in operators}
_KEYWORDS = {"true": TRUE, "false": FALSE, "null": NULL}
_NESTING = "This may be caused by incorrect {0} nesting elsewhere in this file."


def expression(stream: TokenStream) -> Expression:
    """Read one expression, or fail."""
    with stream.nested():
        condition = _binary(stream, 0)
        if not stream.at("?"):
            return condition
        stream.read()
        if_true = expression(stream)
        if not stream.at(":"):
            detail = "The conditional operator (...?...:...) requires a false expression, delimited by a colon."
            raise stream.failure("Missing false expression in conditional", detail, stream.peek().range)
        stream.read()
        if_false = expression(stream)
        return Conditional(condition.range.to(if_false.range), condition, if_true, if_false)


def _binary(stream: TokenStream, level: int) -> Expression:
    left = _operand(stream)
    while _LEVEL.get(stream.peek().kind, -1) >= level:
        operator = stream.read().kind
        right = _binary(stream, _LEVEL[operator] + 1)
        left = Binary(left.range.to(right.range), operator, left, right)
    return left


def _operand(stream: TokenStream) -> Expression:
    return _traversals(stream, _term(stream))


def _traversals(stream: TokenStream, start: Expression) -> Expression:
    """The `.name`, `[key]` and splats behind a term."""
    node = start
    while stream.at(".", "["):
        opener = stream.read()
        node = _dotted(stream, node, start, opener) if opener.kind == "." else _indexed(stream, node, start, opener)
    return node


def _dotted(stream: TokenStream, node: Expression, start: Expression, dot: Token) -> Expression:
    if stream.at("*"):
        return _attribute_splat(stream, node, start, dot)
    return _step(node, _dot_step(stream, dot))


def _dot_step(stream: TokenStream, dot: Token) -> Step:
    if stream.at(tokens.IDENTIFIER):
        name = stream.read()
        return Step(dot.range.to(name.range), name=name.text)
    if stream.at(tokens.NUMBER):  # `list.0`, the index of HCL 1
        literal = stream.read()
        if "." in literal.text:
            first, second = literal.text.split(".", 1)
            detail = (
                "When using the legacy index syntax, chaining two indexes together is not permitted. Use the proper "
                f"index syntax instead, like [{first}][{second}]."
            )
            raise stream.failure("Invalid legacy index syntax", detail, literal.range)
        return Step(dot.range.to(literal.range), key=_number(stream, literal))
    raise stream.failure("Invalid attribute name", "An attribute name is required after a dot.", stream.peek().range)


def _attribute_splat(stream: TokenStream, node: Expression, start: Expression, dot: Token) -> Expression:
    marker = dot.range.to(stream.read().range)
    item = SplatItem(marker)
    each: Expression = item
    while stream.at("."):
        inner_dot = stream.read()
        if stream.at("*"):
            detail = "A splat expression (*) cannot be used inside another attribute-only splat expression."
            raise stream.failure("Nested splat expression not allowed", detail, stream.peek().range)
        each = _step(each, _dot_step(stream, inner_dot))
        if isinstance(each, Traversal):
            each.range = each.steps[0].range.to(each.steps[-1].range)
    return Splat(start.range.to(each.range), node, each, item, marker)


def _indexed(stream: TokenStream, node: Expression, start: Expression, opener: Token) -> Expression:
    if stream.at("*"):
        stream.read()
        closer = stream.read()
        if closer.kind != "]":
            detail = 'The star for a full splat operator must be immediately followed by a closing bracket ("]").'
            raise stream.failure("Missing close bracket on splat index", detail, closer.range)
        marker = opener.range.to(closer.range)
        item = SplatItem(marker)
        each = _traversals(stream, item)
        return Splat(start.range.to(each.range), node, each, item, marker)
    with stream.newlines(False):
        key = expression(stream)
        closer = stream.read()
    if closer.kind != "]":
        detail = 'The index operator must end with a closing bracket ("]").'
        raise stream.failure("Missing close bracket on index", detail, closer.range)
    brackets = opener.range.to(closer.range)
    constant = _constant(key)
    if constant is not None:
        return _step(node, Step(brackets, key=constant))
    return Index(start.range.to(brackets), node, key, brackets)


def _constant(key: Expression) -> Value | None:
    if isinstance(key, Template) and key.is_literal:
        key = key.parts[0]
    return key.value if isinstance(key, Literal) else None


def _step(node: Expression, step: Step) -> Expression:
    if isinstance(node, Reference | Traversal):
        node.steps.append(step)
        node.range = node.range.to(step.range)
        return node
    return Traversal(node.range.to(step.range), node, [step])


def _term(stream: TokenStream) -> Expression:
    token = stream.peek()
    reader = _TERMS.get(token.kind)
    if reader:
        return reader(stream, stream.read())
    if token.kind == tokens.EOF:
        detail = "Expected the start of an expression, but found the end of the file."
        raise stream.failure("Missing expression", detail, token.range)
    detail = "Expected the start of an expression, but found an invalid expression token."
    raise stream.failure("Invalid expression", detail, token.range)


def _parentheses(stream: TokenStream, opener: Token) -> Expression:
    with stream.newlines(False):
        inner = expression(stream)
        if not stream.at(")"):
            detail = "Expected a closing parenthesis to terminate the expression."
            raise stream.failure("Unbalanced parentheses", detail, stream.peek().range)
        return Parentheses(opener.range.to(stream.read().range), inner)


def _number_literal(stream: TokenStream, token: Token) -> Expression:
    return Literal(token.range, _number(stream, token))


def _number(stream: TokenStream, token: Token) -> Value:
    parsed = parse_number(token.text)
    if parsed is None:
        detail = "Failed to recognize the value of this number literal."
        raise stream.failure("Invalid number literal", detail, token.range)
    return number(parsed)


def _name(stream: TokenStream, token: Token) -> Expression:
    if stream.at("(", "::"):
        return _call(stream, token)
    if token.text in _KEYWORDS:
        return Literal(token.range, _KEYWORDS[token.text])
    return Reference(token.range, token.text, token.range)


def _call(stream: TokenStream, first: Token) -> Expression:
    name_range = first.range
    opener = stream.read()
    while opener.kind == "::":
        part = stream.read()
        if part.kind != tokens.IDENTIFIER:
            detail = "Function scope resolution symbol :: must be followed by a function name in this scope."
            raise stream.failure("Missing function name", detail, part.range)
        name_range = name_range.to(part.range)
        opener = stream.read()
    if opener.kind != "(":
        detail = "Function selector must be followed by an open parenthesis to begin the function call."
        raise stream.failure("Missing open parenthesis", detail, opener.range)
    with stream.newlines(False):
        arguments, expand_last = _arguments(stream, first, opener)
    close = stream.previous
    whole = first.range.to(close)
    return Call(whole, name_range.text, name_range, arguments, expand_last, opener.range, close)


def _arguments(stream: TokenStream, name: Token, opener: Token) -> tuple[list[Expression], bool]:
    arguments: list[Expression] = []
    while not stream.at(")"):
        arguments.append(expression(stream))
        separator = stream.read()
        if separator.kind == ")":
            return arguments, False
        if separator.kind == "...":
            if not stream.at(")"):
                detail = "An expanded function argument (with ...) must be immediately followed by closing parentheses."
                raise stream.failure("Missing closing parenthesis", detail, separator.range)
            stream.read()
            return arguments, True
        if separator.kind == tokens.EOF:
            detail = "There is no closing parenthesis for this function call before the end of the file. "
            detail += _NESTING.format("parenthesis")
            raise stream.failure("Unterminated function call", detail, name.range.to(opener.range))
        if separator.kind != ",":
            detail = "A comma is required to separate each function argument from the next."
            raise stream.failure("Missing argument separator", detail, separator.range)
    stream.read()
    return arguments, False


def _quoted_template(stream: TokenStream, opener: Token) -> Expression:
    return template(stream, opener, expression)


def _unary(stream: TokenStream, symbol: Token) -> Expression:
    with stream.nested():  # binds tighter than any binary operator: -1+2 is (-1)+2
        operand = _operand(stream)
    return Unary(symbol.range.to(operand.range), symbol.kind, operand, symbol.range)


def _tuple(stream: TokenStream, opener: Token) -> Expression:
    with stream.newlines(False):
        if stream.at_keyword("for"):
            return _for(stream, opener, "]")
        items: list[Expression] = []
        while not stream.at("]"):
            items.append(expression(stream))
            if stream.at("]"):
                break
            if stream.at(tokens.EOF):
                detail = "There is no corresponding closing bracket before the end of the file. "
                detail += _NESTING.format("bracket")
                raise stream.failure("Unterminated tuple constructor expression", detail, opener.range)
            if not stream.at(","):
                detail = "Expected a comma to mark the beginning of the next item."
                raise stream.failure("Missing item separator", detail, stream.peek().range)
            stream.read()
        return Tuple(opener.range.to(stream.read().range), items, opener.range)


def _object(stream: TokenStream, opener: Token) -> Expression:
    with stream.newlines(False):
        if stream.at_keyword("for"):
            return _for(stream, opener, "}")
    with stream.newlines(True):
        items: list[tuple[ObjectKey, Expression]] = []
        while not stream.at("}"):
            if stream.at(tokens.NEWLINE):
                stream.read()
                continue
            items.append((_object_key(stream, opener), expression(stream)))
            if stream.at("}"):
                break
            if stream.at(tokens.EOF):
                _unterminated_object(stream, opener)
            if not stream.at(",", tokens.NEWLINE):
                detail = "Expected a newline or comma to mark the beginning of the next attribute."
                raise stream.failure("Missing attribute separator", detail, stream.peek().range)
            stream.read()
        return Object(opener.range.to(stream.read().range), items, opener.range)


def _unterminated_object(stream: TokenStream, opener: Token) -> NoReturn:
    detail = f"There is no corresponding closing brace before the end of the file. {_NESTING.format('brace')}"
    raise stream.failure("Unterminated object constructor expression", detail, opener.range)


def _object_key(stream: TokenStream, opener: Token) -> ObjectKey:
    """A key and the separator behind it."""
    parenthesized = stream.at("(")
    key = expression(stream)
    separator = stream.peek()
    detail = 'Expected an equals sign ("=") to mark the beginning of the attribute value.'
    if separator.kind in ("=", ":"):
        stream.read()
    elif separator.kind in (tokens.NEWLINE, ","):
        detail = 'Expected an attribute value, introduced by an equals sign ("=").'
        raise stream.failure("Missing attribute value", detail, separator.range)
    elif separator.kind == tokens.EOF:
        _unterminated_object(stream, opener)
    elif separator.kind == tokens.IDENTIFIER:
        detail += " If you intended to given an attribute name containing periods or spaces, write the name in quotes"
        raise stream.failure("Missing key/value separator", f"{detail} to create a string literal.", separator.range)
    else:
        raise stream.failure("Missing key/value separator", detail, separator.range)
    return ObjectKey(key.range, key, parenthesized)


def _for(stream: TokenStream, opener: Token, closer: str) -> Expression:
    summary = "Invalid 'for' expression"
    with stream.newlines(False):
        stream.read()
        key_name, value_name = for_names(stream, "expression", "the ", "its name declarations")
        collection = expression(stream)
        if not stream.at(":"):
            detail = "For expression requires a colon after the collection expression."
            raise stream.failure(summary, detail, stream.peek().range)
        stream.read()
        key, value = None, expression(stream)
        if stream.at("=>"):
            stream.read()
            key, value = value, expression(stream)
        ellipsis = stream.read().range if stream.at("...") else None
        condition = None
        if stream.at_keyword("if"):
            stream.read()
            condition = expression(stream)
        if not stream.at(closer):
            detail = "Extra characters after the end of the 'for' expression."
            raise stream.failure(summary, detail, stream.peek().range)
        close = stream.read().range
    _check_for_result(stream, closer == "}", key, value, ellipsis)
    whole, grouped = opener.range.to(close), ellipsis is not None
    return For(whole, key_name, value_name, collection, key, value, condition, grouped, opener.range, close)


def _check_for_result(
    stream: TokenStream, builds_object: bool, key: Expression | None, value: Expression, ellipsis: Range | None
) -> None:
    summary = "Invalid 'for' expression"
    if builds_object and key is None:
        stream.report(summary, "Key expression is required when building an object.", value.range)
    if not builds_object and key is not None:
        stream.report(summary, "Key expression is not valid when building a tuple.", key.range)
    if not builds_object and ellipsis is not None:
        stream.report(summary, "Grouping ellipsis (...) cannot be used when building a tuple.", ellipsis)


_TERMS = {
    "(": _parentheses,
    tokens.NUMBER: _number_literal,
    tokens.IDENTIFIER: _name,
    tokens.QUOTE_OPEN: _quoted_template,
    tokens.HEREDOC_OPEN: _quoted_template,
    "-": _unary,
    "!": _unary,
    "[": _tuple,
    "{": _object,
}
