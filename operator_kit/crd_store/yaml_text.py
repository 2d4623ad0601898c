"""Reads YAML as its authors mean it, and safely; writes it so that every reader takes it the same way.

PyYAML speaks YAML 1.1, in which `on` is a boolean, `12:30` a number and `2024-01-01` a date; newer parsers take all
three as text. So scalars are resolved by YAML 1.2's core schema here.

A document comes from a user and must do no harm: deep nesting overflows the C stack of PyYAML's composer, aliases of
aliases expand to gigabytes, and a key given twice silently loses its first value. All of these are found on the stream
of events, which needs no recursion, before anything is built.

What is written quotes every text that YAML 1.1 or YAML 1.2 would take for something else.
"""

import re
from typing import Any

import yaml

MAX_DEPTH = 64
MAX_VALUES = 50_000
MIN_INT, MAX_INT = -(2**63), 2**64 - 1

_CORE = "tag:yaml.org,2002:"
_HARMLESS_TAGS = frozenset({"!", f"{_CORE}str", f"{_CORE}map", f"{_CORE}seq"})
_CORE_SCHEMA: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
)
"""The plain scalars that are not text: tag, pattern and possible first characters (NUL stands for none)."""


class YamlError(ValueError):
    """Text that is not an acceptable YAML document; the message names the line."""


def load_yaml(text: str) -> Any:
    """The value of one YAML document (JSON is YAML too). Raises `YamlError`, and nothing else."""
    try:
        _inspect(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"{_line(error.problem_mark)}{error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise YamlError(" ".join(str(error).split())) from error


def dump_yaml(value: Any) -> str:
    """The canonical YAML of plain data: keys sorted, no anchors, no folded lines. Equal values give equal text."""
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True, width=2**31 - 1)
    return text.removesuffix("...\n")  # the mark of the end, which PyYAML puts behind a lone scalar


def _inspect(text: str) -> None:
    """Refuse what must not be built: nesting, expanded size, self-reference, duplicate keys, tags, more documents."""
    root = _Collection(None, is_mapping=False)
    open_collections = [root]
    sizes: dict[str | None, int] = {}
    for event in yaml.parse(text, Loader=_Loader):
        current = open_collections[-1]
        where = _line(event.start_mark)
        match event:
            case yaml.DocumentStartEvent() if root.size:
                raise YamlError(f"{where}a second document begins; give one")
            case yaml.CollectionStartEvent():
                _refuse_tag(event.tag, where)
                if len(open_collections) > MAX_DEPTH:
                    raise YamlError(f"{where}nested deeper than {MAX_DEPTH} levels")
                open_collections.append(_Collection(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            case yaml.CollectionEndEvent():
                open_collections.pop()
                if current.anchor is not None:
                    sizes[current.anchor] = current.size
                open_collections[-1].add(current.size, None)
            case yaml.ScalarEvent():
                _refuse_tag(event.tag, where)
                if not current.add(1, event.value):
                    raise YamlError(f'{where}the key "{event.value}" is given twice')
                if event.anchor is not None:
                    sizes[event.anchor] = 1
            case yaml.AliasEvent():
                if any(collection.anchor == event.anchor for collection in open_collections):
                    raise YamlError(f"{where}*{event.anchor} contains itself")
                current.add(sizes.get(event.anchor, 1), None)
        if open_collections[-1].size > MAX_VALUES:
            raise YamlError(f"{where}more than {MAX_VALUES} values, aliases expanded")


class _Collection:
    """A mapping or list that is being read; in a mapping, keys and values take turns."""

    def __init__(self, anchor: str | None, is_mapping: bool) -> None:
        self.anchor = anchor
        self.size = 0
        self.keys: set[str] = set()
        self.at_key = is_mapping
        self.is_mapping = is_mapping

    def add(self, size: int, scalar: str | None) -> bool:
        """Count one key or value; False when it is a key that was there before."""
        self.size += size
        is_key = self.at_key
        self.at_key = self.is_mapping and not self.at_key
        if not is_key or scalar is None:
            return True
        is_new = scalar not in self.keys
        self.keys.add(scalar)
        return is_new


def _refuse_tag(tag: str | None, where: str) -> None:
    if tag is not None and tag not in _HARMLESS_TAGS:
        raise YamlError(f"{where}the tag {tag.replace(_CORE, '!!')} is not supported; write the plain value")


def _line(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers: dict[str, list[Any]] = {}


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int | str:
    """An integer; a leading zero is octal, as for Go's parser. One beyond 64 bits stays text."""
    sign, digits = (-1, node.value[1:]) if node.value.startswith("-") else (1, node.value.removeprefix("+"))
    if len(digits) > 24:
        return str(node.value)
    if digits.startswith("0x"):
        number = sign * int(digits, 16)
    elif re.fullmatch(r"0o?[0-7]+", digits):
        number = sign * int(digits.removeprefix("0").removeprefix("o"), 8)
    else:
        number = sign * int(digits)
    return number if MIN_INT <= number <= MAX_INT else str(node.value)


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _pattern, _first in _CORE_SCHEMA:
    _characters = ["" if character == "\0" else character for character in _first]
    for _class in (_Loader, _Dumper):
        _class.add_implicit_resolver(f"{_CORE}{_tag}", re.compile(rf"^(?:{_pattern})$"), _characters)
_Loader.add_constructor(f"{_CORE}int", _construct_int)
