"""Base64, URLs, CSV, JSON and YAML."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from typing import Any
from urllib.parse import quote_plus

from jobspec.functions.declaration import CallError, Function, function
from jobspec.functions.yaml_documents import decode_yaml, encode_yaml
from jobspec.numbers import format_number, parse_number
from jobspec.values import (
    DYNAMIC,
    NULL,
    STRING,
    Value,
    boolean,
    list_value,
    number,
    object_of,
    object_value,
    string,
    tuple_value,
)

_JSON_ESCAPES = re.compile(r'[\x00-\x1f"\\<>&\u2028\u2029]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


@function(str=STRING)
def base64encode(text: Value) -> Value:
    return string(base64.b64encode(text.raw.encode("utf-8", "surrogatepass")).decode())


@function(str=STRING)
def base64decode(text: Value) -> Value:
    try:
        decoded = base64.b64decode(text.raw.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise CallError(f"failed to decode base64 data '{text.raw}'") from None
    try:
        return string(decoded.decode())
    except UnicodeDecodeError:
        raise CallError("the result of decoding the the provided string is not valid UTF-8") from None


@function(str=STRING)
def urlencode(text: Value) -> Value:
    return string(quote_plus(text.raw, safe="", errors="replace"))


@function(str=STRING)
def csvdecode(text: Value) -> Value:
    """A list with an object per line, whose attributes are named by the first line."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text.raw, newline=""), strict=True) if row]
    except csv.Error as error:
        raise CallError(f"CSV parse error: {error}") from None
    if not rows:
        raise CallError("missing header line")
    header, *lines = rows
    for at, name in enumerate(header):
        if name in header[:at]:
            raise CallError(f'duplicate column name "{name}"')
    for at, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise CallError(f"CSV parse error on line {at}: wrong number of fields")
    objects = [object_value(dict(zip(header, map(string, line), strict=True))) for line in lines]
    return list_value(objects, object_of(dict.fromkeys(header, STRING)))


def json_text(value: Value) -> str:
    """Compact JSON with sorted keys; characters that would matter within HTML are escaped."""
    if value.is_null:
        return "null"
    if isinstance(value.raw, dict):
        return "{" + ",".join(f"{_json_string(key)}:{json_text(item)}" for key, item in value.raw.items()) + "}"
    if isinstance(value.raw, tuple):
        return "[" + ",".join(map(json_text, value.raw)) + "]"
    if value.type.kind == "number":
        return format_number(value.raw)
    if value.type.kind == "bool":
        return "true" if value.raw else "false"
    return _json_string(value.raw)


def _json_string(text: str) -> str:
    return '"' + _JSON_ESCAPES.sub(lambda char: _SHORT_ESCAPES.get(char[0], f"\\u{ord(char[0]):04x}"), text) + '"'


@function(val=DYNAMIC, nullable=["val"])
def jsonencode(value: Value) -> Value:
    return string(json_text(value))


@function(str=STRING)
def jsondecode(text: Value) -> Value:
    try:
        parsed = json.loads(text.raw, parse_int=_json_number, parse_float=_json_number, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text.raw.rstrip())
        reason = "EOF" if at_end else f"invalid character '{text.raw[error.pos]}' at offset {error.pos}"
        raise CallError(reason) from None
    except RecursionError:
        raise CallError("the document is nested too deeply") from None
    return _from_json(parsed)


def _json_number(text: str) -> Value:
    parsed = parse_number(text)
    if parsed is None:
        raise CallError(f"number {text} is out of range")
    return number(parsed)


def _no_constant(name: str) -> Any:
    raise CallError(f"invalid character '{name[0]}' looking for beginning of value")


def _from_json(parsed: Any) -> Value:
    if isinstance(parsed, Value):
        return parsed
    if parsed is None:
        return NULL
    if isinstance(parsed, bool):
        return boolean(parsed)
    if isinstance(parsed, str):
        return string(parsed)
    if isinstance(parsed, list):
        return tuple_value(map(_from_json, parsed))
    return object_value({string(key).raw: _from_json(item) for key, item in parsed.items()})


@function(src=STRING)
def yamldecode(text: Value) -> Value:
    return decode_yaml(text.raw)


@function(value=DYNAMIC, nullable=["value"])
def yamlencode(value: Value) -> Value:
    return string(encode_yaml(value))


FUNCTIONS: dict[str, Function] = {
    "base64decode": base64decode,
    "base64encode": base64encode,
    "csvdecode": csvdecode,
    "jsondecode": jsondecode,
    "jsonencode": jsonencode,
    "urlencode": urlencode,
    "yamldecode": yamldecode,
    "yamlencode": yamlencode,
}
