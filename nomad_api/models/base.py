"""What all models of the wire have in common.

Nomad's JSON is written by Go: keys are PascalCase with Go's capitals (`EvalID`, `MemoryMB`, `FailedTGAllocs`), durations are
integers of nanoseconds, a nil slice or map is `null`, a missing or `null` value of a plain field is its zero value, and keys
are read without regard to case. `Wire` gives Python names (`eval_id`, `memory_mb`) to all of it and keeps those rules, so that
what is read can be written back unchanged: fields that a model does not know are kept.
"""

from functools import cache
from typing import Any, Final, Self

import orjson
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator

_CAPITALS: Final = {
    word.lower(): word
    for word in (
        "ACL ACLs API CIDR CNI CPU CSI DNS GC GRPC HTTP ID IOPS IP JSON MB MBits NUMA OIDC RTarget LTarget TG TLS TTL UI URL"
    ).split()
}


def wire_name(name: str) -> str:
    """The JSON key of a Python field name: `eval_id` is `EvalID`, `memory_max_mb` is `MemoryMaxMB`."""
    return "".join(_CAPITALS.get(part, part[:1].upper() + part[1:]) for part in name.split("_"))


@cache
def _keys(model: type["Wire"]) -> tuple[frozenset[str], dict[str, str], frozenset[str]]:
    """Known keys of a model, its keys by lower case, and those whose `null` means the zero value."""
    aliases = {field.alias or name: field for name, field in model.model_fields.items()}
    plain = frozenset(key for key, field in aliases.items() if type(None) not in _alternatives(field.annotation))
    return frozenset(aliases) | frozenset(model.model_fields), {key.lower(): key for key in aliases}, plain


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    return (Any, type(None)) if annotation is Any else getattr(annotation, "__args__", ())


class Wire(BaseModel):
    """An object of Nomad's API. Immutable: `evolve` makes a changed copy.

    Build one by Python names (`Task(name="web", driver="docker")`) or read one from JSON (`Job.from_json(data)`); `to_json`
    writes Nomad's keys, sorted. Unknown keys are kept, keys are read without regard to case, and `null` for a field that
    cannot be absent is its zero value, as Go's decoder has it.
    """

    # A slot: a private attribute of pydantic's would cost every object a dictionary, and more time than the rest of making it.
    __slots__ = ("_encoded",)

    model_config = ConfigDict(alias_generator=wire_name, populate_by_name=True, extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _as_go_decodes(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known, lower, plain = _keys(cls)
        if not known.issuperset(data):
            data = {key if key in known else lower.get(str(key).lower(), key): value for key, value in data.items()}
        if None in data.values():
            return {key: value for key, value in data.items() if value is not None or key not in plain}
        return data

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read the model from Nomad's JSON.

        Raises:
            pydantic.ValidationError: the text is not JSON, or a field has a wrong type; the error names each.
        """
        return cls.model_validate_json(data)

    def to_wire(self) -> dict[str, Any]:
        """The object as Nomad's JSON has it, as plain dictionaries and lists."""
        return self.model_dump(by_alias=True)

    def to_json(self, *, keep: bool = True) -> bytes:
        """The object as Nomad's JSON, keys sorted. Encoded once and remembered, since the object cannot change; without `keep`
        what is not known yet is not remembered either, which saves the memory of what is seldom shown."""
        encoded: bytes | None = getattr(self, "_encoded", None)
        if encoded is None:
            encoded = orjson.dumps(self.to_wire(), option=orjson.OPT_SORT_KEYS)
            if keep:
                object.__setattr__(self, "_encoded", encoded)
        return encoded

    def evolve(self, **changes: Any) -> Self:
        """A copy with some fields changed (by their Python names). The values are taken as they are, unvalidated."""
        return self.model_copy(update=changes)


class SparseWire(Wire):
    """An object whose zero values are left out of the JSON, as Go's `omitempty` does for a few of Nomad's structures."""

    @model_serializer(mode="wrap")
    def _without_zero_values(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        plain = _keys(type(self))[2]
        return {key: value for key, value in data.items() if value and not (key in plain and _is_zero_struct(value))}


def _is_zero_struct(value: Any) -> bool:
    return isinstance(value, dict) and not any(value.values())
