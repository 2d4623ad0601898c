"""The cursor of the parser: a place in the text, the attempts made from there, and what they would have accepted."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_EOF = "EOF"


@dataclass(frozen=True)
class CharacterClass:
    """A class of characters, and how errors show it."""

    shown: str
    pattern: re.Pattern[str]


def character_class(shown: str, pattern: str | None = None) -> CharacterClass:
    """A class in the notation of errors; `pattern` is given where Python's engine needs another one."""
    return CharacterClass(shown, re.compile(pattern or shown))


_SPACE = character_class(r"[ \t\r\n]")


class Cursor:
    """A place in a text. `faults` are the mistakes recognised so far, in the order in which they were met."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.faults: dict[str, None] = {}
        self._farthest = 0
        self._expected: set[str] = set()

    def no_match(self) -> str:
        """What was expected at the farthest place that any attempt reached."""
        wanted = sorted(self._expected - {_EOF}) + [_EOF] * (_EOF in self._expected)
        listed = ", ".join(wanted[:-1]) + " or " + wanted[-1] if len(wanted) > 1 else "".join(wanted)
        return f"{self.place(self._farthest)}: no match found, expected: {listed}"

    def place(self, at: int) -> str:
        """Line, column (of characters) and offset (of bytes)."""
        line = self.text.count("\n", 0, at + 1) + 1
        column = at - self.text.rfind("\n", 0, at + 1)
        return f"{line}:{column} ({len(self.text[:at].encode(errors='surrogatepass'))})"

    def fault(self, rule: str, message: str, at: int | None = None) -> None:
        """Note a mistake, here unless said otherwise."""
        self.faults[f'{self.place(self.at if at is None else at)}: rule "{rule}": {message}'] = None

    def _wanted(self, what: str) -> bool:
        if self.at > self._farthest:
            self._farthest = self.at
            self._expected = set()
        if self.at == self._farthest:
            self._expected.add(what)
        return False

    def literal(self, text: str) -> bool:
        """Step over exactly this text, if it is here."""
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        return self._wanted(json.dumps(text))

    def one(self, kind: CharacterClass) -> bool:
        """Step over one character of a class, if it is here."""
        if kind.pattern.match(self.text, self.at):
            self.at += 1
            return True
        return self._wanted(kind.shown)

    def many(self, kind: CharacterClass) -> None:
        """Step over all characters of a class that are here."""
        while self.one(kind):
            pass

    def end(self) -> bool:
        """Whether the text ends here."""
        return self.at == len(self.text) or self._wanted(_EOF)

    def spaces(self) -> bool:
        """Whitespace that may be left out; whether there was some."""
        start = self.at
        self.many(_SPACE)
        return self.at > start

    def words(self, *words: str, then_space: bool = True) -> bool:
        """Words with whitespace before each, and after the last. If they are not there, the cursor stays."""
        start = self.at
        found = all(self.spaces() and self.literal(word) for word in words) and (not then_space or self.spaces())
        self.at = self.at if found else start
        return found

    def symbol(self, symbol: str) -> bool:
        """A symbol between whitespace that may be left out. If it is not there, the cursor stays."""
        start = self.at
        self.spaces()
        found = self.literal(symbol)
        if found:
            self.spaces()
        self.at = self.at if found else start
        return found

    def attempt(self, rule: Callable[[], T | None]) -> T | None:
        """What the rule finds; if it finds nothing (None), the cursor stays."""
        start = self.at
        found = rule()
        if found is None:
            self.at = start
        return found
