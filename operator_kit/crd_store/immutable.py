"""`Immutable`: fields of a spec that stay as they were first set.

    class Spec(BaseModel):
        engine: Annotated[Literal["postgres", "mysql"], Immutable]

The kit compares with the last applied spec, so it holds however the resource was written. A field that was None may still be
set, once. JSON Schema has no word for it; in the published schema such a field bears `x-immutable: true`.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from operator_kit.crd_store.codec import Problem
from operator_kit.crd_store.selectors import text_of
from operator_kit.crd_store.shapes import Record, completed, shape_of, value_at


class _Immutable:
    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(core_schema), "x-immutable": True}

    def __repr__(self) -> str:
        return "Immutable"


Immutable: Final = _Immutable()
"""The mark, for `Annotated[…, Immutable]`."""


@cache
def immutable_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The paths of a model's immutable fields, those of nested models too.

    Raises:
        TypeError: a mark stands inside a list, a mapping or a union, where no path can name what it means.
    """
    return tuple(_paths(model, "", ()))


def changed_immutables(old: BaseModel, new: BaseModel) -> list[Problem]:
    """A mistake for each immutable field in which two specs of one model differ."""
    problems = []
    for path in immutable_fields(type(new)):
        before, now = value_at(old, path), value_at(new, path)
        if before is not None and before != now:
            was = _brief(text_of(before))
            reason = f"it cannot be changed: it was {was}" + ("" if now is None else f", and is {_brief(text_of(now))} now")
            problems.append(Problem(path, reason, f"write {path}={was} again, or purge the resource and make it anew"))
    return problems


def _paths(model: type[BaseModel], prefix: str, above: tuple[type[BaseModel], ...]) -> Iterator[str]:
    for name, field in completed(model).model_fields.items():
        path = f"{prefix}{field.alias or name}"
        shape = shape_of(field.annotation)
        if Immutable in field.metadata:
            yield path
        elif isinstance(shape, Record):
            if shape.model not in (*above, model):
                yield from _paths(shape.model, f"{path}.", (*above, model))
        elif _is_marked(field.annotation, ()):
            raise TypeError(f"{model.__qualname__}.{name}: put Immutable on the whole field, not inside of it")


def _is_marked(annotation: Any, above: tuple[Any, ...]) -> bool:
    if annotation is Immutable:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation not in above and any(
            Immutable in field.metadata or _is_marked(field.annotation, (*above, annotation))
            for field in annotation.model_fields.values()
        )
    inner = (*get_args(annotation), *getattr(annotation, "__metadata__", ()))
    return any(_is_marked(part, above) for part in inner if part is not annotation)


def _brief(text: str | None) -> str:
    return text if text and len(text) <= 48 else f"{(text or '')[:45]}…"
