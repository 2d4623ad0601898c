"""How Go prints values: what an action puts into the text, and `printf`."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestrator.client.templates.errors import TemplateError

NO_VALUE: Final = "<no value>"
MAX_WIDTH: Final = 10_000
_VERB: Final = re.compile(r"%([-+# 0]*)(\d+)?(?:\.(\d+)?)?([a-zA-Z%])")


def show(value: Any) -> str:
    """A value as `{{ . }}` prints it."""
    return NO_VALUE if value is None else _plain(value)


def _plain(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case float():
            return _float(value)
        case bytes():
            return value.decode(errors="replace")
        case Mapping():
            pairs = sorted((_plain(key), _plain(item)) for key, item in value.items())
            return "map[" + " ".join(f"{key}:{item}" for key, item in pairs) + "]"
        case Sequence():
            return "[" + " ".join(_plain(item) for item in value) + "]"
    return str(value)


def _float(value: float) -> str:
    """The shortest text, with an exponent from 1e21 on, as Go's %v has it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value and not 1e-4 <= abs(value) < 1e6:
        return _with_exponent(value)
    text = repr(value)
    return f"{value:.0f}" if "e" in text else text.removesuffix(".0")


def _with_exponent(value: float) -> str:
    """The shortest mantissa that reads back as the same number."""
    return next(text for digits in range(18) if float(text := f"{value:.{digits}e}") == value)


def join_like_print(values: Sequence[Any]) -> str:
    """`print`: spaces between neighbours of which neither is a string."""
    text = ""
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            text += " "
        text += _plain(value)
    return text


def join_like_println(values: Sequence[Any]) -> str:
    return " ".join(_plain(value) for value in values) + "\n"


def printf(pattern: Any, *values: Any) -> str:
    """Go's `fmt.Sprintf`, with its own way of telling about wrong verbs and missing arguments."""
    if not isinstance(pattern, str):
        raise TemplateError("printf needs a text as its first argument")
    rest = list(values)

    def replace(match: re.Match[str]) -> str:
        flags, width, precision, verb = match[1], int(match[2] or 0), match[3], match[4]
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        if max(width, int(precision or 0)) > MAX_WIDTH:
            raise TemplateError(f"printf: a width of more than {MAX_WIDTH}")
        value = rest.pop(0)
        has_point = "." in match[0]
        text = _verb(verb, value, flags, int(precision or 0) if has_point else None)
        return _pad(text, flags, width, numeric=isinstance(value, int | float) and verb not in "sqv")

    text = _VERB.sub(replace, pattern)
    if rest:
        text += "%!(EXTRA " + ", ".join(f"{_type(value)}={_plain(value)}" for value in rest) + ")"
    return text


def _verb(verb: str, value: Any, flags: str, precision: int | None) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    sign = "+" if "+" in flags and number and value >= 0 else ""
    match verb:
        case "v":
            return sign + _plain(value)
        case "s":
            text = _plain(value) if not number and not isinstance(value, bool) else f"%!s({_type(value)}={_plain(value)})"
            return text if precision is None else text[:precision]
        case "q":
            if isinstance(value, str):
                return json.dumps(str(value), ensure_ascii=False)
            if whole and 0 <= value < 0x110000:
                return f"'{chr(value)}'"
        case "d" if whole:
            return f"{sign}{value}"
        case "t" if isinstance(value, bool):
            return _plain(value)
        case "x" | "X" | "o" | "b" if whole:
            prefix = "0x" if "#" in flags and verb in "xX" else ""
            return sign + prefix + format(value, verb)
        case "x" | "X" if isinstance(value, str):
            text = value.encode(errors="replace").hex()
            return text if verb == "x" else text.upper()
        case "c" if whole and 0 <= value < 0x110000:
            return chr(value)
        case "f" | "F" | "e" | "E" | "g" | "G" if isinstance(value, float):
            if verb in "gG" and precision is None:
                return sign + _float(value)
            return f"{sign}{value:.{6 if precision is None else precision}{verb}}"
        case "T":
            return _type(value)
    return f"%!{verb}({_type(value)}={_plain(value)})"


def _pad(text: str, flags: str, width: int, *, numeric: bool) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and numeric:
        sign = text[:1] if text[:1] in "+-" else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _type(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
    return "[]interface {}"
