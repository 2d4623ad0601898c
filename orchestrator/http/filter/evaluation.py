"""From the syntax tree of a filter to a function over rows.

A row is a model of the wire: its fields are found by their JSON names, with the kinds that Go has for them. A nil map or slice
is empty, a nil pointer has no fields. A missing key of a map fits no operator but `is empty`, `is nil` and the negated ones.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final, get_args, get_origin

from nomad_api.models.base import Wire
from orchestrator.go_regexp import PatternError, compile_pattern
from orchestrator.http.filter import syntax
from orchestrator.http.filter.errors import FilterError
from orchestrator.http.filter.syntax import Each, Expression, Match, Not
from orchestrator.http.go_bool import parse_bool

_NIL_MAP: Final[Mapping[str, Any]] = MappingProxyType({})
_NIL_LIST: Final[Sequence[Any]] = ()
_ABSENT: Final = object()
_UNSIGNED = re.compile(r"Index$|^(Job)?Version$")
_INTEGER = re.compile(r"[+-]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|[1-9][0-9]*|0)")
_FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?([iI]nf(inity)?|NaN|nan)")


@dataclass(frozen=True)
class _Name:
    """A name that `any` or `all` has bound: to the value at a path of the row, or to a key or index of its own."""

    name: str
    path: tuple[str, ...] = ()
    value: Any = None


_Names = tuple[_Name, ...]
_Test = Callable[[Any, _Names], bool]


@dataclass(frozen=True)
class _Found:
    """A value of a row and Go's kind of it."""

    value: Any
    kind: str


def predicate(expression: Expression) -> Callable[[Any], bool]:
    """Whether a row matches. The function raises FilterError where the expression does not fit the row."""
    test = _test(expression)
    return lambda row: test(row, ())


def _test(expression: Expression) -> _Test:
    match expression:
        case Not(operand):
            inner = _test(operand)
            return lambda row, names: not inner(row, names)
        case syntax.All(operands):
            tests = [_test(operand) for operand in operands]
            return lambda row, names: all(test(row, names) for test in tests)
        case syntax.Any(operands):
            tests = [_test(operand) for operand in operands]
            return lambda row, names: any(test(row, names) for test in tests)
        case Each():
            return _each(expression)
        case Match():
            return _match(expression)


def _each(each: Each) -> _Test:
    inner = _test(each.inner)
    combine = all if each.every else any

    def test(row: Any, names: _Names) -> bool:
        if each.index and each.index == each.value:
            raise FilterError(f'"{each.index}" cannot be used as a placeholder for both the index and the value')
        path = _path(each.selector.path, names)
        found = path if isinstance(path, _Found) else _find(row, path)
        if found is _ABSENT:
            return each.every
        if not isinstance(found.value, Mapping | list | tuple) or isinstance(path, _Found):
            raise FilterError(f"{each.selector.text} is not a list or a map")
        return combine(inner(row, (*names, *bound)) for bound in _bindings(each, path, found.value))

    return test


def _bindings(each: Each, path: tuple[str, ...], collection: Mapping[str, Any] | Sequence[Any]) -> list[list[_Name]]:
    is_map = isinstance(collection, Mapping)
    rounds = []
    for key in collection if is_map else range(len(collection)):
        value = _Name(each.value or each.single, (*path, str(key)))
        bound = [_Name(each.index, value=key)] if each.index else []
        if each.single and is_map:
            bound.append(_Name(each.single, value=key))
        elif each.single or each.value:
            bound.append(value)
        rounds.append(bound)
    return rounds


def _match(expression: Match) -> _Test:
    operator = _OPERATORS[expression.operator]
    negated = expression.negated
    if_absent = (expression.operator in ("empty", "nil")) != negated
    selected = expression.selector.path

    def test(row: Any, names: _Names) -> bool:
        path = _path(selected, names) if names else selected
        found = path if isinstance(path, _Found) else _find(row, path)
        return if_absent if found is _ABSENT else operator(expression, found) != negated

    return test


def _path(path: tuple[str, ...], names: _Names) -> tuple[str, ...] | _Found:
    """A path with bound names replaced by what they stand for; the value itself where that is a key or an index."""
    for bound in reversed(names):
        if path and path[0] == bound.name:
            if not bound.path:
                if len(path) > 1:
                    kind = "int" if isinstance(bound.value, int) else "string"
                    raise FilterError(f"{_pointer(path[:1])} references a {kind} so {_pointer(path)} is invalid")
                return _Found(bound.value, _kind(bound.value, ""))
            path = (*bound.path, *path[1:])
    return path


def _find(row: Any, path: tuple[str, ...]) -> Any:
    """The value at a path, or `_ABSENT` where only the last part is missing and would be a key of a map."""
    value = row
    for position, part in enumerate(path):
        if isinstance(value, Wire):
            value = _field(value, part, path, position)
        elif isinstance(value, Mapping) and (position or part in value):
            if part not in value:
                if position and position == len(path) - 1:
                    return _ABSENT
                raise FilterError(_not_found(path, position, f"couldn't find key {_quoted(part)}"))
            value = value[part]
        elif isinstance(value, Mapping):
            raise FilterError(_not_found(path, position, _no_field(part)))
        elif isinstance(value, list | tuple):
            value = _element(value, part, path, position)
        else:
            kind = _kind(value, path[position - 1])
            raise FilterError(f"error finding value in datum: {_pointer(path)}: at part {position}, invalid value kind: {kind}")
    return _Found(value, _kind(value, path[-1] if path else ""))


