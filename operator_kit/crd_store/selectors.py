"""`Selector`: which resources are meant, in Kubernetes' syntax of label selectors.

    team=core,env!=dev          equal, not equal (`==` is the same as `=`)
    tier in (web, api)          one of them; `notin` for none of them
    canary,!legacy              has the label, has it not
    spec.mode=daemonset         a field of the spec or the status, if the kind has published it as selectable

A comma means "and"; no requirement at all selects everything. As in Kubernetes, `!=` and `notin` are also fulfilled by what
has no such label. Beyond Kubernetes a value may stand in double quotes, as a JSON string, for labels of Nomad hold any text.
A key that begins with `spec.` or `status.` is a field; a label of such a name cannot be selected by.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import orjson

Operator = Literal["exists", "!exists", "=", "!=", "in", "notin"]

FIELDS: Final = ("spec.", "status.")
"""How the key of a field begins, and that of a label does not."""

_TOKEN: Final = re.compile(r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>==|!=|[=!(),<>])|(?P<word>[^\s"=!(),<>]+))')
_BARE: Final = re.compile(r'[^\s"=!(),<>]+')


class SelectorError(ValueError):
    """A text that is no selector, or one that the kind does not allow; the message says where and what would be right."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label or field. `values` has one for `=` and `!=`, any number for `in` and `notin`."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    @property
    def is_field(self) -> bool:
        """Whether it speaks of a field of the spec or the status, not of a label."""
        return self.key.startswith(FIELDS)

    def holds(self, value: str | None) -> bool:
        """Whether it is fulfilled by that value; None is an absent label or field."""
        match self.operator:
            case "exists":
                return value is not None
            case "!exists":
                return value is None
            case "=" | "in":
                return value in self.values
            case "!=" | "notin":
                return value not in self.values

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!exists":
                return f"!{self.key}"
            case "=" | "!=":
                return f"{self.key}{self.operator}{''.join(map(_quoted, self.values))}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({', '.join(map(_quoted, sorted(self.values)))})"


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all be fulfilled; `str` gives a text that parses to the same selector."""

    requirements: tuple[Requirement, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The selector that a text says.

        Raises:
            SelectorError: it is none; nothing else is ever raised.
        """
        return cls(tuple(_Parser(text).requirements()))

    def matches(self, labels: Mapping[str, str], field: Callable[[str], Any] = lambda path: None) -> bool:
        """Whether something with those labels is selected; `field` gives the value at a path such as `spec.mode`."""
        return all(
            requirement.holds(text_of(field(requirement.key)) if requirement.is_field else labels.get(requirement.key))
            for requirement in self.requirements
        )

    def check(self, selectable: Iterable[str]) -> None:
        """Make sure that it asks for no other fields than those that a kind has published.

        Raises:
            SelectorError: it does; the message names the nearest of them.
        """
        known = sorted(selectable)
        for requirement in self.requirements:
            if requirement.is_field and requirement.key not in known:
                nearest = difflib.get_close_matches(requirement.key, known, 1)
                cure = f"did you mean {nearest[0]}?" if nearest else f"selectable here: {', '.join(known) or 'only labels'}"
                raise SelectorError(f"{requirement.key} is not a selectable field; {cure}")

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


def text_of(value: Any) -> str | None:
    """A field's value as a selector compares it: text as it is, all else as JSON; None for no value."""
    return value if value is None or isinstance(value, str) else orjson.dumps(value, default=str).decode()


def _quoted(value: str) -> str:
    return value if not value or _BARE.fullmatch(value) else orjson.dumps(value).decode()


class _Parser:
    """Reads a selector from left to right; a position is the character at which a mistake is told."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def requirements(self) -> Iterable[Requirement]:
        if self._peek() is None:
            return
        yield self._requirement()
        while self._peek() is not None:
            if not self._take(","):
                raise self._error("expected a comma or the end", "requirements are joined by commas: team=core,env!=dev")
            yield self._requirement()

    def _requirement(self) -> Requirement:
        if self._take("!"):
            return Requirement(self._key(), "!exists")
        key = self._key()
        match self._peek():
            case None | ",":
                return Requirement(key, "exists")
            case "=" | "==":
                self._next()
                return Requirement(key, "=", frozenset([self._value()]))
            case "!=":
                self._next()
                return Requirement(key, "!=", frozenset([self._value()]))
            case "in" | "notin" as operator:
                self._next()
                return Requirement(key, "in" if operator == "in" else "notin", self._values())
        raise self._error(f'expected an operator after "{key}"', "there are =, ==, !=, in (…) and notin (…)")

    def _key(self) -> str:
        token = self._peek()
        if token is None or not _BARE.fullmatch(token):
            raise self._error("expected the name of a label or field", "such as team=core or spec.mode=daemonset")
        return self._next()

    def _value(self) -> str:
        """A value, quoted or bare; nothing before a comma, a parenthesis or the end is the empty one."""
        match self._peek():
            case None | "," | ")":
                return ""
            case token if token[0] == '"':
                try:
                    value: str = orjson.loads(token)
                except orjson.JSONDecodeError as error:
                    raise self._error("expected the end of the quotes", 'quotes hold a JSON string: note="a, b"') from error
                self._next()
                return value
            case token if _BARE.fullmatch(token):
                return self._next()
        raise self._error("expected a value", 'put one that holds signs or blanks into double quotes: note="a, b"')

    def _values(self) -> frozenset[str]:
        if not self._take("("):
            raise self._error("expected a list in parentheses", "such as env in (dev, test)")
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if not self._take(")"):
            raise self._error("expected a comma or a closing parenthesis", "such as env in (dev, test)")
        return frozenset(values)

    def _peek(self) -> str | None:
        """The next token; None at the end. What begins no token is one of its own, and fits nowhere."""
        match = _TOKEN.match(self._text, self._position)
        if match is not None:
            return match[match.lastgroup or 0]
        return self._text[self._position :].strip() or None

    def _next(self) -> str:
        match = _TOKEN.match(self._text, self._position)
        assert match is not None, "only what was seen is taken"
        self._position = match.end()
        return match[match.lastgroup or 0]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._next()
        return True

    def _error(self, reason: str, cure: str) -> SelectorError:
        rest = self._text[self._position :].strip()
        where = f'at "{rest[:24]}{"…" if len(rest) > 24 else ""}"' if rest else "at its end"
        return SelectorError(f'"{self._text}" is not a selector, {where}: {reason}; {cure}')
