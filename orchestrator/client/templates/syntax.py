"""Reads a template into a tree: text, actions between delimiters, pipelines of commands.

The grammar is that of Go's `text/template`: trim markers, comments, variables, `if`, `with`, `range`, `define`, `template`,
`block`, `break` and `continue`. Everything wrong is a TemplateError with its line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from orchestrator.client.templates.errors import TemplateError
from orchestrator.client.templates.tree import (
    Branch,
    Call,
    Dot,
    Field,
    Function,
    Jump,
    Literally,
    Node,
    Operand,
    Pipeline,
    Text,
    Tree,
    Variable,
)

MAX_DEPTH: Final = 100
"""How deep blocks and parentheses may nest."""

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<raw>`[^`]*`)
      | (?P<char>'(?:[^'\\\n]|\\.)+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.]))
      | (?P<variable>\$\w*)
      | (?P<field>\.\w+)
      | (?P<dot>\.(?!\w))
      | (?P<word>[^\W\d]\w*)
      | (?P<sign>:=|[=|(),])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{3}|.)")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_KEYWORDS: Final = frozenset("if with range else end define template block break continue".split())
_CONSTANTS: Final = {"true": True, "false": False, "nil": None}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    spaced: bool
    """Whether white space stands before it: `a .b` are two operands, `a.b` is one."""


@dataclass(frozen=True, slots=True)
class _Action:
    line: int
    tokens: list[_Token]


def parse(text: str, left: str = "{{", right: str = "}}", functions: frozenset[str] = frozenset()) -> Tree:
    """The tree of a template. `functions` are the names that it may call.

    Raises:
        TemplateError: the text is no template.
    """
    return _Parser(list(_pieces(text, left or "{{", right or "}}")), functions).parse()


def _pieces(text: str, left: str, right: str) -> Iterator[Text | _Action]:
    """The text cut into plain parts and actions; trim markers have taken their white space away."""
    position, trim = 0, False
    while True:
        start = text.find(left, position)
        plain = text[position : start if start >= 0 else len(text)]
        inside = start + len(left)
        trims_left = start >= 0 and text[inside : inside + 1] == "-" and text[inside + 1 : inside + 2].isspace()
        if trim:
            plain = plain.lstrip(" \t\r\n")
        if trims_left:
            plain = plain.rstrip(" \t\r\n")
        if plain:
            yield Text(plain)
        if start < 0:
            return
        line = text.count("\n", 0, start) + 1
        if trims_left:
            inside += 1
        end = _comment_end(text, inside, right, line)
        if end is None:
            tokens, end = _tokens(text, inside, right, line)
            yield _Action(line, tokens)
        trim = text[end - 1 : end] == "-" and text[end - 2 : end - 1].isspace()
        position = end + len(right)


def _comment_end(text: str, start: int, right: str, line: int) -> int | None:
    """Where the delimiter after a comment stands; None if there is no comment."""
    begin = start + len(text[start:]) - len(text[start:].lstrip())
    if not text.startswith("/*", begin):
        return None
    end = text.find("*/", begin + 2)
    if end < 0:
        raise TemplateError(f"line {line}: unclosed comment")
    after = re.compile(r"\s+-|\s*").match(text, end + 2)
    close = after.end() if after else end + 2
    if not text.startswith(right, close):
        raise TemplateError(f"line {line}: comment ends before closing delimiter")
    return close


def _tokens(text: str, start: int, right: str, line: int) -> tuple[list[_Token], int]:
    """The tokens of an action, and where its closing delimiter stands."""
    tokens: list[_Token] = []
    position, spaced = start, False
    while True:
        if text.startswith(right, position):
            return tokens, position
        if spaced and text[position : position + 1] == "-" and text.startswith(right, position + 1):
            return tokens, position + 1
        match = _TOKEN.match(text, position)
        if match is None:
            problem = "unclosed action" if position >= len(text) else f"unexpected {text[position]!r} in an action"
            raise TemplateError(f"line {line}: {problem}")
        position = match.end()
        kind = match.lastgroup or ""
        spaced = kind == "space"
        if not spaced:
            before = match.start()
            tokens.append(_Token(kind, match[0], before == start or text[before - 1].isspace()))


class _Parser:
    def __init__(self, pieces: list[Text | _Action], functions: frozenset[str]) -> None:
        self._pieces = pieces
        self._position = 0
        self._functions = functions
        self._defined: dict[str, tuple[Node, ...]] = {}
        self._loops = 0
        self._depth = 0

    def parse(self) -> Tree:
        nodes, ending = self._block()
        if ending is not None:
            raise TemplateError(f"line {ending.line}: unexpected {{{{{ending.tokens[0].text}}}}}")
        return Tree(nodes, self._defined)

    def _block(self) -> tuple[tuple[Node, ...], _Action | None]:
        """Nodes up to `else` or `end` or the end of the text, and what ended them."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"blocks nest deeper than {MAX_DEPTH}")
        nodes: list[Node] = []
        while self._position < len(self._pieces):
            piece = self._pieces[self._position]
            self._position += 1
            if isinstance(piece, Text):
                nodes.append(piece)
                continue
            first = piece.tokens[0].text if piece.tokens and piece.tokens[0].kind == "word" else ""
            if first in ("else", "end"):
                self._depth -= 1
                return tuple(nodes), piece
            if node := self._node(piece, first):
                nodes.append(node)
        self._depth -= 1
        return tuple(nodes), None

    def _node(self, action: _Action, first: str) -> Node | None:
        line, rest = action.line, action.tokens[1:]
        match first:
            case "if" | "with" | "range":
                return self._branch(first, line, rest)
            case "break" | "continue":
                if not self._loops:
                    raise TemplateError(f"line {line}: {{{{{first}}}}} outside {{{{range}}}}")
                if rest:
                    raise TemplateError(f"line {line}: unexpected {rest[0].text!r} in {first}")
                return Jump(first)
            case "define":
                name, rest = self._name(line, rest)
                if rest:
                    raise TemplateError(f"line {line}: unexpected {rest[0].text!r} in define clause")
                self._defined[name] = self._body(line)
                return None
            case "block":
                name, rest = self._name(line, rest)
                pipeline = _Pipelines(line, rest, self._functions).all()
                self._defined[name] = self._body(line)
                return Call(line, name, pipeline)
            case "template":
                name, rest = self._name(line, rest)
                return Call(line, name, _Pipelines(line, rest, self._functions).all() if rest else None)
        return _Pipelines(line, action.tokens, self._functions).all()

    def _branch(self, kind: Literal["if", "with", "range"], line: int, tokens: list[_Token]) -> Branch:
        pipeline = _Pipelines(line, tokens, self._functions, ranges=kind == "range").all()
        self._loops += kind == "range"
        body, ending = self._block()
        self._loops -= kind == "range"
        otherwise: tuple[Node, ...] = ()
        if ending is not None and ending.tokens[0].text == "else":
            rest = ending.tokens[1:]
            if rest and rest[0].text in ("if", "with") and kind != "range":
                # `else if` is an `if` inside `else` that shares its `end`.
                self._depth += 1
                otherwise = (self._branch(rest[0].text, ending.line, rest[1:]),)  # type: ignore[arg-type]
                self._depth -= 1
                return Branch(kind, pipeline, body, otherwise)
            if rest:
                raise TemplateError(f"line {ending.line}: unexpected {rest[0].text!r} in else")
            otherwise, ending = self._block()
        self._expect_end(line, ending)
        return Branch(kind, pipeline, body, otherwise)

    def _body(self, line: int) -> tuple[Node, ...]:
        loops, self._loops = self._loops, 0
        nodes, ending = self._block()
        self._loops = loops
        self._expect_end(line, ending)
        return nodes

    def _expect_end(self, line: int, ending: _Action | None) -> None:
        if ending is None:
            raise TemplateError(f"line {line}: unexpected EOF: the block has no {{{{end}}}}")
        if ending.tokens[0].text != "end" or len(ending.tokens) > 1:
            raise TemplateError(f"line {ending.line}: expected {{{{end}}}}")

    def _name(self, line: int, tokens: list[_Token]) -> tuple[str, list[_Token]]:
        if not tokens or tokens[0].kind not in ("string", "raw"):
            raise TemplateError(f"line {line}: a template needs a name in quotes")
        return _unquote(tokens[0], line), tokens[1:]


