"""JSON text -> nodes with positions, with the messages Nomad gives for what is no JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from jobspec.depth import allow_deep_recursion
from jobspec.diagnostics import Diagnostic, Range, Source
from jobspec.numbers import parse_number
from jobspec.suggestions import did_you_mean
from jobspec.syntax.stream import MAX_DEPTH
from jobspec.values import FALSE, NULL, TRUE, Value, number

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<punctuation>[{}\[\],:=])|(?P<string>"(?:\\[^\x00-\x1f]|[^"\\\x00-\x1f])*"?)"""
    r"|(?P<number>[-+.0-9][-+.0-9eE]*)|(?P<keyword>[A-Za-z][A-Za-z_]*)|(?P<invalid>.)",
    re.DOTALL,
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_KEYWORDS = {"true": TRUE, "false": FALSE, "null": NULL}
_VALUE_STARTS = "A JSON value must start with a brace, a bracket, a number, a string, or a keyword."


@dataclass(slots=True)
class JsonNode:
    range: Range


@dataclass(slots=True)
class JsonScalar(JsonNode):
    """A number, true, false or null."""

    value: Value


@dataclass(slots=True)
class JsonString(JsonNode):
    """`inside`: the text with its escapes resolved, as a range of a source in which it stands so."""

    inside: Range


@dataclass(slots=True)
class JsonArray(JsonNode):
    items: list[JsonNode]
    open: Range


@dataclass(slots=True)
class JsonMember:
    name: JsonString
    value: JsonNode


@dataclass(slots=True)
class JsonObject(JsonNode):
    members: list[JsonMember]
    open: Range
    close: Range


@dataclass(slots=True)
class _Token:
    kind: str
    range: Range


class _Failure(Exception):
    def __init__(self, summary: str, detail: str, where: Range) -> None:
        self.diagnostic = Diagnostic(summary, detail, where)
        super().__init__(summary)


