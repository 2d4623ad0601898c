"""HCL text -> tokens.

A small machine of three modes, as the language asks for: *expression* (also the bodies), *quoted template* and
*heredoc template*; `${` and `%{` open the expression mode inside a template, the matching `}` goes back. Characters
that belong to no token become tokens too, and `invalid_tokens` says afterwards what is wrong with them: so the
parser need not know them, and the messages are the ones Nomad prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobspec.diagnostics import Diagnostic, Range, Source

IDENTIFIER, NUMBER, NEWLINE, COMMENT, EOF = "identifier", "number", "newline", "comment", "end of file"
QUOTE_OPEN, QUOTE_CLOSE, HEREDOC_OPEN, HEREDOC_CLOSE = "quote open", "quote close", "heredoc open", "heredoc close"
QUOTED_TEXT, HEREDOC_TEXT, QUOTED_NEWLINE = "quoted text", "heredoc text", "newline in quotes"
INTERPOLATION, DIRECTIVE, SEQUENCE_END = "${", "%{", "template sequence end"
INVALID = "invalid"

_EXPRESSION = re.compile(
    r"""
    (?P<space>[ \t]+)
  | (?P<number>[0-9](?:(?:[0-9.]|[eE][+-]?[0-9])*(?:[0-9]|[eE][+-]?[0-9]))?)
  | (?P<identifier>[^\W\d])
  | (?P<comment>\#[^\n]*\n?|//[^\n]*\n?|/\*.*?\*/)
  | (?P<newline>\r?\n)
  | (?P<heredoc><<-?(?P<marker>[^\W\d][\w-]*)\r?\n)
  | (?P<operator>==|!=|>=|<=|&&|\|\||::|\.\.\.|=>|~\}|[\[\](){}.,*/%+\-=<>!?:&|~^;`'"])
    """,
    re.VERBOSE | re.DOTALL,
)
_OPENER = re.compile(r"[$%]\{~?")
_DOLLAR_OR_PERCENT = r"\$\$\{~?|\$(?!\{)|%%\{~?|%(?!\{)"
_QUOTED_TEXT = re.compile(rf"""{_DOLLAR_OR_PERCENT}|(?:[^\\$%"\r\n]|\\[^\r\n])+""")
_QUOTED_NEWLINE = re.compile(r"[\r\n]+")
_HEREDOC_TEXT = re.compile(rf"(?:{_DOLLAR_OR_PERCENT}|(?:[^$%\r\n]|\r(?!\n))*)(?P<end>\r?\n)?")


_NO_MARKER = "\n"
"""What no line can consist of."""


@dataclass(slots=True)
class Token:
    """`kind` is a constant above, or the operator itself."""

    kind: str
    range: Range

    @property
    def text(self) -> str:
        return self.range.text


@dataclass(slots=True)
class _Heredoc:
    marker: str
    at_line_start: bool = True


class _Quotes:
    pass


@dataclass(slots=True)
class _Braces:
    """The expression mode, with the number of braces open in it; `nested` in a template sequence."""

    nested: bool
    depth: int = 0


def tokenize(source: Source, start: int = 0, end: int | None = None) -> list[Token]:
    """All tokens of the text, or of a part of it, the last of kind EOF; spaces are dropped, comments kept."""
    start = 1 if start == 0 and source.text.startswith("\ufeff") else start
    end = len(source.text) if end is None else end
    return list(_Scanner(source, start, end, _Braces(nested=False)).tokens())


def tokenize_template(source: Source, start: int, end: int) -> list[Token]:
    """The tokens of a part of the text that is a template without quotes or markers of its own."""
    return list(_Scanner(source, start, end, _Heredoc(_NO_MARKER)).tokens())


class _Scanner:
    def __init__(self, source: Source, start: int, end: int, mode: _Braces | _Heredoc) -> None:
        self._source = source
        self._text = source.text
        self._at = start
        self._end = end
        self._modes: list[_Braces | _Quotes | _Heredoc] = [mode]

    def tokens(self) -> Iterator[Token]:
        while self._at < self._end:
            mode = self._modes[-1]
            if isinstance(mode, _Braces):
                yield from self._expression(mode)
            elif isinstance(mode, _Heredoc):
                yield from self._heredoc(mode)
            else:
                yield self._quoted()
        yield self._token(EOF, self._at)

    def _token(self, kind: str, end: int) -> Token:
        token = Token(kind, Range(self._source, self._at, end))
        self._at = end
        return token

    def _expression(self, mode: _Braces) -> Iterator[Token]:
        match = _EXPRESSION.match(self._text, self._at, self._end)
        kind = match.lastgroup if match else INVALID
        end = match.end() if match else self._at + 1
        if kind == "space":
            self._at = end
        elif kind == "identifier":
            yield self._token(IDENTIFIER, self._identifier_end())
        elif match and match["heredoc"]:
            yield self._token(HEREDOC_OPEN, end)
            self._modes.append(_Heredoc(match["marker"]))
        elif kind == "operator":
            yield self._operator(mode, self._text[self._at : end], end)
        else:
            yield self._token(kind or INVALID, end)

    def _identifier_end(self) -> int:
        end = self._at + 1
        while end < self._end and (self._text[end] == "-" or ("a" + self._text[end]).isidentifier()):
            end += 1
        return end

    def _operator(self, mode: _Braces, text: str, end: int) -> Token:
        if text == '"':
            self._modes.append(_Quotes())
            return self._token(QUOTE_OPEN, end)
        if text == "{":
            mode.depth += 1
        elif text == "}" and mode.depth:
            mode.depth -= 1
        elif text in ("}", "~}") and mode.nested:
            self._modes.pop()
            return self._token(SEQUENCE_END, end)
        return self._token(SEQUENCE_END if text == "~}" else text, end)

    def _sequence(self) -> Token | None:
        opener = _OPENER.match(self._text, self._at, self._end)
        if not opener:
            return None
        self._modes.append(_Braces(nested=True))
        return self._token(opener[0][:2], opener.end())

    def _quoted(self) -> Token:
        if sequence := self._sequence():
            return sequence
        if self._text[self._at] == '"':
            self._modes.pop()
            return self._token(QUOTE_CLOSE, self._at + 1)
        if match := _QUOTED_TEXT.match(self._text, self._at, self._end):
            return self._token(QUOTED_TEXT, match.end())
        if match := _QUOTED_NEWLINE.match(self._text, self._at, self._end):
            return self._token(QUOTED_NEWLINE, match.end())
        return self._token(INVALID, self._at + 1)

    def _heredoc(self, heredoc: _Heredoc) -> Iterator[Token]:
        if sequence := self._sequence():
            heredoc.at_line_start = False
            yield sequence
            return
        match = _HEREDOC_TEXT.match(self._text, self._at, self._end)
        assert match, "the pattern matches the empty text"
        line_end = match["end"]
        if line_end and heredoc.at_line_start and match[0].strip() == heredoc.marker:
            self._modes.pop()
            yield self._token(HEREDOC_CLOSE, match.start("end"))
            yield self._token(NEWLINE, match.end())
            return
        heredoc.at_line_start = line_end is not None
        yield self._token(HEREDOC_TEXT, match.end())


_BITWISE = {"&": ' Did you mean boolean AND ("&&")?', "|": ' Did you mean boolean OR ("||")?', "^": ""}
_BITWISE["~"] = ' Did you mean boolean NOT ("!")?'
_FOREIGN = {  # character: its message, and whether every second one is the end of what the first began
    "`": 'The "`" character is not valid. To create a multi-line string, use the "heredoc" syntax, like "<<EOT".',
    "'": 'Single quotes are not valid. Use double quotes (") to enclose strings.',
    ";": 'The ";" character is not valid. Use newlines to separate arguments and blocks, and commas to separate '
    "items in collection values.",
}
_MULTI_LINE = (
    "Quoted strings may not be split over multiple lines. To produce a multi-line string, either use the \\n escape "
    'to represent a newline character or use the "heredoc" multi-line template syntax.'
)
_CURLY_QUOTES = (
    '"Curly quotes" are not valid here. These can sometimes be inadvertently introduced when sharing code via '
    'documents or discussion forums. It might help to replace the character with a "straight quote".'
)


def invalid_tokens(tokens: list[Token]) -> list[Diagnostic]:
    """What is wrong with the characters that no valid text has; repetitions of the same mistake are told once."""
    found: list[Diagnostic] = []
    told: dict[str, int] = {}
    for token in tokens:
        kind = token.kind
        if kind in _BITWISE:
            told["bitwise"] = told.get("bitwise", 0) + 1
            if told["bitwise"] <= 4:
                detail = f"Bitwise operators are not supported.{_BITWISE[kind]}"
                found.append(Diagnostic("Unsupported operator", detail, token.range))
        elif kind in _FOREIGN:
            seen = told.get(kind, 0)
            told[kind] = seen + 1
            if seen == 0 or (kind != ";" and seen % 2 == 0 and seen <= 2):
                found.append(Diagnostic("Invalid character", _FOREIGN[kind], token.range))
        elif kind == QUOTED_NEWLINE:
            found.append(Diagnostic("Invalid multi-line string", _MULTI_LINE, token.range))
        elif kind == INVALID:
            detail = _CURLY_QUOTES if token.text in "“”" else "This character is not used within the language."
            found.append(Diagnostic("Invalid character", detail, token.range))
    return found
