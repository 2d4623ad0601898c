"""What a template may call without looking anything up: Go's builtins, and functions of text, data and numbers.

Names and orders of arguments are consul-template's: what a pipeline hands on comes last, as in `"a,b" | split ","`. Functions
raise TemplateError, or any exception for arguments of the wrong type, which the evaluation then reports.
"""

import base64
import hashlib
import hmac
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_plus

import yaml

from orchestrator.client.templates.errors import TemplateError
from orchestrator.client.templates.formatting import join_like_print, join_like_println, printf, show

_INT64: Final = 1 << 63
_MAX_TEXT: Final = 16 << 20
_MAX_LOOP: Final = 1_000_000


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"wrong type for value; expected string; got {show(value)}")
    return str(value)


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateError(f"{show(value)} is not a number")
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise TemplateError("number out of range")
    return value


# Builtins of text/template


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_comparable(first, other) and first == other for other in others)


def _comparable(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return True
    kinds = [
        "bool"
        if isinstance(value, bool)
        else "number"
        if isinstance(value, int | float)
        else "text"
        if isinstance(value, str)
        else "other"
        for value in (first, second)
    ]
    if kinds[0] != kinds[1]:
        raise TemplateError("incompatible types for comparison")
    return True


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def function(first: Any, second: Any) -> bool:
        if first is None or second is None or isinstance(first, Mapping | list):
            raise TemplateError("invalid type for comparison")
        return _comparable(first, second) and compare(first, second)

    return function


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode(errors="replace"))
    if isinstance(value, Mapping | Sequence):
        return len(value)
    raise TemplateError(f"len of type {type(value).__name__}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, str):
            value = value.encode(errors="replace")[_position(key, len(value.encode(errors="replace")))]
        elif isinstance(value, Sequence):
            value = value[_position(key, len(value))]
        else:
            raise TemplateError(f"can't index item of {show(value)}")
    return value


def _position(key: Any, length: int) -> int:
    if isinstance(key, bool) or not isinstance(key, int):
        raise TemplateError(f"cannot index slice/array with {show(key)}")
    if not 0 <= key < length:
        raise TemplateError(f"index out of range: {key}")
    return key


def _slice(value: Any, *bounds: Any) -> Any:
    if not isinstance(value, str | list) or len(bounds) > 2:
        raise TemplateError(f"can't slice item of {show(value)}")
    start, end = (*bounds, *(0, len(value))[len(bounds) :])
    if not 0 <= _number(start) <= _number(end) <= len(value):
        raise TemplateError(f"index out of range: {show(end)}")
    return value[start:end]


# Text


def _replace_all(old: Any, new: Any, text: Any) -> str:
    text, old, new = _text(text), _text(old), _text(new)
    if (text.count(old) if old else len(text) + 1) * len(new) > _MAX_TEXT:
        raise TemplateError("the text becomes too long")
    return text.replace(old, new)


def _regex(pattern: Any) -> re.Pattern[str]:
    try:
        return re.compile(_text(pattern))
    except (re.error, OverflowError) as error:
        raise TemplateError(f"error parsing regexp: {error}") from None


def _regex_replace_all(pattern: Any, new: Any, text: Any) -> str:
    """Go writes groups as `$1` and `${name}`."""
    found = _regex(pattern)
    replacement = re.sub(r"\$(\w+)|\$\{(\w+)\}", lambda match: f"\\g<{match[1] or match[2]}>", _text(new).replace("\\", r"\\"))
    return found.sub(replacement, _text(text))


def _indent(spaces: Any, text: Any) -> str:
    if not 0 <= _number(spaces) <= 1000:
        raise TemplateError("indent value must be a number from 0 to 1000")
    return "".join(" " * int(spaces) + line for line in _text(text).splitlines(keepends=True))


def _join(separator: Any, values: Any) -> str:
    return _text(separator).join(_text(value) for value in values)


def _split(separator: Any, text: Any) -> list[str]:
    text = _text(text)
    if not text:
        return []
    return text.split(_text(separator)) if separator else list(text)


# Data


def _to_json(value: Any, indent: int | None = None) -> str:
    separators = (",", ":") if indent is None else None
    return json.dumps(_plain(value), ensure_ascii=False, sort_keys=True, indent=indent, separators=separators)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, Sequence) else value


def _parse_json(text: Any) -> Any:
    return json.loads(text) if _text(text) else {}


def _to_yaml(value: Any) -> str:
    return yaml.safe_dump(_plain(value), default_flow_style=False, allow_unicode=True).removesuffix("...\n").removesuffix("\n")


def _parse_bool(text: Any) -> bool:
    if _text(text) in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("", "0", "f", "F", "false", "FALSE", "False"):
        return False
    raise TemplateError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _parse_int(text: Any) -> int:
    return int(_number(int(_text(text) or "0")))


def _contains(wanted: Any, values: Any) -> bool:
    if not isinstance(values, str | Mapping | Sequence):
        raise TemplateError(f"cannot look into {show(values)}")
    return wanted in values


def _base64_decode(decode: Callable[[bytes], bytes]) -> Callable[[Any], str]:
    return lambda text: decode(_text(text).encode()).decode()


def _explode(values: Any) -> dict[str, Any]:
    """`{"a/b": 1}` as nested maps."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *folders, name = str(path).split("/")
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[name] = value
    return tree


# Numbers


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], int | float]:
    """consul-template's order: the piped value is the left operand of `subtract` and `divide`."""

    def function(second: Any, first: Any) -> int | float:
        try:
            return _number(compute(_number(first), _number(second)))
        except ZeroDivisionError:
            raise TemplateError("division by zero") from None

    return function