def parse_json(source: Source) -> tuple[JsonNode | None, list[Diagnostic]]:
    """The document; None and the reason if it is no JSON object or array."""
    allow_deep_recursion()
    try:
        return _Reader(source).document(), []
    except _Failure as failure:
        return None, [failure.diagnostic]


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0
        self._depth = 0

    def document(self) -> JsonNode:
        root = self._value()
        extra = self._read()
        if extra.kind != "end":
            detail = "Extra characters appear after the JSON value."
            raise _Failure("Extraneous data after value", detail, extra.range)
        if not isinstance(root, JsonObject | JsonArray):
            detail = "The root value in a JSON-based configuration must be either a JSON object or a JSON array of objects."
            raise _Failure("Root value must be object", detail, root.range)
        return root

    def _peek(self) -> _Token:
        at = self._at
        token = self._read()
        self._at = at
        return token

    def _read(self) -> _Token:
        while match := _TOKEN.match(self._source.text, self._at):
            start, self._at = self._at, match.end()
            kind = match.lastgroup or ""
            if kind != "space":
                where = Range(self._source, start, self._at)
                return _Token(where.text if kind == "punctuation" else kind, where)
        return _Token("end", Range(self._source, self._at, self._at))

    def _value(self) -> JsonNode:
        token = self._read()
        if token.kind in ("{", "["):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                detail = f"Objects and arrays may be nested {MAX_DEPTH} levels deep."
                raise _Failure("Nesting too deep", detail, token.range)
            node = self._object(token.range) if token.kind == "{" else self._array(token.range)
            self._depth -= 1
            return node
        if token.kind == "string":
            return self._string(token.range)
        if token.kind == "number":
            return self._number(token.range)
        if token.kind == "keyword":
            return self._keyword(token.range)
        if token.kind == "}":
            raise _Failure("Missing JSON value", _VALUE_STARTS, token.range)
        if token.kind == "]":
            raise _Failure("Missing array element value", _VALUE_STARTS, token.range)
        if token.kind == "end":
            raise _Failure("Missing value", "The JSON data ends prematurely.", token.range)
        raise _Failure("Invalid start of value", _VALUE_STARTS, token.range)

    def _string(self, where: Range) -> JsonString:
        try:
            text = json.loads(where.text)
        except ValueError:
            detail = "There is a syntax error in the given JSON string."
            raise _Failure("Invalid JSON string", detail, where) from None
        inside = Range(where.source, where.start + 1, where.end - 1)
        if text != inside.text:
            before, after = self._source.text[: inside.start], self._source.text[inside.end :]
            resolved = Source(self._source.name, f"{before}{text}{after}")
            inside = Range(resolved, inside.start, inside.start + len(text))
        return JsonString(where, inside)

    def _number(self, where: Range) -> JsonScalar:
        parsed = parse_number(where.text) if _NUMBER.fullmatch(where.text) else None
        if parsed is None:
            detail = "There is a syntax error in the given JSON number."
            raise _Failure("Invalid JSON number", detail, where)
        return JsonScalar(where, number(parsed))

    def _keyword(self, where: Range) -> JsonScalar:
        word = where.text
        if word in _KEYWORDS:
            return JsonScalar(where, _KEYWORDS[word])
        detail = f'"{word}" is not a valid JSON keyword.{did_you_mean(word, _KEYWORDS)}'
        if word in ("undefined", "NaN", "Infinity"):
            detail = f'The JavaScript identifier "{word}" cannot be used in JSON.'
        raise _Failure("Invalid JSON keyword", detail, where)

    def _object(self, opener: Range) -> JsonObject:
        members: list[JsonMember] = []
        while self._peek().kind != "}":
            name = self._value()
            if not isinstance(name, JsonString):
                detail = "A JSON object property name must be a string"
                raise _Failure("Invalid object property name", detail, name.range)
            self._colon()
            members.append(JsonMember(name, self._value()))
            separator = self._peek()
            if separator.kind == "}":
                break
            self._object_comma(separator, opener)
        close = self._read().range
        return JsonObject(opener.to(close), members, opener, close)

    def _colon(self) -> None:
        colon = self._read()
        if colon.kind in ("}", ","):
            detail = "A JSON object attribute must have a value, introduced by a colon."
            raise _Failure("Missing object value", detail, colon.range)
        if colon.kind == "=":
            detail = "JSON uses a colon as its name/value delimiter, not an equals sign."
            raise _Failure("Missing property value colon", detail, colon.range)
        if colon.kind != ":":
            detail = "A colon must appear between an object property's name and its value."
            raise _Failure("Missing property value colon", detail, colon.range)

    def _object_comma(self, separator: _Token, opener: Range) -> None:
        self._read()
        if separator.kind == "end":
            raise _Failure("Unclosed object", "No closing brace was found for this JSON object.", opener)
        if separator.kind == "]":
            detail = "A JSON object must be closed with a brace, not a bracket."
            raise _Failure("Mismatched braces", detail, self._peek().range)
        if separator.kind != ",":
            detail = "A comma must appear between each property definition in an object."
            raise _Failure("Missing attribute seperator comma", detail, self._after("{", "}", separator))
        if self._peek().kind == "}":
            detail = "JSON does not permit a trailing comma after the final property in an object."
            raise _Failure("Trailing comma in object", detail, separator.range)

    def _array(self, opener: Range) -> JsonArray:
        items: list[JsonNode] = []
        while self._peek().kind != "]":
            items.append(self._value())
            separator = self._peek()
            if separator.kind == "]":
                break
            self._array_comma(separator, opener)
        return JsonArray(opener.to(self._read().range), items, opener)

    def _array_comma(self, separator: _Token, opener: Range) -> None:
        self._read()
        if separator.kind == "end":
            raise _Failure("Unclosed object", "No closing bracket was found for this JSON array.", opener)
        if separator.kind == ":":
            detail = "A colon is not used to introduce values in a JSON array."
            raise _Failure("Invalid array value", detail, self._after("[", "]", separator))
        if separator.kind == "}":
            detail = "A JSON array must be closed with a bracket, not a brace."
            raise _Failure("Mismatched brackets", detail, self._after("[", "]", separator))
        if separator.kind != ",":
            detail = "A comma must appear between each value in an array."
            raise _Failure("Missing attribute seperator comma", detail, self._after("[", "]", separator))
        if self._peek().kind == "]":
            detail = "JSON does not permit a trailing comma after the final value in an array."
            raise _Failure("Trailing comma in array", detail, separator.range)

    def _after(self, opener: str, closer: str, token: _Token) -> Range:
        """The token behind the end of the surrounding object or array, where these messages point."""
        depth = 1
        while token.kind != "end":
            depth += (token.kind == opener) - (token.kind == closer)
            if token.kind == closer and depth <= 1:
                break
            token = self._read()
        return self._peek().range
