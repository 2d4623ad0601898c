"""The syntax of filter expressions: a recursive descent over the text with ordered choices.

A failed choice goes back and tries the next, as a parsing expression grammar does. The cursor remembers the farthest place that
any attempt reached and what would have been accepted there, which is what the error names. A few mistakes are recognised for
what they are (an unterminated string, an unmatched parenthesis); those are collected as faults and go before anything else.

    or          and {"or" and} ["or" any-or-all]  |  any-or-all
    and         not {"and" not}
    not         "not" not  |  "(" or ")"  |  match
    any-or-all  ("any" | "all") selector "as" names "{" or "}"
    match       selector operator value  |  selector "is" ["not"] ("empty" | "nil")  |  value ["not"] "in" selector
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.http.filter.cursor import Cursor, character_class
from orchestrator.http.filter.errors import FilterError

MAX_DEPTH = 100
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.|\Z))""", re.DOTALL
)
_NAMED = dict(zip('abfnrtv\\"', '\a\b\f\n\r\t\v\\"', strict=True))


@dataclass(frozen=True)
class Selector:
    """The path to a value, and how it was written."""

    path: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Match:
    """`operator` is `==`, `in`, `matches`, `empty` or `nil`; the last two have no value."""

    selector: Selector
    operator: str
    negated: bool
    value: str = ""


@dataclass(frozen=True)
class Not:
    operand: "Expression"


@dataclass(frozen=True)
class All:
    """Operands joined by `and`."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True)
class Any:
    """Operands joined by `or`."""

    operands: tuple["Expression", ...]


@dataclass(frozen=True)
class Each:
    """`any` or `all` of a collection. With one name, it stands for the value of a list and the key of a map."""

    every: bool
    selector: Selector
    single: str
    index: str
    value: str
    inner: "Expression"


Expression = Match | Not | All | Any | Each


_LETTER = character_class("[a-zA-Z]")
_NAME = character_class("[a-zA-Z0-9_/]")
_DIGIT = character_class("[0-9]")
_LEADING_DIGIT = character_class("[1-9]")
_SPACE = character_class(r"[ \t\r\n]")
_POINTER = character_class(r"[\pL\pN-_.~:|]", r"[^\W_]|[-_.~:|]")


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        FilterError: with line, column and offset (of bytes) of the mistake.
    """
    parser = _Parser(text)
    expression = parser.whole()
    if parser.faults:
        raise FilterError("\n".join(parser.faults))
    if expression is None:
        raise FilterError(parser.no_match())
    return expression


