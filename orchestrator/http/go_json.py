"""Reading request bodies as Go's JSON decoder does, with its error texts.

The first value of the body counts and what follows it is ignored; lone surrogates become U+FFFD. The fast decoder serves
nearly every request; only what it refuses is looked at again, by the standard library's, which tells where it failed.
"""

import json
import re
from typing import Any, NoReturn, TypeVar, get_args

import orjson
from pydantic import ValidationError

from nomad_api.models.base import Wire
from orchestrator.errors import APIError

W = TypeVar("W", bound=Wire)
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_GO_KINDS = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
_GO_TYPES = {
    "string_type": "string",
    "int_type": "int",
    "int_parsing": "int",
    "bool_type": "bool",
    "bool_parsing": "bool",
    "float_type": "float64",
    "list_type": "[]string",
}


def decode(body: bytes) -> Any:
    """The first JSON value of a body.

    Raises:
        APIError: 400, with the text of Go's decoder.
    """
    if not body:
        raise APIError(400, "Request body is empty")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _decode_leniently(body)


def decode_as(body: bytes, model: type[W]) -> W:
    """A body as a model; keys the model does not know are dropped, as Go's decoder does."""
    return convert(decode(body), model)


def convert(value: Any, model: type[W], *, within: str = "") -> W:
    """A decoded value as a model. `within` is the path of the value in the body, for the text of an error.

    Raises:
        APIError: 400, naming the first field whose value has a wrong type.
    """
    try:
        return model.model_validate(value, extra="ignore", strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        names = [part for part in first["loc"] if isinstance(part, str)]
        path = ".".join([_innermost(model, names), *([within] if within else []), *names])
        wanted = _GO_TYPES.get(first["type"])
        text = f"json: cannot unmarshal {kind(first['input'])} into Go struct field {path} of type {wanted}"
        raise APIError(400, text if wanted else f"{path}: {first['msg']}") from None


def _innermost(model: type[Wire], names: list[str]) -> str:
    """The name of the structure that holds the field at the end of a path, as Go's decoder tells it."""
    for name in names[:-1]:
        found = next((field for key, field in model.model_fields.items() if name in (key, field.alias)), None)
        inner = _model_in(found.annotation) if found else None
        if inner is None:
            break
        model = inner
    return model.__name__


def _model_in(annotation: Any) -> type[Wire] | None:
    if isinstance(annotation, type) and issubclass(annotation, Wire):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _model_in(part))), None)


def kind(value: Any) -> str:
    """What Go calls the JSON type of a value."""
    return _GO_KINDS.get(type(value), "null")


class Fields(dict[str, Any]):
    """The fields of a request's body by their Go names, read without regard to case."""

    def __init__(self, body: dict[str, Any], go_name: str) -> None:
        super().__init__(body)
        self.go_name = go_name
        self._lower = {str(key).lower(): value for key, value in body.items()}

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; None if it is missing or null."""
        return self._lower.get(name.lower(), default)

    def __getitem__(self, name: str) -> Any:
        return self._lower[name.lower()]

    def boolean(self, name: str, *, within: str) -> bool:
        """A boolean field, false if unset. Raises APIError 400."""
        value = self.get(name) or False
        if not isinstance(value, bool):
            raise APIError(400, f"json: cannot unmarshal {kind(value)} into Go struct field {within}.{name} of type bool")
        return value

    def string(self, name: str, *, within: str) -> str:
        """A text field, empty if unset. Raises APIError 400."""
        value = self.get(name)
        if value is not None and not isinstance(value, str):
            raise APIError(400, f"json: cannot unmarshal {kind(value)} into Go struct field {within}.{name} of type string")
        return value or ""

    def integer(self, name: str, *, within: str) -> int:
        """A number field, 0 if unset. Raises APIError 400."""
        value = self.get(name) or 0
        if not isinstance(value, int):
            raise APIError(400, f"json: cannot unmarshal {kind(value)} into Go struct field {within}.{name} of type uint64")
        return value


def fields(value: Any, go_type: str) -> Fields:
    """The decoded body of a request that must be an object (or null). Raises APIError 400."""
    if not isinstance(value, dict | type(None)):
        raise APIError(400, f"json: cannot unmarshal {kind(value)} into Go value of type {go_type}")
    return Fields(value or {}, go_type.split(".")[-1])


def _decode_leniently(body: bytes) -> Any:
    text = body.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        raise APIError(400, "invalid character 'ï' looking for beginning of value")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise APIError(400, _syntax_error(text, error)) from None
    except RecursionError:
        raise APIError(400, "exceeded max depth") from None
    return _without_surrogates(value)


def _refuse_constant(name: str) -> NoReturn:
    raise APIError(400, f"invalid character '{name[0]}' looking for beginning of value")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _syntax_error(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    if position >= len(text) or "Unterminated" in error.msg:
        return "unexpected EOF"
    character = text[position]
    shown = {"'": "\\'", '"': '"'}.get(character, repr(character)[1:-1])
    if "control character" in error.msg:
        return f"invalid character '{shown}' in string literal"
    if "escape" in error.msg:
        following = text[position + 1 : position + 2] or "\\"
        return f"invalid character '{following}' in string escape code"
    if "Expecting value" in error.msg and character in _LITERALS:
        return _bad_literal(text, position, _LITERALS[character])
    after = {
        "Expecting property name": "looking for beginning of object key string",
        "Expecting ':'": "after object key",
        "Expecting ',' delimiter": "after object key:value pair" if _inside_object(text[:position]) else "after array element",
        "Illegal trailing comma": "looking for beginning of value",
    }
    where = next((words for start, words in after.items() if error.msg.startswith(start)), "looking for beginning of value")
    return f"invalid character '{shown}' {where}"


def _bad_literal(text: str, position: int, literal: str) -> str:
    for offset, expected in enumerate(literal):
        found = text[position + offset : position + offset + 1]
        if not found:
            return "unexpected EOF"
        if found != expected:
            return f"invalid character '{found}' in literal {literal} (expecting '{expected}')"
    return "unexpected EOF"


def _inside_object(before: str) -> bool:
    depth = []
    for character in re.sub(r'"(?:[^"\\]|\\.)*"', '""', before):
        if character in "{[":
            depth.append(character)
        elif character in "}]" and depth:
            depth.pop()
    return bool(depth) and depth[-1] == "{"
