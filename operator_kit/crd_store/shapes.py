"""What a field of a pydantic model can hold, as far as reading it from text is concerned.

An item of a variable is text; only the field's type can say whether `8080` is a number, a port's name or a document.
"""

import types
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Text:
    """Taken as it is."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """Left to pydantic: numbers, booleans, dates, durations …"""


@dataclass(frozen=True, slots=True)
class Record:
    """A nested model."""

    model: type[BaseModel]


@dataclass(frozen=True, slots=True)
class Mapping:
    value: "Shape"


@dataclass(frozen=True, slots=True)
class Sequence:
    item: "Shape"


@dataclass(frozen=True, slots=True)
class Anything:
    """JSON where the text is JSON, else the text itself."""


Shape = Text | Scalar | Record | Mapping | Sequence | Anything


def shape_of(annotation: Any) -> Shape:
    """The shape of a type annotation; a union of several is `Anything`, unless all but None have the same."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return shape_of(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        shapes = {shape_of(member) for member in get_args(annotation) if member is not type(None)}
        return shapes.pop() if len(shapes) == 1 else Anything()
    if origin is Literal:
        return Text() if all(isinstance(value, str) for value in get_args(annotation)) else Scalar()
    if origin in (list, tuple, set, frozenset):
        return Sequence(shape_of(get_args(annotation)[0]))
    if origin is dict:
        return Mapping(shape_of(get_args(annotation)[1]))
    return _shape_of_class(annotation)


def _shape_of_class(annotation: Any) -> Shape:
    if annotation in (list, tuple, set, frozenset):
        return Sequence(Anything())
    if annotation is dict:
        return Mapping(Anything())
    if annotation in (Any, object) or not isinstance(annotation, type):
        return Anything()
    if issubclass(annotation, BaseModel):
        return Record(annotation)
    if issubclass(annotation, str) or (
        issubclass(annotation, Enum) and all(isinstance(member.value, str) for member in annotation)
    ):
        return Text()
    return Scalar()


def completed(model: type[BaseModel]) -> type[BaseModel]:
    """The model itself, once the classes are known that it names and that were defined after it."""
    if not model.__pydantic_complete__:
        model.model_rebuild()
    return model


@cache
def fields_of(model: type[BaseModel]) -> dict[str, Shape]:
    """The shapes of a model's fields, by the keys that validation takes: a field's alias, or its name without one."""
    return {key: shape_of(completed(model).model_fields[name].annotation) for key, name in _keys(model).items()}


@cache
def _keys(model: type[BaseModel]) -> dict[str, str]:
    return {field.alias or name: name for name, field in model.model_fields.items()}


@cache
def key_for(model: type[BaseModel], name: str) -> str | None:
    """The key that validation takes for what a person typed: an alias, or a field's name where that is allowed too."""
    keys = _keys(model)
    if name in keys:
        return name
    by_name = model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name")
    return next((key for key, field in keys.items() if by_name and field == name), None)


def shape_at(model: type[BaseModel], path: str) -> Shape | None:
    """The shape at a dotted path of keys below a model; None where it leads nowhere."""
    shape: Shape = Record(model)
    for part in path.split("."):
        match shape:
            case Record(inner) if part in fields_of(inner):
                shape = fields_of(inner)[part]
            case Mapping(value):
                shape = value
            case _:
                return None
    return shape


def value_at(model: BaseModel, path: str) -> Any:
    """The value at a dotted path of keys below a model, as plain data; None if there is none."""
    first, *rest = path.split(".")
    value = model.model_dump(mode="json", by_alias=True, include={_keys(type(model)).get(first, first)}).get(first)
    for part in rest:
        value = value.get(part) if isinstance(value, dict) else None
    return value
