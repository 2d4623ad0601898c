"""`FieldPath`: where in a spec a field is, as `on.field` names it: `spec.limits.memory`. `FieldChange`: what became of it."""

import difflib
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from operator_kit.crd_store.shapes import fields_of, key_for

T = TypeVar("T")

_ROOT: Final = "spec"


@dataclass(frozen=True, slots=True)
class FieldChange(Generic[T]):
    """What a handler of a field gets.

    Attributes:
        path: the field's, as in the decorator.
        old: the value that this handler last dealt with, or the one at the resource's creation. None also where the field
            had no value, or where `forgotten`.
        new: the value now, as in `resource.spec`.
        forgotten: the old value is not known: it was too large to be remembered, or nobody followed the field until now.
    """

    path: str
    old: T | None
    new: T
    forgotten: bool = False


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A field of a model, or of a model or mapping within. Each step has the attribute's name and the key in plain data."""

    path: str
    steps: tuple[tuple[str, str], ...]
    adapter: TypeAdapter[Any]

    @classmethod
    def of(cls, spec: type[BaseModel], path: str) -> "FieldPath":
        """The field of that path.

        Raises:
            ValueError: there is no such field; with the nearest one.
        """
        root, *names = path.split(".")
        if root != _ROOT or not names:
            nearest = (
                _nearest(path, fields_of(spec), f"{_ROOT}.") if root != _ROOT else "; for the whole spec there is on.update"
            )
            raise ValueError(f'a path begins with "{_ROOT}." and names a field{nearest}')
        annotation: Any = spec
        steps: list[tuple[str, str]] = []
        so_far = _ROOT
        for name in names:
            step, annotation = _step(_bare(annotation), name, so_far)
            steps.append(step)
            so_far = f"{so_far}.{name}"
        return cls(path, tuple(steps), TypeAdapter(annotation))

    def value(self, spec: BaseModel) -> Any:
        """The field's value in a spec, None where something above it is absent."""
        value: Any = spec
        for name, _ in self.steps:
            value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        return value

    def plain(self, data: Any) -> Any:
        """The field's value in a spec as plain data."""
        for _, key in self.steps:
            data = data.get(key) if isinstance(data, dict) else None
        return data

    def restore(self, plain: Any) -> Any:
        """A value from plain data.

        Raises:
            ValueError: it does not fit the field's type any more.
        """
        if plain is None:
            return None
        try:
            return self.adapter.validate_python(plain)
        except ValidationError as error:
            raise ValueError(str(error)) from error


def _step(annotation: Any, name: str, parent: str) -> tuple[tuple[str, str], Any]:
    """The step to a field of that name, and the field's type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        key = key_for(annotation, name)
        for field_name, field in annotation.model_fields.items():
            if key is not None and (field.alias or field_name) == key:
                wanted = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
                return (field_name, key), wanted
        raise ValueError(f"{parent} has no field {name}{_nearest(name, fields_of(annotation), f'{parent}.')}")
    if get_origin(annotation) is dict:
        return (name, name), get_args(annotation)[1]
    raise ValueError(f"{parent} is no model and no mapping, so nothing within can be followed; follow {parent} itself")


def _bare(annotation: Any) -> Any:
    """The type without annotations and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return _bare(members[0]) if len(members) == 1 else annotation
    return annotation


def _nearest(name: str, known: Iterable[str], prefix: str) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {prefix}{near[0]}?" if near else f"; there is: {', '.join(names) or 'none'}"
