"""YAML -> values and back.

The syntax is PyYAML's business; what a plain scalar means is ours, because Nomad reads YAML 1.2 numbers beside YAML
1.1 booleans, and turns dates into timestamps.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from jobspec.functions.declaration import CallError
from jobspec.numbers import format_number, parse_number
from jobspec.values import FALSE, NULL, TRUE, Value, number, object_value, string, text_of, tuple_value

if TYPE_CHECKING:
    import yaml

_WORDS = dict.fromkeys("y Y yes Yes YES true True TRUE on On ON".split(), TRUE)
_WORDS |= dict.fromkeys("n N no No NO false False FALSE off Off OFF".split(), FALSE)
_WORDS |= dict.fromkeys(["", "~", "null", "Null", "NULL"], NULL)
_INFINITIES = {".inf": 1, "+.inf": 1, "-.inf": -1}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?([Tt ]\d\d?:\d\d?:\d\d?(\.\d+)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_MOST_VALUES = 100_000
"""Aliases can make a short document grow without end."""


def decode_yaml(text: str) -> Value:
    import yaml

    try:
        document = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"on line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise CallError(f"{where}{getattr(error, 'problem', None) or 'invalid document'}") from None
    except (RecursionError, ValueError):
        raise CallError("the document is nested too deeply") from None
    return NULL if document is None else _Reader().value(document)


class _Reader:
    def __init__(self) -> None:
        self._count = 0
        self._open: set[int] = set()

    def value(self, node: yaml.Node) -> Value:
        import yaml

        self._count += 1
        if self._count > _MOST_VALUES:
            raise CallError(f"the document has more than {_MOST_VALUES} values")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            raise CallError("cannot refer to anchor within its own value")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return tuple_value([self.value(item) for item in node.value])
            return self._mapping(node)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node) -> Value:
        entries: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if getattr(key_node, "value", None) == "<<" and key_node.style is None:
                source = self.value(value_node)
                for mapping in source.raw if isinstance(source.raw, tuple) else (source,):
                    merged = (mapping.raw or {}) | merged if isinstance(mapping.raw, dict) else merged
                continue
            key = self.value(key_node)
            if not key.type.is_primitive:
                raise CallError("mapping key must be a string")
            entries[text_of(key)] = self.value(value_node)
        return object_value(merged | entries)


def _scalar(node: yaml.ScalarNode) -> Value:
    text, tag = node.value, node.tag.removeprefix("tag:yaml.org,2002:")
    if tag not in ("str", "!") and tag not in ("int", "float", "bool", "null", "timestamp", "binary"):
        raise CallError(f'unsupported tag "{node.tag}"')
    if node.style is not None or tag == "binary":
        return string(text)
    if text in _WORDS:
        return _WORDS[text]
    if text.lower() in _INFINITIES:
        return number(float("inf") * _INFINITIES[text.lower()])
    if text.lower() == ".nan":
        raise CallError("floating point NaN is not supported")
    if _DATE.fullmatch(text) and (timestamp := _timestamp(text)):
        return string(timestamp)
    if _INTEGER.fullmatch(text) and text[:2] in ("0o", "0x"):
        return number(int(text, 0))
    parsed = parse_number(text) if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text) else None
    return string(text) if parsed is None else number(parsed)


def _timestamp(text: str) -> str | None:
    """A date in RFC 3339, None if it is none in the calendar."""
    date, _, time = text.upper().replace(" ", "T").partition("T")
    year, month, day = (int(part) for part in date.split("-"))
    zone = re.search(r"Z|[+-]\d\d:\d\d$", time)
    clock = re.match(r"(\d\d?):(\d\d?):(\d\d?)", time)
    hour, minute, second = map(int, clock.groups()) if clock else (0, 0, 0)
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return moment.isoformat() + (zone[0] if zone else "Z")


def encode_yaml(value: Value) -> str:
    """Block style; strings in double quotes, or as literal blocks where they have several lines."""
    import yaml

    def scalar(text: str, style: str | None) -> yaml.Event:
        return yaml.ScalarEvent(None, None, (True, True), text, style=style)

    def events(item: Value) -> list[yaml.Event]:
        if isinstance(item.raw, dict):
            inner = [event for key, part in item.raw.items() for event in (*events(string(key)), *events(part))]
            return [yaml.MappingStartEvent(None, None, True, flow_style=False), *inner, yaml.MappingEndEvent()]
        if isinstance(item.raw, tuple):
            inner = [event for part in item.raw for event in events(part)]
            return [yaml.SequenceStartEvent(None, None, True, flow_style=False), *inner, yaml.SequenceEndEvent()]
        if item.is_null:
            return [scalar("null", None)]
        if item.type.kind == "number":
            return [scalar(format_number(item.raw), None)]
        if item.type.kind == "bool":
            return [scalar("true" if item.raw else "false", None)]
        return [scalar(item.raw, "|" if "\n" in item.raw else '"')]

    frame = [yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False)]
    text: str = yaml.emit(
        [*frame, *events(value), yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent()], allow_unicode=True
    )
    return text
