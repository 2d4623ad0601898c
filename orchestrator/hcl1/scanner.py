"""Text -> tokens."""

import re
from dataclasses import dataclass

from orchestrator.hcl1.nodes import Position, SyntaxFailure

_SPACE = re.compile(r"[ \t\r\n]*")
_IDENTIFIER = re.compile(r"[^\W\d][\w.-]*")
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+(\.\d*)?([eE][+-]?\d*)?)")
_ANCHOR = re.compile(r"<<(-?)([^\W_]\w*)\r?\n")
_ESCAPE = re.compile(r"[abfnrtv\\\"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}")
_SYMBOLS = {
    "[": "LBRACK",
    "]": "RBRACK",
    "{": "LBRACE",
    "}": "RBRACE",
    ",": "COMMA",
    "=": "ASSIGN",
    "+": "ADD",
    "-": "SUB",
    ".": "PERIOD",
}
_ENDED_BY_WHAT_FOLLOWS = ("IDENT", "BOOL", "NUMBER", "FLOAT", "COMMENT")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True)
class Token:
    """`kind` is the name that errors show. `text` is as written, `value` what a literal means."""

    kind: str
    text: str
    position: Position
    value: str = ""


class Scanner:
    """Reads tokens one after the other and goes on after an error: the last error found is the one to report."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._offset = 0
        self._reads_at_end = 0
        self.failure: SyntaxFailure | None = None

    def scan(self) -> Token:
        """The next token, comments skipped; at the end of the text EOF, as often as asked."""
        while True:
            self._offset = _end(_SPACE.match(self._text, self._offset))
            token = self._token()
            if token.kind != "COMMENT":
                return token

    def _token(self) -> Token:
        start, text = self._offset, self._text
        if start >= len(text):
            end = self._at(start)
            self._reads_at_end += 1  # every look beyond the end is one column further, in HashiCorp's scanner
            return Token("EOF", "", Position(end.line, end.column + self._reads_at_end - 1))
        first = text[start]
        if identifier := _IDENTIFIER.match(text, start):
            word = identifier[0]
            return self._read(identifier.end(), "BOOL" if word in ("true", "false") else "IDENT", word)
        if number := _NUMBER.match(text, start):
            return self._read(number.end(), "FLOAT" if number[1] or number[2] else "NUMBER", number[0])
        if first == '"':
            return self._string()
        if first in "#/":
            return self._comment()
        if first == "<":
            return self._heredoc()
        if first not in _SYMBOLS:
            self._fail(start, "illegal char")
        return self._read(start + 1, _SYMBOLS.get(first, "ILLEGAL"), first)

    def _read(self, end: int, kind: str, value: str = "") -> Token:
        start, self._offset = self._offset, end
        if end == len(self._text) and kind in _ENDED_BY_WHAT_FOLLOWS:
            self._reads_at_end += 1
        return Token(kind, self._text[start:end], self._at(start), value)

    def _comment(self) -> Token:
        start, text = self._offset, self._text
        if text.startswith("/*", start):
            end = text.find("*/", start + 2)
            if end < 0:
                self._fail(len(text), "comment not terminated")
            return self._read(end + 2 if end >= 0 else len(text), "COMMENT")
        if text[start] == "/" and not text.startswith("//", start):
            self._fail(start, "expected '/' for comment")
            return self._read(start + 1, "COMMENT")
        end = text.find("\n", start)
        return self._read(end if end >= 0 else len(text), "COMMENT")

    def _string(self) -> Token:
        """A quoted text. Inside `${…}` quotes and line ends are ordinary, and escapes stay as they are."""
        text, offset, braces = self._text, self._offset + 1, 0
        value: list[str] = []
        while offset < len(text) and (braces or text[offset] not in '"\n'):
            step = 1
            if not braces and text.startswith("${", offset):
                braces, step = 1, 2
            elif braces and text[offset] in "{}":
                braces += 1 if text[offset] == "{" else -1
            elif text[offset] == "\\":
                escape = _ESCAPE.match(text, offset + 1)
                step = 1 + (len(escape[0]) if escape else 1)
                if not escape:
                    self._fail(offset + 1, "illegal char escape")
                elif not braces:
                    value.append(_unescape(escape[0]))
                    offset += step
                    continue
            value.append(text[offset : offset + step])
            offset += step
        if offset >= len(text) or text[offset] == "\n":
            self._fail(min(offset, len(text)), "literal not terminated")
        return self._read(min(offset + 1, len(text)), "STRING", "".join(value))

    def _heredoc(self) -> Token:
        start, text = self._offset, self._text
        if not text.startswith("<<", start):
            self._fail(start + 1, "heredoc expected second '<', didn't see it")
            return self._read(start + 2, "HEREDOC")
        anchor = _ANCHOR.match(text, start)
        if anchor is None:
            self._fail(start + 2, "zero-length heredoc anchor" if text.startswith("<<\n", start) else "heredoc not terminated")
            return self._read(len(text), "HEREDOC")
        closing = re.compile(rf"^([ \t]*){re.escape(anchor[2])}\r*\n", re.MULTILINE).search(text, anchor.end())
        if closing is None:
            self._fail(len(text), "heredoc not terminated")
            return self._read(len(text), "HEREDOC")
        lines = text[anchor.end() : closing.start()].splitlines(keepends=True)
        if anchor[1] and all(line.startswith(closing[1]) for line in lines):
            lines = [line.removeprefix(closing[1]) for line in lines]
        return self._read(closing.end(), "HEREDOC", "".join(lines))

    def _fail(self, offset: int, message: str) -> None:
        self.failure = SyntaxFailure(self._at(offset), message)

    def _at(self, offset: int) -> Position:
        return Position(self._text.count("\n", 0, offset) + 1, offset - self._text.rfind("\n", 0, offset))


def _end(match: re.Match[str] | None) -> int:
    assert match is not None
    return match.end()


def _unescape(escape: str) -> str:
    if escape in _CONTROLS:
        return _CONTROLS[escape]
    if escape in ('"', "\\"):
        return escape
    code = int(escape, 8) if escape[0].isdigit() else int(escape[1:], 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else "\ufffd"
