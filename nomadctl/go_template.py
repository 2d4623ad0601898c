"""Go's `text/template`, as far as people use it to pick fields out of an answer (`-t '{{range .}}{{.ID}} {{end}}'`).

Covered: fields and chains of them, variables, `if`/`else if`/`else`, `range` with `else`, `with`, `break` and `continue`,
assignments, pipelines, parentheses, comments, trim markers and the built-in functions, but not `define`, `template`, `block`
and methods. The data are the dictionaries and lists of Nomad's JSON.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus

from nomadctl.output import cell, quoted


class TemplateError(Exception):
    """A template that cannot be read, or does not fit the data."""


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


_MISSING: Final = object()
_ACTION: Final = re.compile(r"\{\{(-\s)?\s*(/\*.*?\*/|(?:\"(?:\\.|[^\"\\])*\"|`[^`]*`|[^\"`}]|\}(?!\}))*?)\s*(\s-)?\}\}", re.S)
_TOKEN: Final = re.compile(
    r"""\s+|(?P<string>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])
    |(?P<operator>:=|=|\||\(|\)|,)|(?P<field>(?:\.\w+)+)|(?P<dot>\.)(?![\w.])
    |(?P<variable>\$\w*(?:\.\w+)*)|(?P<word>\w+)""",
    re.X,
)


@dataclass
class _Block:
    """An action with a body: `if`, `range`, `with`; the body after `else` may be another action."""

    keyword: str
    head: list[tuple[str, str]]
    body: list[Any] = field(default_factory=list)
    otherwise: list[Any] = field(default_factory=list)


def render(template: str, data: Any) -> str:
    """The template filled with the data.

    Raises:
        TemplateError: bad syntax, an unknown function, a field that the data do not have.
    """
    nodes = _parse(_split(template))
    out: list[str] = []
    _Run(out, data).nodes(nodes, data)
    return "".join(out)


def _split(template: str) -> Iterator[str | list[tuple[str, str]]]:
    """Texts, and actions as lists of tokens, with the trim markers applied."""
    position, trim = 0, False
    for action in _ACTION.finditer(template):
        text = template[position : action.start()]
        text = text.lstrip() if trim else text
        yield text.rstrip() if action[1] else text
        if not action[2]:
            raise TemplateError("template: missing value for command")
        if not action[2].startswith("/*"):
            yield _tokens(action[2])
        position, trim = action.end(), bool(action[3])
    rest = template[position:]
    if "{{" in rest:
        raise TemplateError("template: unclosed action")
    yield rest.lstrip() if trim else rest


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise TemplateError(f"template: unexpected {quoted(text[position])} in {quoted(text)}")
        if match.lastgroup:
            tokens.append((match.lastgroup, match[0]))
        position = match.end()
    return tokens


def _parse(parts: Iterator[str | list[tuple[str, str]]]) -> list[Any]:
    """The tree of a template: texts, token lists of actions, and blocks."""
    root: list[Any] = []
    blocks: list[_Block] = []
    bodies = [root]
    for part in parts:
        keyword = part[0][1] if isinstance(part, list) and part and part[0][0] == "word" else ""
        if isinstance(part, list) and keyword in ("if", "range", "with"):
            blocks.append(_Block(keyword, part[1:]))
            bodies[-1].append(blocks[-1])
            bodies.append(blocks[-1].body)
        elif isinstance(part, list) and keyword == "else" and blocks:
            bodies[-1] = blocks[-1].otherwise
            if len(part) > 1:
                # `else if` is an `if` inside of the `else` that shares its `end`.
                nested = _Block(part[1][1], part[2:])
                bodies[-1].append(nested)
                blocks[-1], bodies[-1] = nested, nested.body
        elif keyword == "end":
            if not blocks:
                raise TemplateError("template: unexpected {{end}}")
            blocks.pop()
            bodies.pop()
        else:
            bodies[-1].append(part)
    if blocks:
        raise TemplateError("template: unexpected EOF: {{end}} is missing")
    return root


class _Run:
    """One execution: writes to `out`, with the variables of all open scopes."""

    def __init__(self, out: list[str], data: Any) -> None:
        self._out = out
        self._variables: list[dict[str, Any]] = [{"$": data}]

    def nodes(self, nodes: list[Any], dot: Any) -> None:
        for node in nodes:
            if isinstance(node, str):
                self._out.append(node)
            elif isinstance(node, _Block):
                self._block(node, dot)
            else:
                self._action(node, dot)

    def _action(self, tokens: list[tuple[str, str]], dot: Any) -> None:
        if tokens[0] == ("word", "break"):
            raise _Break
        if tokens[0] == ("word", "continue"):
            raise _Continue
        names, value = self._assignment(tokens, dot)
        if not names:
            self._out.append(_shown(value))

    def _block(self, block: _Block, dot: Any) -> None:
        self._variables.append({})
        try:
            if block.keyword == "range":
                self._range(block, dot)
                return
            _, value = self._assignment(block.head, dot)
            if _truth(value):
                self.nodes(block.body, value if block.keyword == "with" else dot)
            else:
                self.nodes(block.otherwise, dot)
        finally:
            self._variables.pop()

    def _range(self, block: _Block, dot: Any) -> None:
        names, tokens, _ = _declared(block.head)
        items = _items(self._pipeline(tokens, dot))
        for key, value in items:
            self._variables[-1].update(zip(names, (key, value) if len(names) == 2 else (value,), strict=False))
            try:
                self.nodes(block.body, value)
            except _Break:
                break
            except _Continue:
                continue
        if not items:
            self.nodes(block.otherwise, dot)

    def _assignment(self, tokens: list[tuple[str, str]], dot: Any) -> tuple[list[str], Any]:
        names, rest, operator = _declared(tokens)
        value = self._pipeline(rest, dot)
        if names and operator == "=":
            scope = next((scope for scope in reversed(self._variables) if names[0] in scope), None)
            if scope is None:
                raise TemplateError(f"template: undefined variable {quoted(names[0])}")
            scope[names[0]] = value
        elif names:
            self._variables[-1][names[0]] = value
        return names, value

    def _pipeline(self, tokens: list[tuple[str, str]], dot: Any) -> Any:
        value: Any = _MISSING
        for stage in _stages(tokens):
            value = self._command(stage, dot, value)
        if value is _MISSING:
            raise TemplateError("template: missing value for command")
        return value

    def _command(self, tokens: list[tuple[str, str]], dot: Any, piped: Any) -> Any:
        if not tokens:
            raise TemplateError("template: missing value for command")
        if tokens[0][0] == "word" and tokens[0][1] not in ("true", "false", "nil"):
            function = _FUNCTIONS.get(tokens[0][1])
            if function is None:
                raise TemplateError(f"template: function {quoted(tokens[0][1])} not defined")
            arguments = [*self._operands(tokens[1:], dot), *([] if piped is _MISSING else [piped])]
            try:
                return function(*arguments)
            except (TypeError, ValueError, KeyError, IndexError) as error:
                raise TemplateError(f"template: error calling {tokens[0][1]}: {error}") from error
        operands = self._operands(tokens, dot)
        if len(operands) > 1 or piped is not _MISSING:
            raise TemplateError(f"template: can't give argument to non-function {tokens[0][1]}")
        return operands[0]

    def _operands(self, tokens: list[tuple[str, str]], dot: Any) -> list[Any]:
        values: list[Any] = []
        rest = list(tokens)
        while rest:
            kind, text = rest.pop(0)
            if text == "(":
                inner, rest = _closed(rest)
                value = self._pipeline(inner, dot)
                while rest and rest[0][0] == "field":
                    value = _fields(value, rest.pop(0)[1])
                values.append(value)
            else:
                values.append(self._operand(kind, text, dot))
        return values

    def _operand(self, kind: str, text: str, dot: Any) -> Any:
        match kind:
            case "dot":
                return dot
            case "field":
                return _fields(dot, text)
            case "variable":
                name, _, path = text.partition(".")
                scope = next((scope for scope in reversed(self._variables) if name in scope), None)
                if scope is None:
                    raise TemplateError(f"template: undefined variable {quoted(name)}")
                return _fields(scope[name], f".{path}") if path else scope[name]
            case "string":
                return text[1:-1] if text.startswith("`") else json.loads(text)
            case "number":
                return float(text) if "." in text else int(text)
            case "word" if text in ("true", "false", "nil"):
                return {"true": True, "false": False, "nil": None}[text]
            case "word" if text in _FUNCTIONS:
                return _FUNCTIONS[text]()
            case _:
                raise TemplateError(f"template: unexpected {quoted(text)}")


def _declared(tokens: list[tuple[str, str]]) -> tuple[list[str], list[tuple[str, str]], str]:
    """The variables that an action assigns to, the tokens of its value, and the operator."""
    for position, token in enumerate(tokens):
        if token in (("operator", ":="), ("operator", "=")):
            return [text for kind, text in tokens[:position] if kind == "variable"], tokens[position + 1 :], token[1]
    return [], tokens, ""


def _stages(tokens: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    stage: list[tuple[str, str]] = []
    depth = 0
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token[1], 0) if token[0] == "operator" else 0
        if token == ("operator", "|") and depth == 0:
            yield stage
            stage = []
        else:
            stage.append(token)
    yield stage


def _closed(tokens: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    depth = 1
    for position, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token[1], 0) if token[0] == "operator" else 0
        if depth == 0:
            return tokens[:position], tokens[position + 1 :]
    raise TemplateError("template: unclosed left paren")


def _fields(value: Any, path: str) -> Any:
    for name in path.removeprefix(".").split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, Mapping) and not value:
            value = None
        else:
            kind = "nil" if value is None else type(value).__name__
            raise TemplateError(f"template: can't evaluate field {name} in type {kind}")
    return value


def _items(value: Any) -> list[tuple[Any, Any]]:
    match value:
        case None:
            return []
        case Mapping():
            return sorted(value.items())
        case list() | tuple():
            return list(enumerate(value))
        case int() if not isinstance(value, bool):
            return [(number, number) for number in range(value)]
        case _:
            raise TemplateError(f"template: range can't iterate over {cell(value)}")


def _truth(value: Any) -> bool:
    return bool(value)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "<no value>"
        case Mapping():
            return f"map[{' '.join(f'{key}:{_shown(item)}' for key, item in sorted(value.items()))}]"
        case list() | tuple():
            return f"[{' '.join(map(_shown, value))}]"
        case _:
            return cell(value)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, Mapping) else value[key]
    return value


def _formatted(template: str, *arguments: Any) -> str:
    """Go's `Sprintf` for the verbs that templates use."""
    rest = list(arguments)

    def verb(match: re.Match[str]) -> str:
        if match[2] == "%":
            return "%"
        flags = match[1]
        if "*" in flags:
            flags = flags.replace("*", str(rest.pop(0)))
        value = rest.pop(0) if rest else "%!(MISSING)"
        text = quoted(cell(value)) if match[2] == "q" else _shown(value)
        return f"%{flags}{match[2]}" % value if match[2] in "dfxX" else f"%{flags}s" % text

    return re.sub(r"%([-+ 0#*\d.]*)([a-zA-Z%])", verb, template)


def _either(*values: Any) -> Any:
    return next((value for value in values if _truth(value)), values[-1])


def _all(*values: Any) -> Any:
    return next((value for value in values if not _truth(value)), values[-1])


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "len": lambda value: len(value or ()),
    "index": _index,
    "slice": lambda value, start=0, end=None: value[start:end],
    "printf": _formatted,
    "print": lambda *values: " ".join(map(_shown, values)),
    "println": lambda *values: " ".join(map(_shown, values)) + "\n",
    "and": _all,
    "or": _either,
    "not": lambda value: not _truth(value),
    "eq": lambda first, *others: first in others,
    "ne": lambda first, second: first != second,
    "lt": lambda first, second: first < second,
    "le": lambda first, second: first <= second,
    "gt": lambda first, second: first > second,
    "ge": lambda first, second: first >= second,
    "html": lambda value: re.sub(r"[&<>'\"]", lambda char: f"&#{ord(char[0])};", _shown(value)),
    "js": lambda value: json.dumps(_shown(value))[1:-1],
    "urlquery": lambda value: quote_plus(_shown(value)),
}