class _Parser(Cursor):
    """The rules of the syntax. Each returns what it found, or None; `attempt` puts the cursor back then."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def whole(self) -> Expression | None:
        self.spaces()
        expression = self._or()
        if expression is None:
            return None
        self.spaces()
        return expression if self.end() else None

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterError(f"{self.place(self.at)}: nested deeper than {MAX_DEPTH} levels")
        yield
        self._depth -= 1

    def _or(self) -> Expression | None:
        first = self.attempt(self._and) or self.attempt(self._each)
        if first is None or isinstance(first, Each):
            return first
        operands = [first]
        while not isinstance(operands[-1], Each):
            following = self.attempt(self._next_or)
            if following is None:
                break
            operands.append(following)
        return Any(tuple(operands)) if len(operands) > 1 else first

    def _next_or(self) -> Expression | None:
        if not self.words("or"):
            return None
        return self.attempt(self._and) or self.attempt(self._each)

    def _and(self) -> Expression | None:
        first = self._not()
        if first is None:
            return None
        operands = [first]
        while following := self.attempt(self._next_and):
            operands.append(following)
        return All(tuple(operands)) if len(operands) > 1 else first

    def _next_and(self) -> Expression | None:
        return self._not() if self.words("and") else None

    def _not(self) -> Expression | None:
        negation = self.attempt(self._negation)
        if negation:
            return negation.operand.operand if isinstance(negation.operand, Not) else negation
        return self.attempt(self._grouping) or self.attempt(self._match)

    def _negation(self) -> Not | None:
        if not (self.literal("not") and self.spaces()):
            return None
        with self._deeper():
            operand = self._not()
        return Not(operand) if operand else None

    def _grouping(self) -> Expression | None:
        if not self.literal("("):
            return None
        self.spaces()
        with self._deeper():
            expression = self._or()
        if expression is None:
            return None
        self.spaces()
        if self.literal(")"):
            return expression
        self.fault("grouping", "Unmatched parentheses")
        return None

    def _each(self) -> Each | None:
        every = not self.literal("any")
        if every and not self.literal("all"):
            return None
        if not self.spaces():
            return None
        selector = self._selector()
        if not (selector and self.words("as")):
            return None
        single, index, value = self._names()
        self.spaces()
        if not (single or index or value) or not self.literal("{"):
            return None
        self.spaces()
        with self._deeper():
            inner = self._or()
        self.spaces()
        if not (inner and self.literal("}")):
            return None
        return Each(every, selector, single, index, value, inner)

    def _names(self) -> tuple[str, str, str]:
        """The names of an `any` or `all`: for the only one, the index and the value; empty where there is none."""
        first = self._identifier()
        underscore = first is None and self.literal("_")
        if first is None and not underscore:
            return "", "", ""
        second = self.attempt(self._second_name)
        if second is None:
            return first or "", "", ""
        return "", first or "", "" if second == "_" else second

    def _second_name(self) -> str | None:
        self.spaces()
        if not self.literal(","):
            return None
        self.spaces()
        return self._identifier() or ("_" if self.literal("_") else None)

    def _match(self) -> Match | None:
        return self.attempt(self._selector_and_value) or self.attempt(self._selector_alone) or self.attempt(self._value_in)

    def _selector_and_value(self) -> Match | None:
        selector = self._selector()
        operator = self._comparison() if selector else None
        value = self._value() if operator else None
        if selector is None or operator is None or value is None:
            return None
        return Match(selector, *operator, value)

    def _selector_alone(self) -> Match | None:
        selector = self._selector()
        if selector is None:
            return None
        for words, operator, negated in _TESTS:
            if self.words(*words, then_space=False):
                return Match(selector, operator, negated)
        return None

    def _value_in(self) -> Match | None:
        value = self._value()
        if value is None:
            return None
        for words, negated in (("in",), False), (("not", "in"), True):
            if not self.words(*words):
                continue
            selector = self.attempt(self._selector)
            if selector:
                return Match(selector, "in", negated, value)
            self.fault("match", "Invalid selector")
            return None
        return None

    def _comparison(self) -> tuple[str, bool] | None:
        for symbol, negated in ("==", False), ("!=", True):
            if self.symbol(symbol):
                return "==", negated
        for words, operator, negated in _COMPARISONS:
            if self.words(*words):
                return operator, negated
        return None

    def _selector(self) -> Selector | None:
        first = self._identifier()
        if first is None:
            return self.attempt(self._pointer)
        path = [first]
        while (part := self.attempt(self._part)) is not None:
            path.append(part)
        return Selector(tuple(path), ".".join(path))

    def _pointer(self) -> Selector | None:
        if not self.literal('"'):
            return None
        path = []
        while (part := self.attempt(self._segment)) is not None:
            path.append(part.replace("~1", "/").replace("~0", "~"))
        return Selector(tuple(path), "/".join(path)) if self.literal('"') else None

    def _segment(self) -> str | None:
        start = self.at
        if not (self.literal("/") and self.one(_POINTER)):
            return None
        self.many(_POINTER)
        return self.text[start + 1 : self.at]

    def _identifier(self) -> str | None:
        start = self.at
        if not self.one(_LETTER):
            return None
        self.many(_NAME)
        return self.text[start : self.at]

    def _part(self) -> str | None:
        """What follows the name of a selector: `.name`, `["key"]` or `.0`."""
        if self.literal("."):
            start = self.at
            name = self._identifier()
            if name is None:
                self.many(_DIGIT)
            return name or self.text[start : self.at] or None
        return self._index()

    def _index(self) -> str | None:
        if not self.literal("["):
            return None
        self.spaces()
        key = self.attempt(self._string)
        if key is None:
            self.fault("index", "Invalid index")
            return None
        self.spaces()
        if not self.literal("]"):
            self.fault("index", "Unclosed index expression")
            return None
        return key

    def _value(self) -> str | None:
        selector = self.attempt(self._selector)
        if selector:
            return selector.text
        number = self.attempt(self._number)
        return number if number is not None else self.attempt(self._string)

    def _number(self) -> str | None:
        start = self.at
        self.literal("-")
        if not self.literal("0"):
            if not self.one(_LEADING_DIGIT):
                return None
            self.many(_DIGIT)
        self.attempt(self._fraction)
        number, end = self.text[start : self.at], self.at
        followed = self.one(_SPACE) or self.end() or self.literal(")")
        self.at = end
        if not followed:
            self.fault("number", "Invalid number literal")
        return number if followed else None

    def _fraction(self) -> bool | None:
        if not (self.literal(".") and self.one(_DIGIT)):
            return None
        self.many(_DIGIT)
        return True

    def _string(self) -> str | None:
        start = self.at
        if not (self.literal("`") or self.literal('"')):
            return None
        quote = self.text[start]
        end = self.text.find(quote, self.at)
        if end < 0:
            self.fault("string", "Unterminated string literal", len(self.text))
            return None
        content, self.at = self.text[self.at : end], end + 1
        if quote == "`":
            return content.replace("\r", "")
        try:
            return _unquoted(content)
        except ValueError:
            self.fault("string", "invalid syntax", start)
            return ""


_COMPARISONS = (
    (("contains",), "in", False),
    (("not", "contains"), "in", True),
    (("matches",), "matches", False),
    (("not", "matches"), "matches", True),
)
_TESTS = (
    (("is", "empty"), "empty", False),
    (("is", "not", "empty"), "empty", True),
    (("is", "nil"), "nil", False),
    (("is", "not", "nil"), "nil", True),
)


def _unquoted(content: str) -> str:
    """The text between double quotes, with Go's escapes. Raises ValueError for others and for line ends."""
    if "\n" in content:
        raise ValueError("a line end")
    return _ESCAPE.sub(_unescaped, content)


def _unescaped(escape: re.Match[str]) -> str:
    name, byte, octal, short, long, unknown = escape.groups()
    if unknown is not None:
        raise ValueError("an unknown escape")
    if name:
        return _NAMED[name]
    if byte or octal:
        code = int(byte, 16) if byte else int(octal, 8)
        return chr(code) if code < 0x80 else "\ufffd"
    code = int(short or long, 16)
    if 0xD800 <= code < 0xE000:
        raise ValueError("half of a surrogate pair")
    return chr(code)
