"""Regular expressions in Go's syntax, run by Python's engine.

The two agree in nearly everything; the rest is translated: `\\z`, `$` (only the very end of the text), POSIX classes,
`(?<name>…)`, and `$1` or `${name}` in replacements. What Python has and Go has not (look-around, back-references) is
refused, so that a specification which passes here passes everywhere.
"""

from __future__ import annotations

import re

from jobspec.functions.declaration import CallError

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
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
_TOKEN = re.compile(r"\\.|\[:\^?[a-z]+:\]|\(\?<?[=!]|\(\?<=|\(\?P=|\(\?<(?=[A-Za-z_])|\[\^?\]?|.", re.DOTALL)
_REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)
_REASONS = {
    "missing ), unterminated subpattern": "missing closing ): `{}`",
    "unterminated character set": "missing closing ]: `{}`",
    "unbalanced parenthesis": "unexpected ): `{}`",
    "nothing to repeat": "missing argument to repetition operator: `{}`",
}


def replace_pattern(pattern: str, replacement: str, text: str) -> str:
    """`text` with every match replaced; raises CallError for a pattern that is none."""
    compiled = _compiled(pattern)
    names = compiled.groupindex

    def expand(match: re.Match[str]) -> str:
        def group(reference: re.Match[str]) -> str:
            name = reference[1] or reference[2]
            if name is None:
                return "$"
            if name.isdecimal():
                return (match[int(name)] or "") if int(name) <= compiled.groups else ""
            return (match[name] or "") if name in names else ""

        return _REFERENCE.sub(group, replacement)

    return compiled.sub(expand, text)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(_translated(pattern), re.ASCII)
    except re.error as error:
        reason = _REASONS.get(error.msg, f"{error.msg}: `{{}}`").format(pattern)
        raise CallError(f"error parsing regexp: {reason}") from None
    except (OverflowError, RecursionError):
        raise CallError(f"error parsing regexp: expression too large: `{pattern}`") from None


def _translated(pattern: str) -> str:
    result, in_class = [], False
    for token in _TOKEN.findall(pattern):
        if token[0] == "\\":
            if token[1:].isdigit():
                raise CallError(f"error parsing regexp: invalid escape sequence: `{token}`")
            result.append(r"\Z" if token == r"\z" else token)
        elif in_class:
            in_class = token != "]"
            result.append(_posix_class(token) if token.startswith("[:") else token)
        elif token.startswith("(?") and token != "(?<":
            raise CallError(f"error parsing regexp: invalid or unsupported Perl syntax: `{token}`")
        elif token == "(?<":
            result.append("(?P<")
        else:
            in_class = token[0] == "["
            result.append(r"\Z" if token == "$" else token)
    return "".join(result)


def _posix_class(token: str) -> str:
    name = token[2:-2].removeprefix("^")
    if token[2] == "^" or name not in _POSIX:
        raise CallError(f"error parsing regexp: invalid character class range: `{token}`")
    return _POSIX[name]
