"""Tokens -> syntax tree, and JSON -> the same tree."""

import json
from typing import Any

from orchestrator.hcl1.nodes import Item, Literal, Node, Object, Position, Sequence, SyntaxFailure
from orchestrator.hcl1.scanner import Scanner, Token

_LITERALS = ("NUMBER", "FLOAT", "BOOL", "STRING", "HEREDOC")
_MAX_DEPTH = 100


def parse(text: str) -> Object:
    """The document as a tree; what begins with `{` is read as JSON.

    Raises:
        SyntaxFailure: the text cannot be read; the message says where and why.
    """
    if text.lstrip().startswith("{"):
        return _parse_json(text)
    scanner = Scanner(text)
    try:
        document = _Parser(scanner).document()
    except SyntaxFailure:
        if scanner.failure:
            raise scanner.failure from None
        raise
    if scanner.failure:
        raise scanner.failure
    return document


class _Parser:
    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._token = Token("ILLEGAL", "", Position(1, 1))
        self._again = False
        self._depth = 0

    def document(self) -> Object:
        return Object(tuple(self._items(closed=False)), Position(1, 1))

    def _next(self) -> Token:
        if self._again:
            self._again = False
        else:
            self._token = self._scanner.scan()
        return self._token

    def _peek(self) -> Token:
        token = self._next()
        self._again = True
        return token

    def _items(self, *, closed: bool) -> list[Item]:
        items: list[Item] = []
        while not (closed and self._peek().kind == "RBRACE"):
            item = self._item()
            if item is None:
                break
            items.append(item)
            if self._peek().kind == "COMMA":
                self._next()
        return items

    def _item(self) -> Item | None:
        """One item, or None at the end of the text."""
        keys: list[Token] = []
        while self._next().kind in ("IDENT", "STRING"):
            keys.append(self._token)
        token = self._token
        if not keys and token.kind == "EOF":
            return None
        if token.kind == "ASSIGN" and not keys:
            raise SyntaxFailure(token.position, "no object keys found!")
        if token.kind == "ASSIGN" and len(keys) > 1:
            raise SyntaxFailure(token.position, "nested object expected: LBRACE got: ASSIGN")
        if token.kind == "LBRACE" and not keys:
            raise SyntaxFailure(token.position, "expected: IDENT | STRING got: LBRACE")
        if token.kind == "ASSIGN":
            value = self._value()
        elif token.kind == "LBRACE":
            value = self._object()
        elif keys and token.kind in ("EOF", "RBRACE"):
            self._token = Token("EOF", "", token.position)  # so that _object does not take the brace for its own
            shown = " ".join(key.text for key in keys)
            raise SyntaxFailure(token.position, f"key '{shown}' expected start of object ('{{') or assignment ('=')")
        else:
            expected = "illegal character" if token.kind == "ILLEGAL" else f"expected: {_KEY_OR_VALUE} got: {token.kind}"
            raise SyntaxFailure(token.position, expected)
        return Item(tuple(key.value for key in keys), value, keys[0].position)

    def _value(self) -> Node:
        token = self._next()
        if token.kind in _LITERALS:
            return Literal(token.value, token.position)
        if token.kind == "LBRACE":
            return self._object()
        if token.kind == "LBRACK":
            return self._sequence()
        if token.kind == "EOF" and self._depth:
            raise _unclosed(self._next())
        raise SyntaxFailure(token.position, f"Unknown token: {token.position} {token.kind} {token.text}")

    def _object(self) -> Object:
        position = self._enter()
        try:
            items = self._items(closed=True)
        except SyntaxFailure:
            if self._token.kind == "RBRACE":  # a brace where a value should be is reported as missing after it
                raise _unclosed(self._next()) from None
            raise
        token = self._next()
        if token.kind != "RBRACE":
            raise _unclosed(token)
        self._depth -= 1
        return Object(tuple(items), position)

    def _sequence(self) -> Sequence:
        position = self._enter()
        values: list[Node] = []
        separated = True
        while (token := self._next()).kind != "RBRACK":
            if token.kind == "COMMA":
                separated = True
                continue
            if not separated:
                raise SyntaxFailure(token.position, f"error parsing list, expected comma or list end, got: {token.kind}")
            if token.kind in _LITERALS:
                values.append(Literal(token.value, token.position))
            elif token.kind == "LBRACE":
                values.append(self._object())
            elif token.kind == "LBRACK":
                values.append(self._sequence())
            else:
                raise SyntaxFailure(token.position, f"unexpected token while parsing list: {token.kind}")
            separated = False
        self._depth -= 1
        return Sequence(tuple(values), position)

    def _enter(self) -> Position:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise SyntaxFailure(self._token.position, f"nested more than {_MAX_DEPTH} levels deep")
        return self._token.position


def _unclosed(token: Token) -> SyntaxFailure:
    return SyntaxFailure(token.position, f"object expected closing RBRACE got: {token.kind}")


_KEY_OR_VALUE = "IDENT | STRING | ASSIGN | LBRACE"


def _parse_json(text: str) -> Object:
    try:
        return _from_json(json.loads(text, parse_int=str, parse_float=str, parse_constant=str))
    except json.JSONDecodeError as error:
        raise SyntaxFailure(Position(error.lineno, error.colno), error.msg) from None
    except RecursionError:
        raise SyntaxFailure(Position(1, 1), f"nested more than {_MAX_DEPTH} levels deep") from None


_NOWHERE = Position(0, 0)  # values of JSON have no position


def _from_json(document: dict[str, Any]) -> Object:
    items = [
        Item((_valid(key),), _json_node(inner), _NOWHERE)
        for key, value in document.items()
        for inner in (value if _is_blocks(value) else [value])
    ]
    return Object(tuple(items), _NOWHERE, json=True)


def _is_blocks(value: Any) -> bool:
    """A list of objects is the same block several times."""
    return isinstance(value, list) and bool(value) and all(isinstance(inner, dict) for inner in value)


def _json_node(value: Any) -> Node:
    if isinstance(value, dict):
        return _from_json(value)
    if isinstance(value, list):
        return Sequence(tuple(_json_node(inner) for inner in value), _NOWHERE)
    text = {True: "true", False: "false", None: ""}[value] if value is None or isinstance(value, bool) else value
    return Literal(_valid(text), _NOWHERE)


def _valid(text: str) -> str:
    """JSON may hold half of a surrogate pair, which is no character and becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