class _Pipelines:
    """Reads the tokens of one action as a pipeline."""

    def __init__(self, line: int, tokens: list[_Token], functions: frozenset[str], *, ranges: bool = False) -> None:
        self._line = line
        self._tokens = tokens
        self._position = 0
        self._functions = functions
        self._ranges = ranges
        self._depth = 0

    def all(self) -> Pipeline:
        pipeline = self._pipeline(self._variables())
        if self._position < len(self._tokens):
            raise self._unexpected()
        return pipeline

    def _variables(self) -> tuple[tuple[str, ...], bool]:
        """`$x :=`, `$x =` or, for a range, `$i, $x :=`."""
        tokens = self._tokens
        if tokens and tokens[0].kind == "variable":
            if len(tokens) > 1 and tokens[1].text in (":=", "="):
                self._position = 2
                return (tokens[0].text,), tokens[1].text == ":="
            pair = self._ranges and len(tokens) > 3 and tokens[1].text == "," and tokens[2].kind == "variable"
            if pair and tokens[3].text in (":=", "="):
                self._position = 4
                return (tokens[0].text, tokens[2].text), tokens[3].text == ":="
        return (), False

    def _pipeline(self, variables: tuple[tuple[str, ...], bool] = ((), False)) -> Pipeline:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TemplateError(f"line {self._line}: parentheses nest deeper than {MAX_DEPTH}")
        commands = [self._command()]
        while self._peek("|"):
            self._position += 1
            command = self._command()
            if isinstance(command[0], Literally | Dot):
                raise TemplateError(f"line {self._line}: a pipeline needs a function after the first |")
            commands.append(command)
        self._depth -= 1
        return Pipeline(self._line, tuple(commands), *variables)

    def _command(self) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while self._position < len(self._tokens) and self._tokens[self._position].text not in ("|", ")"):
            operands.append(self._operand())
        if not operands:
            raise TemplateError(f"line {self._line}: missing value for command")
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._tokens[self._position]
        self._position += 1
        operand: Operand
        match token.kind:
            case "string" | "raw":
                return Literally(_unquote(token, self._line))
            case "char":
                return Literally(self._char(token))
            case "number":
                return Literally(self._number(token))
            case "dot":
                return Dot()
            case "field":
                operand = Field(Dot(), (token.text[1:],))
            case "variable":
                operand = Variable(token.text)
            case "word" if token.text in _CONSTANTS:
                return Literally(_CONSTANTS[token.text])
            case "word" if token.text in _KEYWORDS:
                raise self._unexpected(token)
            case "word":
                if token.text not in self._functions:
                    raise TemplateError(f'line {self._line}: function "{token.text}" not defined')
                operand = Function(token.text)
            case "sign" if token.text == "(":
                operand = self._pipeline()
                if not self._peek(")"):
                    raise TemplateError(f"line {self._line}: unclosed left paren")
                self._position += 1
            case _:
                raise self._unexpected(token)
        return self._fields(operand)

    def _fields(self, operand: Operand) -> Operand:
        names: list[str] = []
        while self._position < len(self._tokens):
            token = self._tokens[self._position]
            if token.kind != "field" or token.spaced:
                break
            names.append(token.text[1:])
            self._position += 1
        if not names:
            return operand
        if isinstance(operand, Field):
            return Field(operand.of, (*operand.names, *names))
        return Field(operand, tuple(names))

    def _peek(self, text: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position].text == text

    def _number(self, token: _Token) -> int | float:
        text = token.text.replace("_", "")
        try:
            number = int(text, 8) if re.fullmatch(r"[+-]?0\d+", text) else int(text, 0)
        except ValueError:
            try:
                return float(text)
            except ValueError:
                raise TemplateError(f'line {self._line}: bad number syntax: "{token.text}"') from None
        if not -(1 << 63) <= number < 1 << 63:
            raise TemplateError(f"line {self._line}: integer overflow: {token.text[:40]}")
        return number

    def _char(self, token: _Token) -> int:
        text = _unescape(token.text[1:-1], self._line)
        if len(text) != 1:
            raise TemplateError(f"line {self._line}: malformed character constant: {token.text}")
        return ord(text)

    def _unexpected(self, token: _Token | None = None) -> TemplateError:
        return TemplateError(f"line {self._line}: unexpected {(token or self._tokens[self._position]).text!r}")


def _unquote(token: _Token, line: int) -> str:
    return token.text[1:-1] if token.kind == "raw" else _unescape(token.text[1:-1], line)


def _unescape(text: str, line: int) -> str:
    def character(match: re.Match[str]) -> str:
        code = match[0][1:]
        try:
            if code[0] in "uUx" and len(code) > 1:
                return chr(int(code[1:], 16))
            if len(code) == 3:
                return chr(int(code, 8))
        except (ValueError, OverflowError):
            code = "?"
        if code in _ESCAPES:
            return _ESCAPES[code]
        if code in "\\\"'":
            return code
        raise TemplateError(f"line {line}: invalid escape \\{code}")

    return _ESCAPE.sub(character, text)
