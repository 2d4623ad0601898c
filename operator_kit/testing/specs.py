"""Hypothesis strategies for specs: any valid spec of a model, from the types and the limits of its fields.

Hypothesis knows the limits of `annotated_types`, but pydantic keeps them apart from the annotation, and hypothesis leaves out
fields that have defaults. So the fields are walked here; what a validator of the model refuses is thrown away.

Hypothesis is needed in tests alone, and is imported when the first strategy is asked for.
"""

import math
import types
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST: Final = 3
"""Members of a generated list or mapping beyond the fewest that are allowed."""

_EXACT: Final = 2**53
"""Whole numbers up to here are the same in every reader of JSON."""

_COLLECTIONS: Final = (list, set, frozenset)


def specs(model: type[BaseModel], given: "Mapping[Any, SearchStrategy[Any]] | None" = None) -> "SearchStrategy[Any]":
    """Valid instances of a model; `given` has strategies to be used for a type or a model, wherever it occurs.

    Raises:
        ImportError: hypothesis is not installed.
    """
    return _Walk(given or {}).model(model)


class _Walk:
    def __init__(self, given: "Mapping[Any, SearchStrategy[Any]]") -> None:
        try:
            from hypothesis import strategies
        except ImportError as error:
            raise ImportError("generated specs need hypothesis, a dependency of tests: pip install hypothesis") from error
        self._st = strategies
        self._given = given

    def model(self, model: type[BaseModel]) -> "SearchStrategy[Any]":
        if model in self._given:
            return self._given[model]
        required: dict[str, Any] = {}
        optional: dict[str, Any] = {}
        for name, field in model.model_fields.items():
            fields = required if field.is_required() else optional
            fields[field.alias or name] = self._field(field.annotation, tuple(field.metadata))
        data = self._st.fixed_dictionaries(required, optional=optional)
        return data.map(partial(_built, model)).filter(lambda built: built is not None)

    def _field(self, annotation: Any, limits: tuple[Any, ...] = ()) -> "SearchStrategy[Any]":
        if annotation in self._given:
            return self._given[annotation]
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self._field(inner[0], (*inner[1:], *limits))
        if origin in (Union, types.UnionType):
            return self._st.one_of([self._field(member, limits) for member in inner])
        if origin in _COLLECTIONS:
            fewest, most = _sizes(limits)
            return self._st.lists(self._field(inner[0]), min_size=fewest, max_size=most, unique=origin is not list)
        if origin is dict:
            fewest, most = _sizes(limits)
            return self._st.dictionaries(self._field(inner[0]), self._field(inner[1]), min_size=fewest, max_size=most)
        if annotation is Any:
            return self._anything()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return self._st.deferred(lambda: self.model(annotation))
        return self._leaf(annotation, limits)

    def _leaf(self, annotation: Any, limits: tuple[Any, ...]) -> "SearchStrategy[Any]":
        pattern = next((found for limit in limits if (found := getattr(limit, "pattern", None))), None)
        if pattern is not None:
            return self._st.from_regex(pattern)
        if annotation is int:
            limits = (*limits, Ge(-_EXACT), Le(_EXACT))
        leaf: SearchStrategy[Any] = self._st.from_type(Annotated[(annotation, *limits)] if limits else annotation)  # type: ignore[arg-type]
        return leaf.filter(math.isfinite) if annotation is float else leaf

    def _anything(self) -> "SearchStrategy[Any]":
        st = self._st
        single: SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-_EXACT, _EXACT) | st.text(max_size=8)

        def more(inner: Any) -> Any:
            return st.lists(inner, max_size=MOST) | st.dictionaries(st.text(max_size=8), inner, max_size=MOST)

        anything: SearchStrategy[Any] = st.recursive(single, more, max_leaves=5)
        return anything


def _built(model: type[BaseModel], data: dict[str, Any]) -> BaseModel | None:
    try:
        return model.model_validate(data)
    except ValidationError:
        return None


def _sizes(limits: tuple[Any, ...]) -> tuple[int, int]:
    fewest = max((limit.min_length for limit in limits if isinstance(limit, MinLen)), default=0)
    return fewest, min((limit.max_length for limit in limits if isinstance(limit, MaxLen)), default=fewest + MOST)
