"""Templates: the inside of quoted strings and heredocs.

First the tokens become a flat list of pieces, with escapes resolved and the whitespace beside `~` markers and the
indentation of `<<-` heredocs removed (both concern the literal text of the source, never an interpolated value);
then the directives among them are paired into expressions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from jobspec.diagnostics import Range
from jobspec.graphemes import graphemes
from jobspec.suggestions import did_you_mean
from jobspec.syntax import tokens
from jobspec.syntax.nodes import Conditional, Expression, For, Joined, Literal, Template, Wrapped
from jobspec.syntax.stream import TokenStream
from jobspec.syntax.tokens import Token
from jobspec.values import string

ReadExpression = Callable[[TokenStream], Expression]

_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{0,4}|\\U[0-9a-fA-F]{0,8}|\\.|\$\$\{|%%\{", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


@dataclass(slots=True)
class _Text:
    text: str
    range: Range


@dataclass(slots=True)
class _Value:
    expression: Expression
    range: Range


@dataclass(slots=True)
class _If:
    condition: Expression
    range: Range


@dataclass(slots=True)
class _For:
    key_name: str
    value_name: str
    collection: Expression
    range: Range


@dataclass(slots=True)
class _Marker:
    """`else`, `endif` or `endfor`."""

    word: str
    range: Range


_Piece = _Text | _Value | _If | _For | _Marker


def unescape(stream: TokenStream, token: Token) -> str:
    """The text a literal token stands for; bad escapes are reported, and left out."""
    source, quoted = token.range.source, token.kind == tokens.QUOTED_TEXT

    def replace(match: re.Match[str]) -> str:
        escape = match[0]
        if escape[0] in "$%":
            return escape[1:]
        if not quoted:
            return escape
        where = Range(source, token.range.start + match.start(), token.range.start + match.end())
        if escape[1] in "uU":
            return _unicode_escape(stream, escape, where)
        if escape[1] not in _SIMPLE_ESCAPES:
            detail = f'The symbol "{escape[1]}" is not a valid escape sequence selector.'
            stream.report("Invalid escape sequence", detail, where)
        return _SIMPLE_ESCAPES.get(escape[1], escape[1])

    return _ESCAPE.sub(replace, token.text)


def _unicode_escape(stream: TokenStream, escape: str, where: Range) -> str:
    digits, count = ("four", 4) if escape[1] == "u" else ("eight", 8)
    if len(escape) != count + 2:
        detail = f"The \\{escape[1]} escape sequence must be followed by {digits} hexadecimal digits."
        stream.report("Invalid escape sequence", detail, where)
        return ""
    code = int(escape[2:], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        stream.report("Invalid escape sequence", f"Cannot encode character U+{code:04x} in UTF-8.", where)
        return ""
    return chr(code)


def quoted_literal(stream: TokenStream) -> tuple[str, Range]:
    """A quoted string without interpolation, as block labels are."""
    opener = stream.read()
    text = ""
    while True:
        token = stream.read()
        if token.kind == tokens.QUOTE_CLOSE:
            return unicodedata.normalize("NFC", text), opener.range.to(token.range)
        if token.kind == tokens.QUOTED_TEXT:
            text += unescape(stream, token)
        elif token.kind in (tokens.INTERPOLATION, tokens.DIRECTIVE):
            sign = token.text[0]
            detail = (
                f'Template sequences are not allowed in this string. To include a literal "{sign}", double it '
                f'(as "{sign}{sign}") to escape it.'
            )
            raise stream.failure("Invalid string literal", detail, token.range)
        elif token.kind == tokens.EOF:
            detail = "Unable to find the closing quote mark before the end of the file."
            raise stream.failure("Unterminated string literal", detail, token.range)
        else:
            raise stream.failure("Invalid string literal", "This item is not valid in a string literal.", token.range)


def template(stream: TokenStream, opener: Token, read_expression: ReadExpression) -> Expression:
    """The template whose opening token was just read, up to and with its closing one."""
    closer = tokens.QUOTE_CLOSE if opener.kind == tokens.QUOTE_OPEN else tokens.HEREDOC_CLOSE
    pieces, close = _Pieces(stream, closer, read_expression).read()
    if opener.text.startswith("<<-"):
        _remove_indentation(pieces)
    return _assembled(stream, pieces, opener.range, close)


def bare_template(stream: TokenStream, whole: Range, read_expression: ReadExpression) -> Expression:
    """The template all the tokens of the stream are."""
    pieces, close = _Pieces(stream, tokens.EOF, read_expression).read()
    return _assembled(stream, pieces, Range(whole.source, whole.start, whole.start), close)


def _assembled(stream: TokenStream, pieces: list[_Piece], opener: Range, close: Range) -> Expression:
    pieces = _merge_texts(pieces)
    whole = opener.to(close)
    if len(pieces) == 1 and isinstance(pieces[0], _Value):
        return Wrapped(whole, pieces[0].expression)
    if not pieces:
        pieces = [_Text("", close.at_end())]
    return Template(whole, _Assembler(stream, pieces, close).all())


class _Pieces:
    """Reads the tokens of one template into pieces."""

    def __init__(self, stream: TokenStream, closer: str, read_expression: ReadExpression) -> None:
        self._stream = stream
        self._closer = closer
        self._expression = read_expression
        self._start = stream.peek().range
        self._pieces: list[_Piece] = []
        self._trim_next = False

    def read(self) -> tuple[list[_Piece], Range]:
        stream = self._stream
        while (token := stream.read()).kind != self._closer:
            trim, self._trim_next = self._trim_next, False
            if token.kind in (tokens.QUOTED_TEXT, tokens.HEREDOC_TEXT):
                text = unescape(stream, token)
                self._pieces.append(_Text(text.lstrip() if trim else text, token.range))
            elif token.kind in (tokens.INTERPOLATION, tokens.DIRECTIVE):
                self._trim_previous(token)
                with stream.newlines(False):
                    if token.kind == tokens.INTERPOLATION:
                        self._interpolation(token)
                    else:
                        self._directive(token)
            else:
                detail = "No closing marker was found for the string."
                raise stream.failure("Unterminated template string", detail, token.range)
        return self._pieces, token.range

    def _trim_previous(self, opener: Token) -> None:
        if opener.text.endswith("~") and self._pieces and isinstance(self._pieces[-1], _Text):
            self._pieces[-1].text = self._pieces[-1].text.rstrip()

    def _close(self) -> None:
        self._trim_next = self._stream.read().text == "~}"

    def _interpolation(self, opener: Token) -> None:
        value = self._expression(self._stream)
        close = self._stream.peek()
        if close.kind != tokens.SEQUENCE_END:
            self._unclosed_interpolation(close)
        self._close()
        self._pieces.append(_Value(value, opener.range.to(close.range)))

    def _unclosed_interpolation(self, found: Token) -> NoReturn:
        summary = "Extra characters after interpolation expression"
        escape = 'you can escape it by starting with "$${" instead of just "${".'
        if found.kind == tokens.EOF or (
            found.kind in (tokens.QUOTE_OPEN, tokens.QUOTE_CLOSE) and self._closer == tokens.QUOTE_CLOSE
        ):
            end = "file" if found.kind == tokens.EOF else "quoted template"
            detail = (
                f"There is no closing brace for this interpolation sequence before the end of the {end}. This might "
                "be caused by incorrect nesting inside the given expression."
            )
            raise self._stream.failure("Unclosed template interpolation sequence", detail, self._start)
        if found.kind == ":":
            detail = (
                "Template interpolation doesn't expect a colon at this location. Did you intend this to be a literal "
                f"sequence to be processed as part of another language? If so, {escape}"
            )
            raise self._stream.failure(summary, detail, found.range)
        detail = (
            "Expected a closing brace to end the interpolation expression, but found extra characters.\n\nThis can "
            "happen when you include interpolation syntax for another language, such as shell scripting, but forget "
            "to escape the interpolation start token. If this is an embedded sequence for another language, "
            + escape.replace("you can escape it", "escape it")
        )
        raise self._stream.failure(summary, detail, found.range)

    def _directive(self, opener: Token) -> None:
        stream = self._stream
        keyword = stream.peek()
        if keyword.kind != tokens.IDENTIFIER:
            detail = 'A template directive keyword ("if", "for", etc) is expected at the beginning of a %{ sequence.'
            raise stream.failure("Invalid template directive", detail, keyword.range)
        word = stream.read().text
        piece: _Piece
        if word == "if":
            piece = _If(self._expression(stream), opener.range)
        elif word == "for":
            key_name, value_name = for_names(stream, "directive", "", "names")
            piece = _For(key_name, value_name, self._expression(stream), opener.range)
        elif word in ("else", "endif", "endfor"):
            piece = _Marker(word, opener.range)
        else:
            hint = did_you_mean(word, ["if", "for", "else", "endif", "endfor"])
            detail = f'"{word}" is not a valid template control keyword.{hint}'
            raise stream.failure("Invalid template control keyword", detail, keyword.range)
        close = stream.peek()
        if close.kind != tokens.SEQUENCE_END:
            detail = "Expected a closing brace to end the sequence, but found extra characters."
            raise stream.failure(f"Extra characters in {word} marker", detail, close.range)
        self._close()
        piece.range = opener.range.to(close.range)
        self._pieces.append(piece)


def _remove_indentation(pieces: list[_Piece]) -> None:
    """Take from every line the indentation of the least indented one; lines of nothing but space do not count."""
    line_starts: list[_Text] = []
    least: int | None = None
    at_line_start = True
    for piece in pieces:
        if at_line_start:
            indentation: int | None = 0
            if isinstance(piece, _Text):
                rest = piece.text.lstrip()
                if rest or not piece.text.endswith("\n"):
                    indentation = len(graphemes(piece.text[: len(piece.text) - len(rest)]))
                    line_starts.append(piece)
                else:
                    indentation = None
            if indentation is not None:
                least = indentation if least is None else min(least, indentation)
        at_line_start = isinstance(piece, _Text) and piece.text.endswith("\n")
    for line in line_starts:
        line.text = "".join(graphemes(line.text)[least or 0 :])


def _merge_texts(pieces: list[_Piece]) -> list[_Piece]:
    merged: list[_Piece] = []
    for piece in pieces:
        if isinstance(piece, _Text) and merged and isinstance(merged[-1], _Text):
            merged[-1] = _Text(merged[-1].text + piece.text, merged[-1].range.to(piece.range))
        else:
            merged.append(piece)
    return merged


class _Assembler:
    """Pairs the directives of one template."""

    def __init__(self, stream: TokenStream, pieces: list[_Piece], end: Range) -> None:
        self._stream = stream
        self._pieces = pieces
        self._at = 0
        self._end = end

    def all(self) -> list[Expression]:
        parts: list[Expression] = []
        while self._at < len(self._pieces):
            parts.append(self._part())
        return parts

    def _part(self) -> Expression:
        piece = self._pieces[self._at]
        self._at += 1
        if isinstance(piece, _Text):
            return Literal(piece.range, string(piece.text))
        if isinstance(piece, _Value):
            return piece.expression
        with self._stream.nested():
            if isinstance(piece, _If):
                return self._if(piece)
            if isinstance(piece, _For):
                return self._for(piece)
        detail = "The control directives within this template are unbalanced."
        raise self._stream.failure(f"Unexpected {piece.word} directive", detail, piece.range)

    def _until_marker(self, directive: str, opener: _If | _For) -> tuple[list[Expression], _Marker]:
        parts: list[Expression] = []
        while self._at < len(self._pieces):
            piece = self._pieces[self._at]
            if isinstance(piece, _Marker):
                self._at += 1
                return parts, piece
            parts.append(self._part())
        detail = f"The {directive} directive at {opener.range} is missing its corresponding end{directive} directive."
        raise self._stream.failure("Unexpected end of template", detail, self._end)

    def _if(self, opener: _If) -> Expression:
        if_true, marker = self._until_marker("if", opener)
        if_false: list[Expression] = []
        if marker.word == "else":
            if_false, marker = self._until_marker("if", opener)
            if marker.word == "else":
                detail = f"Already in the else clause for the if started at {opener.range}."
                raise self._stream.failure("Unexpected else directive", detail, marker.range)
        if marker.word != "endif":
            detail = f"Expecting an endif directive for the if started at {opener.range}."
            raise self._stream.failure(f"Unexpected {marker.word} directive", detail, marker.range)
        before_end = Range(marker.range.source, marker.range.start, marker.range.start)
        return Conditional(
            opener.range.to(marker.range),
            opener.condition,
            _sequence(if_true, opener.range.at_end()),
            _sequence(if_false, before_end),
        )

    def _for(self, opener: _For) -> Expression:
        parts, marker = self._until_marker("for", opener)
        if marker.word == "else":
            detail = "An else clause is not expected for a for directive."
            raise self._stream.failure("Unexpected else directive", detail, marker.range)
        if marker.word != "endfor":
            detail = f"Expecting an endfor directive corresponding to the for directive at {opener.range}."
            raise self._stream.failure(f"Unexpected {marker.word} directive", detail, marker.range)
        whole = opener.range.to(marker.range)
        body = _sequence(parts, opener.range.at_end())
        names = (opener.key_name, opener.value_name)
        loop = For(whole, *names, opener.collection, None, body, None, False, opener.range, marker.range)
        return Joined(whole, loop)


def _sequence(parts: list[Expression], empty_at: Range) -> Template:
    parts = parts or [Literal(empty_at, string(""))]
    return Template(parts[0].range.to(parts[-1].range), parts)


def for_names(stream: TokenStream, kind: str, the: str, names: str) -> tuple[str, str]:
    """`v in` or `k, v in`, of an expression or a directive: the names of key (or "") and value."""
    summary = f"Invalid 'for' {kind}"
    if not stream.at(tokens.IDENTIFIER):
        detail = f"For {kind} requires variable name after 'for'."
        raise stream.failure(summary, detail, stream.peek().range)
    key, value = "", stream.read().text
    if stream.at(","):
        stream.read()
        if not stream.at(tokens.IDENTIFIER):
            detail = f"For {kind} requires value variable name after comma."
            raise stream.failure(summary, detail, stream.peek().range)
        key, value = value, stream.read().text
    if not stream.at_keyword("in"):
        raise stream.failure(summary, f"For {kind} requires {the}'in' keyword after {names}.", stream.peek().range)
    stream.read()
    return key, value