def _field(model: Wire, key: str, path: tuple[str, ...], position: int) -> Any:
    known = _fields(type(model))
    if key not in known:
        extra = model.model_extra or {}
        if key not in extra:
            raise FilterError(_not_found(path, position, _no_field(key)))
        return extra[key]
    name, nil = known[key]
    value = getattr(model, name)
    return nil if value is None else value


@cache
def _fields(model: type[Wire]) -> dict[str, tuple[str, Any]]:
    """JSON names of a model's fields, each with the Python name and what a nil there is."""
    return {field.alias or name: (name, _nil(field.annotation)) for name, field in model.model_fields.items()}


def _nil(annotation: Any) -> Any:
    origins = {get_origin(alternative) for alternative in get_args(annotation)}
    return _NIL_MAP if dict in origins else _NIL_LIST if list in origins else None


def _element(values: Sequence[Any], part: str, path: tuple[str, ...], position: int) -> Any:
    if not _INTEGER.fullmatch(part):
        raise FilterError(_not_found(path, position, f"couldn't convert value {_quoted(part)} to type int"))
    index = _integer(part)
    if not 0 <= index < len(values):
        raise FilterError(_not_found(path, position, f"index {index} is out of range (length = {len(values)})"))
    return values[index]


def _not_found(path: tuple[str, ...], position: int, what: str) -> str:
    return f"error finding value in datum: {_pointer(path)} at part {position}: {what}"


def _no_field(name: str) -> str:
    return f"couldn't find key: struct field with name {_quoted(name)}"


def _pointer(path: tuple[str, ...]) -> str:
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _kind(value: Any, name: str) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "uint64" if _UNSIGNED.search(name) else "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return "map"
    if isinstance(value, list | tuple):
        return "slice"
    return "struct" if isinstance(value, Wire) else "invalid"


# the operators


def _equal(match: Match, found: _Found) -> bool:
    if found.kind not in _PLAIN:
        raise FilterError("unable to find suitable primitive comparison function for matching")
    return bool(_converted(match.value, found.kind) == found.value)


def _contains(match: Match, found: _Found) -> bool:
    if found.kind in ("string", "map"):
        return match.value in found.value
    if found.kind != "slice":
        text = f"cannot perform in/contains operations on type {found.kind} for selector: {_quoted(match.selector.text)}"
        raise FilterError(text)
    for item in found.value:
        kind = _kind(item, "")
        if kind not in _PLAIN:
            raise FilterError('unable to find suitable primitive comparison function for "in" comparison')
        if _converted(match.value, kind) == item:
            return True
    return False


def _matches(match: Match, found: _Found) -> bool:
    if found.kind != "string":
        shown = {"slice": "[]string", "map": "map[string]string"}.get(found.kind, found.kind)
        raise FilterError(f"value of type {shown} is not convertible to []byte")
    try:
        pattern = compile_pattern(match.value)
    except PatternError as error:
        raise FilterError(f"failed to compile regular expression {_quoted(match.value)}: {error}") from None
    return pattern.search(found.value) is not None


def _empty(match: Match, found: _Found) -> bool:
    if found.kind not in ("string", "map", "slice"):
        raise FilterError(
            f"cannot perform is-empty operations on type {found.kind} for selector: {_quoted(match.selector.text)}"
        )
    return not found.value


def _is_nil(match: Match, found: _Found) -> bool:
    if found.kind in ("map", "slice"):
        return found.value is _NIL_MAP or found.value is _NIL_LIST
    if found.kind in ("struct", "invalid"):
        return found.kind == "invalid"
    raise FilterError(f"cannot perform is-nil operations on type {found.kind} for selector: {_quoted(match.selector.text)}")


_OPERATORS: dict[str, Callable[[Match, _Found], bool]] = {
    "==": _equal,
    "in": _contains,
    "matches": _matches,
    "empty": _empty,
    "nil": _is_nil,
}
_PLAIN = ("string", "bool", "int", "uint64", "float64")


def _converted(raw: str, kind: str) -> Any:
    """The value of an expression as the kind of the field it is compared with."""
    if kind == "string":
        return raw
    if kind == "bool":
        value = parse_bool(raw)
        if value is None:
            raise _bad_value("ParseBool", raw)
        return value
    if kind == "float64":
        if not _FLOAT.fullmatch(raw):
            raise _bad_value("ParseFloat", raw)
        return float(raw)
    unsigned = kind == "uint64"
    function = "ParseUint" if unsigned else "ParseInt"
    if not _INTEGER.fullmatch(raw) or (unsigned and raw[0] in "+-"):
        raise _bad_value(function, raw)
    number = _integer(raw)
    if not (0 <= number < 2**64 if unsigned else -(2**63) <= number < 2**63):
        raise _bad_value(function, raw, "value out of range")
    return number


def _integer(raw: str) -> int:
    digits = raw.lstrip("+-")
    base = 8 if digits[:1] == "0" and digits[1:2].isdigit() else 0
    number = int(digits, base) if len(digits) <= 24 else 2**64
    return -number if raw.startswith("-") else number


def _bad_value(function: str, raw: str, why: str = "invalid syntax") -> FilterError:
    return FilterError(f"error getting match value in expression: strconv.{function}: parsing {_quoted(raw)}: {why}")
