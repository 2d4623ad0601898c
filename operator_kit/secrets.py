"""Secrets: a spec names the variable and the key that hold one, and its value goes nowhere else.

    class Spec(BaseModel):
        password: SecretRef                  # password=secrets/db#password

    async def reconcile(self, database: Database, ctx: Context[Database]) -> None:
        password = await ctx.secret(database.spec.password)
        await connect(password=password.reveal())

Flow: `ctx.secret` reads the variable, once for each reconcile, and gives a `Secret`. The status, with the last applied spec in
it, holds the reference. `ctx.references` tells which variables were asked for, found or not, so that a change of one brings the
resource back.
Guarantees: a `Secret` shows as `***` in texts, logs and JSON; and what `reveal` gave is masked where the kit writes: see
`operator_kit.masking`. A secret that is missing is a `TemporaryError`, reason `SecretMissing`, that names path, key and cure.
Assumptions: the variable is in the namespace of the resource, and the operator's ACL policy lets it read there.
Caveats: the operator reads with its own rights, so whoever may declare a resource can have any variable read that the operator
may read: let its policy name the paths that are meant for it. What is put into a job's `env` is in the job for all to read; let
the task take it from Nomad itself, by a template: `{{ with nomadVar "secrets/db" }}{{ .password }}{{ end }}`.
"""

import difflib
import hmac
from collections.abc import Callable
from typing import Any, Final, final

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic_core import CoreSchema, SchemaSerializer, core_schema

from nomad_api.client import Nomad
from nomad_api.errors import Forbidden, NotFound
from operator_kit.engine.result import TemporaryError
from operator_kit.masking import MASKED, Mask

_TEXT: Final = r"^[a-zA-Z0-9_~/-]{1,128}#.+$"


class SecretRef(BaseModel):
    """Where a secret is: an item of a variable. Written as text, `secrets/db#password`, or as a mapping of path and key."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(pattern=r"^[a-zA-Z0-9_~/-]{1,128}$")
    key: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        path, sign, key = data.partition("#")
        if not (path and sign and key):
            raise ValueError("write the path of a variable and one of its keys, such as secrets/db#password")
        return {"path": path, "key": key}

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(schema)
        resolved = handler.resolve_ref_schema(reference)
        mapping = dict(resolved)
        resolved.clear()
        resolved.update(title="SecretRef", description=cls.__doc__, anyOf=[{"type": "string", "pattern": _TEXT}, mapping])
        return reference

    def __str__(self) -> str:
        return f"{self.path}#{self.key}"


@final
class Secret:
    """A value that shows itself to nobody who does not ask: texts and JSON of it are `***`."""

    __slots__ = ("_value",)

    __pydantic_serializer__: Final = SchemaSerializer(
        core_schema.any_schema(serialization=core_schema.plain_serializer_function_ser_schema(str))
    )
    """So that a secret which got into a model's field of type `Any` is masked as well."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __str__(self) -> str:
        return MASKED

    def __repr__(self) -> str:
        return f"Secret({MASKED})"

    def __format__(self, spec: str) -> str:
        return MASKED

    def __eq__(self, other: object) -> bool:
        """Compares in constant time; a text is never equal."""
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)


class Secrets:
    """What one reconcile has asked for; `mask` learns every value, and `refer` the path of each variable before it is read."""

    def __init__(self, nomad: Nomad, mask: Mask, refer: Callable[[str], None] = lambda path: None) -> None:
        self._nomad = nomad
        self._mask = mask
        self._refer = refer
        self._variables: dict[str, dict[str, str] | None] = {}

    @property
    def paths(self) -> frozenset[str]:
        """The paths of all variables that were asked for, those that are missing too."""
        return frozenset(self._variables)

    async def resolve(self, reference: SecretRef) -> Secret:
        """The secret that a reference names.

        Raises:
            TemporaryError: it is missing, or the operator may not read it.
            NomadError: Nomad cannot be reached.
        """
        items = await self._read(reference)
        if items is None:
            cure = f"write it: nomadctl var put {reference.path} {reference.key}=…"
            raise _missing(reference, f"there is no variable {reference.path}; {cure}")
        if reference.key not in items:
            nearest = difflib.get_close_matches(reference.key, items, 1)
            cure = f"did you mean {nearest[0]}?" if nearest else f"add it: nomadctl var put {reference.path} {reference.key}=…"
            raise _missing(reference, f"the variable {reference.path} has no key {reference.key}; {cure}")
        value = items[reference.key]
        self._mask.add(value)
        return Secret(value)

    async def _read(self, reference: SecretRef) -> dict[str, str] | None:
        path = reference.path
        if path in self._variables:
            return self._variables[path]
        self._variables[path] = None
        self._refer(path)
        try:
            self._variables[path] = (await self._nomad.variables.get(path)).items or {}
        except NotFound:
            pass
        except Forbidden as error:
            message = f"the secret {reference} may not be read; let the operator's ACL policy read the variable {path}"
            raise TemporaryError(message, reason="SecretForbidden") from error
        return self._variables[path]


def _missing(reference: SecretRef, why: str) -> TemporaryError:
    return TemporaryError(f"the secret {reference} is missing: {why}", reason="SecretMissing")
