"""Items of a variable ↔ a pydantic model.

A person types items: `replicas=3`, `config=@collector.yaml`, `labels.team=core`, `limits.memory=256`. The same spec can stand
in one document, `spec=@edge.hcl` (JSON, YAML or HCL); then flat items override parts of it. What a text means is decided by
the type of its field. What the kit itself writes has a canonical form: one item for each field that is not None, text as it is
and all else as JSON; reading it gives the same model.

A mistake is never an exception of pydantic's: `InvalidItems` lists each as key, reason and cure.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from operator_kit.crd_store import shapes
from operator_kit.crd_store.documents import DocumentError, load_document, load_scalar_or_json
from operator_kit.crd_store.shapes import Anything, Record, Scalar, Sequence, Shape, Text, fields_of, key_for

Model = TypeVar("Model", bound=BaseModel)

SPEC: Final = "spec"
LABELS: Final = "labels."

_CURES: Final = {
    "missing": "add the item {key}=…",
    "int_parsing": "write a whole number, such as {key}=3",
    "int_from_float": "write a whole number, such as {key}=3",
    "float_parsing": "write a number, such as {key}=0.5",
    "bool_parsing": "write {key}=true or {key}=false",
    "list_type": 'write a list, such as {key}=\'["a", "b"]\'',
    "dict_type": "write a mapping in JSON or YAML, or one item for each key: {key}.<name>=…",
    "model_type": "write a mapping in JSON or YAML, or one item for each key: {key}.<name>=…",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the item or key that has it, why it is one, and what to do."""

    key: str
    reason: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}" + (f"; {self.cure}" if self.cure else "")


class InvalidItems(ValueError):
    """Items that do not make the model; `problems` has every mistake found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def decode(model: type[Model], items: Mapping[str, str]) -> Model:
    """The model that the items say.

    Raises:
        InvalidItems: with every unknown key, wrong value and missing field.
    """
    if (data := _canonical(model, items)) is not None:
        try:
            return model.model_validate(data, extra="forbid")
        except ValidationError:
            pass  # a person's items can look canonical: `args=7` is a list of one
    reading = _Reading(model, items)
    data = reading.data()
    try:
        result = validate(model, data)
    except InvalidItems as error:
        # What could not be read is missing or half there now: only the first cause of it is worth telling.
        known = {problem.key.split(".")[0] for problem in reading.problems}
        others = [problem for problem in error.problems if SPEC not in known and problem.key.split(".")[0] not in known]
        raise InvalidItems(reading.problems + others) from error
    if reading.problems:
        raise InvalidItems(reading.problems)
    return result


def encode(model: BaseModel, *, exclude_defaults: bool = False) -> dict[str, str]:
    """The canonical items of a model; without those fields that have their defaults, if so wanted."""
    data = model.model_dump(mode="json", by_alias=True, exclude_defaults=exclude_defaults)
    texts = _text_keys(type(model))
    return {key: value if key in texts else orjson.dumps(value).decode() for key, value in data.items() if value is not None}


def split_labels(items: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The items of the spec, and the labels (items `labels.<key>`)."""
    labels = {key[len(LABELS) :]: value for key, value in items.items() if key.startswith(LABELS)}
    if not labels:
        return dict(items), labels
    return {key: value for key, value in items.items() if not key.startswith(LABELS)}, labels


def validate(model: type[Model], data: Any) -> Model:
    """The model of plain data; keys that it does not know are mistakes, unless a model says by `extra` what to do with them.

    Raises:
        InvalidItems: with every mistake.
    """
    try:
        return model.model_validate(data, extra="forbid")
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [problem for detail in details if (problem := _problem(model, detail))]
        if problems:
            raise InvalidItems(problems) from error
    return model.model_validate(data)