def _divide(first: Any, second: Any) -> Any:
    if isinstance(first, int) and isinstance(second, int):
        quotient = abs(first) // abs(second)
        return quotient if (first < 0) == (second < 0) else -quotient
    return first / second


def _remainder(first: Any, second: Any) -> Any:
    return first - second * _divide(first, second)


def _loop(*bounds: Any) -> range:
    start, end = (0, bounds[0]) if len(bounds) == 1 else bounds
    if _number(end) - _number(start) > _MAX_LOOP:
        raise TemplateError(f"loop: more than {_MAX_LOOP} numbers")
    return range(int(start), int(end))


def _timestamp(layout: Any = "2006-01-02T15:04:05Z") -> str:
    now = datetime.now(UTC)
    if layout == "unix":
        return str(int(now.timestamp()))
    text = _text(layout)
    for go, python in _LAYOUT:
        text = text.replace(go, now.strftime(python))
    return text


_LAYOUT: Final = (
    ("2006", "%Y"), ("January", "%B"), ("Jan", "%b"), ("01", "%m"), ("Monday", "%A"), ("Mon", "%a"), ("02", "%d"),
    ("15", "%H"), ("04", "%M"), ("05", "%S"), ("MST", "UTC"), ("Z07:00", "Z"), ("-0700", "+0000"),
)  # fmt: skip

_BUILTINS: Final[Mapping[str, Callable[..., Any]]] = {
    "and": lambda *values: None,
    "or": lambda *values: None,
    "not": lambda value: not value,
    "eq": _equal,
    "ne": lambda first, second: not _equal(first, second),
    "lt": _ordered(lambda first, second: first < second),
    "le": _ordered(lambda first, second: first <= second),
    "gt": _ordered(lambda first, second: first > second),
    "ge": _ordered(lambda first, second: first >= second),
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": lambda *values: join_like_print(values),
    "println": lambda *values: join_like_println(values),
    "printf": printf,
    "html": lambda *values: html.escape(join_like_print(values)).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    "js": lambda *values: json.dumps(join_like_print(values))[1:-1].replace("'", "\\'").replace("<", "\\u003C"),
    "urlquery": lambda *values: quote_plus(join_like_print(values)),
}

_CONSUL_TEMPLATE: Final[Mapping[str, Callable[..., Any]]] = {
    "add": _arithmetic(lambda first, second: first + second),
    "subtract": _arithmetic(lambda first, second: first - second),
    "multiply": _arithmetic(lambda first, second: first * second),
    "divide": _arithmetic(_divide),
    "modulo": _arithmetic(_remainder),
    "minimum": _arithmetic(min),
    "maximum": _arithmetic(max),
    "loop": _loop,
    "base64Decode": _base64_decode(base64.b64decode),
    "base64Encode": lambda text: base64.b64encode(_text(text).encode()).decode(),
    "base64URLDecode": _base64_decode(base64.urlsafe_b64decode),
    "base64URLEncode": lambda text: base64.urlsafe_b64encode(_text(text).encode()).decode(),
    "contains": _contains,
    "containsAll": lambda wanted, values: all(_contains(value, values) for value in wanted),
    "containsAny": lambda wanted, values: any(_contains(value, values) for value in wanted),
    "containsNone": lambda wanted, values: not any(_contains(value, values) for value in wanted),
    "in": lambda values, wanted: _contains(wanted, values),
    "explode": _explode,
    "hmacSHA256Hex": lambda text, key: hmac.new(_text(key).encode(), _text(text).encode(), "sha256").hexdigest(),
    "indent": _indent,
    "join": _join,
    "md5sum": lambda text: hashlib.md5(_text(text).encode(), usedforsecurity=False).hexdigest(),
    "parseBool": _parse_bool,
    "parseFloat": lambda text: float(_text(text) or "0"),
    "parseInt": _parse_int,
    "parseJSON": _parse_json,
    "parseUint": lambda text: abs(_parse_int(text)),
    "parseYAML": lambda text: yaml.safe_load(_text(text)) or {},
    "regexMatch": lambda pattern, text: bool(_regex(pattern).search(_text(text))),
    "regexReplaceAll": _regex_replace_all,
    "replaceAll": _replace_all,
    "sha256Hex": lambda text: hashlib.sha256(_text(text).encode()).hexdigest(),
    "split": _split,
    "splitToMap": lambda separator, pair, text: dict(part.split(_text(pair), 1) for part in _split(separator, text)),
    "timestamp": _timestamp,
    "toJSON": _to_json,
    "toJSONPretty": lambda value: _to_json(value, indent=2),
    "toLower": lambda text: _text(text).lower(),
    "toTitle": lambda text: _text(text).title(),
    "toUpper": lambda text: _text(text).upper(),
    "toYAML": _to_yaml,
    "trim": lambda cut, text: _text(text).strip(_text(cut)),
    "trimPrefix": lambda prefix, text: _text(text).removeprefix(_text(prefix)),
    "trimSpace": lambda text: _text(text).strip(),
    "trimSuffix": lambda suffix, text: _text(text).removesuffix(_text(suffix)),
}

FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {**_BUILTINS, **_CONSUL_TEMPLATE}
