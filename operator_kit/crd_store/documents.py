"""Documents inside of items: JSON, YAML or HCL text to plain data.

Which of them a text is shows in its first character or line: `{` or `[` is JSON (and YAML would read it the same), `name =`
and `name {` are HCL, all else is YAML.
"""

import re
from typing import Any, Final

import orjson

from jobspec.diagnostics import JobspecError
from jobspec.hcl import Body, parse_document
from operator_kit.crd_store.shapes import Anything, Mapping, Record, Sequence, Shape, fields_of, key_for
from operator_kit.crd_store.yaml_text import YamlError, load_yaml

_COMMENT: Final = re.compile(r"\s*(?:(?:#|//)[^\n]*|/\*.*?\*/)?\s*(?:\n|$)|\s*/\*.*?\*/", re.DOTALL)
_HCL: Final = re.compile(r'\s*(?:[\w-]+\s*=(?!=)|[\w-]+(?:\s+"[^"\n]*")*\s*\{)')


class DocumentError(ValueError):
    """Text that is no document of its kind; the message says where and why."""


def load_document(text: str, shape: Shape) -> Any:
    """The data in a document. HCL's blocks become what `shape` wants there: a mapping, or a list of mappings.

    Raises:
        DocumentError: nothing else.
    """
    start = text.lstrip()[:1]
    if start in ("{", "["):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            json_error = error
    try:
        if _looks_like_hcl(text):
            return _hcl_body(parse_document(text), shape)
        return load_yaml(text)
    except JobspecError as error:
        raise DocumentError(f"as HCL: {error}") from error
    except YamlError as error:
        if start == "{":
            raise DocumentError(f"as JSON: {json_error}") from error
        raise DocumentError(f"as YAML: {error}") from error


def load_scalar_or_json(text: str) -> Any:
    """The JSON value where the text is JSON, else the text: for fields that take anything."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _looks_like_hcl(text: str) -> bool:
    position = 0
    while position < len(text) and (match := _COMMENT.match(text, position)) and match.end() > position:
        position = match.end()
    return _HCL.match(text, position) is not None


def _hcl_body(body: Body, shape: Shape) -> dict[str, Any]:
    data: dict[str, Any] = {name: attribute.value for name, attribute in body.attributes.items()}
    for block in body.blocks:
        inner_shape = _below(shape, block.type)
        for _ in block.labels:
            inner_shape = _below(inner_shape, "")
        value: Any = _hcl_body(block.body, inner_shape)
        target, key = data, block.type
        for label in block.labels:
            target = target.setdefault(key, {})
            key = label
        match target.get(key), inner_shape:
            case list() as present, _:
                present.append(value)
            case None, Sequence():
                target[key] = [value]
            case dict() as present, Record() | Mapping():
                present |= value
            case dict() as present, _:
                target[key] = [present, value]
            case _:
                target[key] = value
    return data


def _below(shape: Shape, name: str) -> Shape:
    match shape:
        case Record(model):
            key = key_for(model, name)
            return fields_of(model)[key] if key else Anything()
        case Mapping(value):
            return value
        case Sequence(item):
            return _below(item, name)
    return Anything()