@cache
def _text_keys(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(key for key, shape in fields_of(model).items() if isinstance(shape, Text))


def _canonical(model: type[BaseModel], items: Mapping[str, str]) -> dict[str, Any] | None:
    """The data of items that the kit itself could have written: the quick way. None where a person's hand shows."""
    fields = fields_of(model)
    texts = _text_keys(model)
    data: dict[str, Any] = {}
    for key, text in items.items():
        if key not in fields:
            return None
        if key in texts:
            data[key] = text
        else:
            try:
                data[key] = orjson.loads(text)
            except orjson.JSONDecodeError:
                return None
    return data


class _Indexed(dict[int, Any]):
    """A list that is being put together from items such as `args.0`, `args.1`."""


class _Reading:
    """Items on their way to plain data. Shorter keys come first, so that `limits.cpu` overrides a part of `limits`."""

    def __init__(self, model: type[BaseModel], items: Mapping[str, str]) -> None:
        self._shape = Record(model)
        self._items = items
        self.problems: list[Problem] = []

    def data(self) -> Any:
        """What could be read; `problems` has the rest."""
        tree: dict[str, Any] = {}
        if SPEC in self._items and key_for(self._shape.model, SPEC) is None:
            tree = self._document()
        for key in sorted(self._items, key=lambda key: (key.count("."), key)):
            if key != SPEC or key_for(self._shape.model, SPEC) is not None:
                self._place(tree, self._shape, key, key, self._items[key])
        return self._listed(tree, "")

    def _document(self) -> dict[str, Any]:
        try:
            data = load_document(self._items[SPEC], self._shape)
        except DocumentError as error:
            self.problems.append(Problem(SPEC, f"cannot be read {error}"))
            return {}
        if isinstance(data, dict):
            return data
        what = "is empty" if data is None else f"is a {type(data).__name__}, not a mapping"
        self.problems.append(Problem(SPEC, what, "give the fields of the spec as JSON, YAML or HCL"))
        return {}

    def _place(self, target: dict[Any, Any], shape: Shape, rest: str, key: str, text: str) -> None:
        """Put a value where the dotted rest of its key says, below `target`, which has that shape."""
        head, dot, tail = rest.partition(".")
        if isinstance(shape, shapes.Mapping) and isinstance(shape.value, Text | Scalar):
            head, dot, tail = rest, "", ""  # such a mapping has no depth, so dots belong to its keys
        if (place := self._step(target, shape, head, key, key[: len(key) - len(rest)])) is None:
            return
        target, name, below = place
        if not dot:
            target[name] = self._value(below, key, text)
            return
        inner = target.get(name)
        if isinstance(below, Sequence):
            inner = _Indexed(enumerate(inner)) if isinstance(inner, list) else inner
            inner = _Indexed() if inner is None else inner
        elif inner is None:
            inner = {}
        if not isinstance(inner, dict):
            parent = key[: -len(tail) - 1]
            self.problems.append(Problem(key, f"{parent} has a value of its own", f"set either {parent} or keys below it"))
            return
        target[name] = inner
        self._place(inner, below, tail, key, text)

    def _step(
        self, target: dict[Any, Any], shape: Shape, head: str, key: str, prefix: str
    ) -> tuple[dict[Any, Any], Any, Shape] | None:
        match shape:
            case Record(model):
                name = key_for(model, head)
                if name is not None:
                    return target, name, fields_of(model)[name]
                match model.model_config.get("extra"):
                    case "allow":
                        return target, head, Anything()
                    case "ignore":
                        return None
                self.problems.append(_unknown(model, head, prefix))
            case Sequence(item) if head.isdecimal():
                return target, int(head), item
            case Sequence():
                self.problems.append(Problem(key, f'"{head}" is not a position in a list', "number the values from 0"))
            case shapes.Mapping(value):
                return target, head, value
            case Anything():
                return target, head, shape
            case Text() | Scalar():
                self.problems.append(Problem(key, "a single value has no keys below it", "leave out what follows the dot"))
        return None

    def _value(self, shape: Shape, key: str, text: str) -> Any:
        match shape:
            case Text():
                return text
            case Scalar():
                bare = text.strip()
                return load_scalar_or_json(bare) if bare == "null" or bare.startswith('"') else bare
            case Anything():
                return load_scalar_or_json(text)
        try:
            value = load_document(text, shape)
        except DocumentError as error:
            self.problems.append(Problem(key, f"cannot be read {error}"))
            return None
        if isinstance(shape, Sequence) and isinstance(value, str | int | float):
            return [part.strip() for part in text.split(",")]
        return value

    def _listed(self, value: Any, path: str) -> Any:
        """The tree with its numbered lists made real ones."""
        if isinstance(value, _Indexed):
            if sorted(value) != list(range(len(value))):
                self.problems.append(Problem(path, "its numbered values have a gap", "number them from 0 without one"))
            return [self._listed(value[index], f"{path}.{index}") for index in sorted(value)]
        if isinstance(value, dict):
            return {name: self._listed(inner, f"{path}.{name}" if path else str(name)) for name, inner in value.items()}
        return value


def _problem(model: type[BaseModel], detail: ErrorDetails) -> Problem | None:
    """A mistake found by pydantic, in words; None for an extra key of a model that keeps or ignores them."""
    location = detail["loc"]
    key = ".".join(map(str, location)) or SPEC
    if detail["type"] == "extra_forbidden":
        parent = _model_at(model, location[:-1])
        if parent is None:
            return Problem(key, "unknown key", "remove it")
        if parent.model_config.get("extra") in ("allow", "ignore"):
            return None
        return _unknown(parent, str(location[-1]), "".join(f"{part}." for part in location[:-1]))
    reason = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if detail["type"] != "missing" and isinstance(detail["input"], str | int | float | bool):
        reason += f" (it is {_quoted(detail['input'])})"
    return Problem(key, reason[:1].lower() + reason[1:], _CURES.get(detail["type"], "").format(key=key))


def _quoted(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 48 else f"{text[:44]}…{text[-1]}"


def _unknown(model: type[BaseModel], name: str, prefix: str) -> Problem:
    known = sorted(fields_of(model))
    nearest = difflib.get_close_matches(name, known, 1)
    cure = f"did you mean {prefix}{nearest[0]}?" if nearest else f"known here: {_listing(known)}"
    return Problem(f"{prefix}{name}", "unknown key", cure)


def _listing(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model at a place in pydantic's report; None where a union hides it."""
    shape: Shape = Record(model)
    for part in location:
        match shape:
            case Record(inner) if str(part) in fields_of(inner):
                shape = fields_of(inner)[str(part)]
            case Sequence(item):
                shape = item
            case shapes.Mapping(value):
                shape = value
            case _:
                return None
    return shape.model if isinstance(shape, Record) else None
