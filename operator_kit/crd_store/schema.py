"""The published kind: what other operators, editors and the command line need to know, under `crds/<group>/<kind>`.

Items: `group`, `kind`, `doc`, `producer` (text); `versions`, `shortNames`, `categories`, `columns`, `selectable` and
`statusSchema` (JSON); `storedVersion` (text). A reader ignores items that it does not know: a newer operator may publish more.
"""

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaMode

from nomad_api.client import Nomad
from nomad_api.errors import Conflict, NotFound
from operator_kit.crd_store import paths
from operator_kit.crd_store.codec import decode, encode
from operator_kit.crd_store.versions import Versions
from operator_kit.resource import Resource

DISTRIBUTION: Final = "nomad-operator-framework"


class PublishedVersion(BaseModel):
    """One version of a kind: the schema of its spec, as users write it, and why to leave it, if it is deprecated."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    name: str
    deprecated: str = ""
    json_schema: dict[str, Any]


class PublishedKind(BaseModel):
    """A kind as it stands under `crds/`.

    Attributes:
        versions: all that the operator understands; the last is the one that it works with.
        stored_version: the version of new resources that do not name theirs by `operator.version`.
        status_schema: of the status, as programs read it.
        columns: of a list: title to path, such as `spec.replicas` or `status.url`.
        categories: groups of kinds that it is listed with.
        selectable: paths of the fields that one may select by.
        doc: what it is, for its users.
        producer: the operator and its version.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    group: str
    kind: str
    versions: list[PublishedVersion] = Field(min_length=1)
    stored_version: str
    short_names: list[str] = []
    columns: dict[str, str] = {}
    categories: list[str] = []
    selectable: list[str] = []
    doc: str = ""
    status_schema: dict[str, Any] = {}
    producer: str = ""

    @classmethod
    def of(cls, resource: type[Resource], operator: str) -> Self:
        """What there is to publish about a kind."""
        return cls(
            group=resource.group,
            kind=resource.kind,
            versions=[_published(resource.versions, name) for name in resource.versions.names],
            stored_version=resource.versions.stored,
            short_names=list(resource.short_names),
            columns=dict(resource.columns),
            categories=list(resource.categories),
            selectable=list(resource.selectable),
            doc=resource.doc,
            status_schema=_schema(resource.Status, "serialization"),
            producer=f"{operator} ({DISTRIBUTION} {version(DISTRIBUTION)})",
        )

    @property
    def json_schema(self) -> dict[str, Any]:
        """The schema of the newest version's spec."""
        return self.versions[-1].json_schema

    @classmethod
    def from_items(cls, items: Mapping[str, str]) -> Self:
        """The kind that a variable below `crds/` tells of.

        Raises:
            InvalidItems: it is none.
        """
        return decode(cls, items)


def _published(versions: Versions, name: str) -> PublishedVersion:
    return PublishedVersion(
        name=name,
        deprecated=versions.deprecated(name),
        json_schema=_schema(versions.spec_of(name), "validation"),
    )


@cache
def _schema(model: type[BaseModel], mode: JsonSchemaMode) -> dict[str, Any]:
    """The schema of a model, made once: that takes longer than a hundred reconciles, and every new leader publishes."""
    return model.model_json_schema(mode=mode)


async def publish(nomad: Nomad, kind: PublishedKind) -> bool:
    """Make the kind known; whether anything had to be written.

    Raises:
        NomadError: the operator may not write there, or Nomad cannot be reached.
    """
    path = paths.crd(kind.group, kind.kind)
    items = encode(kind)
    try:
        present = await nomad.variables.get(path)
    except NotFound:
        present = None
    if present is not None and present.items == items:
        return False
    try:
        await nomad.variables.put(path, items, cas=present.modify_index if present else 0)
    except Conflict:
        return await publish(nomad, kind)  # another version of the operator was quicker; the newest leader has the last word
    return True
