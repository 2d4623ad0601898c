"""The arguments of `var put`: specification files (JSON, HCL) and `key=value` pairs (`key=@file`, `key=-`)."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nomadctl.failure import Failure
from nomadctl.json_text import decode
from nomadctl.output import quoted

_KEYS: Final = ("namespace", "path", "create_index", "modify_index", "create_time", "modify_time", "items")
_UNWIELDY: Final = re.compile(r"[^_\d\w]")


@dataclass
class VariableSpec:
    """A variable as its author wants it; `modify_index` is the version it was made from, 0 for a new one."""

    path: str = ""
    namespace: str = ""
    modify_index: int = 0
    items: dict[str, str] = field(default_factory=dict)

    def moved(self, path: str, namespace: str) -> "VariableSpec":
        """The same for another path or namespace, if given: then it is a new variable."""
        if (not path or path == self.path) and (not namespace or namespace == self.namespace):
            return self
        return VariableSpec(path or self.path, namespace or self.namespace, 0, self.items)


def read_file(path: str) -> str:
    """A specification file."""
    try:
        return Path(path).read_text()
    except OSError as error:
        raise Failure(f'Error reading "{path}": {opening(path, error)}') from error


def format_of(path: str) -> str:
    """The format that a file's name tells."""
    match Path(path).suffix:
        case ".json":
            return "json"
        case ".hcl":
            return "hcl"
        case _:
            raise Failure(f"Unable to determine format of {path}; Use the -in flag to specify it.")


def parse(text: str, form: str) -> VariableSpec:
    """A specification.

    Raises:
        Failure: with what is wrong with it.
    """
    try:
        data = _from_json(text) if form == "json" else _from_hcl(text)
    except ValueError as error:
        raise Failure(f"Failed to parse variable data: {error}") from error
    items = {str(key): _text(value) for key, value in (data.get("items") or {}).items()}
    return VariableSpec(
        str(data.get("path") or ""), str(data.get("namespace") or ""), int(data.get("modify_index") or 0), items
    )


def _from_json(text: str) -> dict[str, Any]:
    try:
        data = decode(text)
    except ValueError as error:
        raise ValueError(f"error unmarshaling json: {error}") from error
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower(): value for key, value in data.items()}


def _from_hcl(text: str) -> dict[str, Any]:
    from jobspec import JobspecError
    from jobspec.hcl import parse_document

    try:
        document = parse_document(text, "variable")
    except JobspecError as error:
        raise ValueError(f"error parsing hcl: {error}") from error
    keys = [*document.attributes, *(block.type for block in document.blocks)]
    unknown = [key for key in keys if key not in _KEYS]
    if unknown:
        plural = "error" if len(unknown) == 1 else "errors"
        bullets = "".join(f"\n\t* invalid key: {key}" for key in unknown)
        raise ValueError(f"error parsing hcl: {len(unknown)} {plural} occurred:{bullets}\n\n")
    data = {name: attribute.value for name, attribute in document.attributes.items()}
    for block in document.blocks:
        data["items"] = {**(data.get("items") or {}), **block.body.to_dict()}
    return data


def _text(value: object) -> str:
    match value:
        case bool():
            return "1" if value else "0"
        case dict() | list():
            raise Failure("Failed to parse variable data: the values of items are texts")
        case _:
            return "" if value is None else str(value)


def pairs_of(arguments: Sequence[str]) -> dict[str, str]:
    """Items from `key=value`, `key=@file` and `key=-` (stdin) arguments; the last of a key counts."""
    result: dict[str, str] = {}
    for argument in filter(None, arguments):
        try:
            key, equals, value = argument.partition("=")
            if not equals:
                raise ValueError("format must be key=value")
            result[key] = _value(value)
        except ValueError as error:
            raise Failure(f"Failed to parse K=V data: invalid key/value pair {quoted(argument)}: {error}") from error
    return result


def _value(text: str) -> str:
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text()
        except OSError as error:
            raise ValueError(f"error reading file: {opening(text[1:], error)}") from error
        except UnicodeDecodeError as error:
            raise ValueError(f"the file {text[1:]} is no text in UTF-8") from error
    if text.startswith("\\@"):
        return text[1:]
    return sys.stdin.read() if text == "-" else text


def opening(path: str, error: OSError) -> str:
    """Why a file could not be opened, as Go says it."""
    return f"open {path}: {(error.strerror or str(error)).lower()}"


def unwieldy(keys: Sequence[str]) -> str:
    """A warning about keys that templates cannot reach with a dot; empty if there are none."""
    lines = []
    for key in keys:
        if characters := sorted(set(_UNWIELDY.findall(key))):
            shown = ",".join(f'"{character}"' for character in characters)
            lines.append(
                f"\"{key}\" contains characters [{shown}] that require the 'index' function for direct access in templates"
            )
    if not lines:
        return ""
    count = f"{len(lines)} warning{'s' if len(lines) > 1 else ''}:"
    return f"Variable Warnings:\n{count}\n\n" + "\n".join(f"* {line}" for line in lines) + "\n"
