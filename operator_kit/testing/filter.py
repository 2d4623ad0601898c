"""Filters of lists, as far as operators use them: `Status == "running" and Meta["team"] is not empty`.

    selector == value   != value   contains value   matches value   is empty   is not empty      value [not] in selector
    joined by `and`, `or`, `not` and parentheses; a selector is `Meta.team` or `Meta["team"]`

What is absent is empty, and unlike everything. The quantifiers `any` and `all` are not known here.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from operator_kit.testing.routing import Refused
from operator_kit.testing.state import Row

Test = Callable[[Row], bool]

_TOKEN: Final = re.compile(r'\s*(?:(\(|\)|==|!=)|"((?:[^"\\]|\\.)*)"|`([^`]*)`|((?:[\w/.:*-]|\["[^"]*"\])+))')
_STEP: Final = re.compile(r'\["([^"]*)"\]|([^.\[]+)')


def matching(rows: list[Row], expression: str) -> list[Row]:
    """The rows that the expression fits.

    Raises:
        Refused: it cannot be read.
    """
    test = _Parser(expression).whole()
    return [row for row in rows if test(row)]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._text = text
        position = 0
        while text[position:].strip():
            if (match := _TOKEN.match(text, position)) is None:
                raise self._refusal()
            sign, quoted, raw, word = match.groups()
            text_of = quoted.replace('\\"', '"') if quoted is not None else raw
            self._tokens.append(("value", text_of) if text_of is not None else ("sign" if sign else "word", sign or word))
            position = match.end()

    def whole(self) -> Test:
        test = self._either()
        if self._tokens:
            raise self._refusal()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._take("not"):
            test = self._one()
            return lambda row: not test(row)
        if self._take("("):
            test = self._either()
            self._expect(")")
            return test
        return self._match()

    def _match(self) -> Test:
        kind, first = self._next()
        negated = self._take("not")
        if self._take("in"):
            return _compare(self._next()[1], negated, lambda found: first in (found or ()))
        if kind == "value":
            raise self._refusal()
        if self._take("is"):
            negated = self._take("not")
            self._expect("empty")
            return _compare(first, negated, lambda found: not found)
        for operator, fits in _OPERATORS.items():
            if self._take(operator):
                return _compare(first, negated, partial(fits, value=self._next()[1]))
        self._expect("!=")
        return _compare(first, True, partial(_equals, value=self._next()[1]))

    def _take(self, text: str) -> bool:
        if self._tokens and self._tokens[0][0] != "value" and self._tokens[0][1] == text:
            del self._tokens[0]
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._refusal()

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise self._refusal()
        return self._tokens.pop(0)

    def _refusal(self) -> Refused:
        rest = self._tokens[0][1] if self._tokens else "the end"
        problem = f'"{self._text}" cannot be read at {rest}'
        return Refused(400, f"failed to create result paginator: failed to read filter expression: {problem}")


def _compare(selector: str, negated: bool, fits: Callable[[Any], bool]) -> Test:
    steps = [quoted or plain for quoted, plain in _STEP.findall(selector)]

    def test(row: Row) -> bool:
        value: Any = row
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        return fits(value) != negated

    return test


def _equals(found: Any, value: str) -> bool:
    return found is not None and (str(found).lower() == value.lower() if isinstance(found, bool) else str(found) == value)


_OPERATORS: Final[dict[str, Callable[..., bool]]] = {
    "==": _equals,
    "contains": lambda found, value: value in (found or ()),
    "matches": lambda found, value: found is not None and re.search(value, str(found)) is not None,
}
