"""Regular expressions as Go understands them, for Python's engine.

Filters and constraints are written for Go's syntax (RE2), which has neither look-around nor back references, takes POSIX
classes and `\\z`, and whose `$` stands for the very end of the text. What Go refuses is refused here too, with its text.
"""

import re
import warnings
from functools import lru_cache

_MAX_REPEAT = 1000
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_TOKEN = re.compile(
    r"""
    \\Q(?P<quoted>.*?)(?:\\E|\Z)
  | \\(?P<escape>p\{\^?\w+\}|P\{\^?\w+\}|x\{[0-9a-fA-F]+\}|x[0-9a-fA-F]{2}|[0-7]{3}|.|\Z)
  | \[(?P<negated>\^?)(?P<set>\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*)\]
  | \((?P<group>\?(?:P?<(?![=!])\w*>|[imsU]*(?:-[imsU]+)?[:)]|[^\s\w]?[=!<>]?)?)?
  | (?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)
  | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = set("abfnrtvdDsSwWBAzC")


class PatternError(ValueError):
    """Not a regular expression; the message is Go's."""


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The pattern for Python's engine; use `search`.

    Raises:
        PatternError: Go would refuse it, or it uses a Unicode class (`\\pL`), which Python's engine does not know.
    """
    multiline = re.search(r"\(\?[ims]*m", pattern) is not None
    text = _Translation(multiline).translate(pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(text, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise _refusal(f"{error}", pattern) from None


def _refusal(reason: str, part: str) -> PatternError:
    return PatternError(f"error parsing regexp: {reason}: `{part}`")


class _Translation:
    """One pass over a pattern. `_pending` counts, for each open group, the groups that inline flags have opened inside it."""

    def __init__(self, multiline: bool) -> None:
        self._end = "$" if multiline else r"\Z"
        self._pending = [0]
        self._repeatable = False
        self._repeated = ""

    def translate(self, pattern: str) -> str:
        parts = []
        for token in _TOKEN.finditer(pattern):
            kind = token.lastgroup or "group"
            kind = "set" if kind == "negated" else kind
            parts.append(getattr(self, f"_{kind}")(token))
            if kind != "repeat":
                self._repeated = ""
                self._repeatable = not (kind == "group" or token[0] in ("|", "^"))
        if len(self._pending) > 1:
            raise _refusal("missing closing )", pattern)
        return "".join(parts) + ")" * self._pending[0]

    def _quoted(self, token: re.Match[str]) -> str:
        return re.escape(token["quoted"])

    def _escape(self, token: re.Match[str]) -> str:
        escape = token["escape"]
        if not escape:
            raise PatternError("error parsing regexp: trailing backslash at end of expression: ``")
        if escape == "z":
            return r"\Z"
        if escape.startswith("x{"):
            return _character(int(escape[2:-1], 16), token[0])
        if escape[0] in "pP":
            raise _refusal("invalid character class range", token[0])
        if escape[0] in "x01234567" and len(escape) == 3:
            return token[0]
        if escape in _ESCAPES - {"C"} or not (escape.isalnum() or ord(escape) > 127):
            return token[0]
        raise _refusal("invalid escape sequence", token[0])

    def _set(self, token: re.Match[str]) -> str:
        content = token["set"]
        for name in re.findall(r"\[:\^?(\w+):\]", content):
            if name not in _POSIX:
                raise _refusal("invalid character class range", f"[:{name}:]")
        content = re.sub(r"\[:(\w+):\]", lambda match: _POSIX[match[1]], content)
        for low, high in re.findall(r"([^\\\[\]])-([^\\\[\]])", content):
            if low > high:
                raise _refusal("invalid character class range", f"{low}-{high}")
        return f"[{token['negated']}{content}]"

    def _group(self, token: re.Match[str]) -> str:
        flags = token["group"]
        if flags is None or flags in ("?:",):
            self._pending.append(0)
            return token[0]
        if flags.startswith(("?P<", "?<")) and flags.endswith(">"):
            self._pending.append(0)
            return "(?P<" + flags.partition("<")[2]
        if flags.endswith((":", ")")) and "U" not in flags:
            if flags.endswith(":"):
                self._pending.append(0)
                return token[0]
            self._pending[-1] += 1
            return token[0][:-1] + ":"
        raise _refusal("invalid or unsupported Perl syntax", token[0])

    def _repeat(self, token: re.Match[str]) -> str:
        if self._repeated:
            raise _refusal("invalid nested repetition operator", self._repeated + token[0])
        if not self._repeatable:
            raise _refusal("missing argument to repetition operator", token[0])
        if any(int(count) > _MAX_REPEAT for count in re.findall(r"\d+", token[0])):
            raise _refusal("invalid repeat count", token[0])
        self._repeated = token[0]
        return token[0]

    def _plain(self, token: re.Match[str]) -> str:
        character = token["plain"]
        if character == "[":
            raise _refusal("missing closing ]", token.string[token.start() :])
        if character == ")":
            if len(self._pending) == 1:
                raise _refusal("unexpected )", token.string)
            return ")" * (self._pending.pop() + 1)
        return self._end if character == "$" else re.escape(character) if character == "{" else character


def _character(code: int, shown: str) -> str:
    if code > 0x10FFFF:
        raise _refusal("invalid escape sequence", shown)
    return re.escape(chr(code))
