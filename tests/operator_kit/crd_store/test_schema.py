"""A kind is published for others to read: its schema, how to list it, who makes it."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel

from nomad_api.errors import Conflict
from operator_kit import Resource, ResourceStatus
from operator_kit.crd_store.codec import InvalidItems, encode
from operator_kit.crd_store.immutable import Immutable
from operator_kit.crd_store.schema import PublishedKind, publish
from operator_kit.crd_store.versions import Version
from operator_kit.testing import MemoryNomad, virtual_time


class DatabaseV1(Version, version="v1", deprecated="name an engine"):
    class Spec(BaseModel):
        megabytes: int

    @staticmethod
    def up(spec: "DatabaseV1.Spec") -> "Database.Spec":
        return Database.Spec(size=spec.megabytes)

    @staticmethod
    def down(spec: "Database.Spec") -> "DatabaseV1.Spec":
        return DatabaseV1.Spec(megabytes=spec.size)


class Database(
    Resource,
    group="data",
    kind="database",
    version="v2",
    versions=[DatabaseV1],
    short_names=("db",),
    columns={"ENGINE": "spec.engine"},
    categories=("all", "storage"),
    selectable=("spec.engine",),
):
    """A database server."""

    class Spec(BaseModel):
        engine: Literal["postgres", "mysql"] = "postgres"
        size: Annotated[int, Immutable]

    class Status(ResourceStatus):
        address: str = ""


def test_what_is_published_reads_back() -> None:
    kind = PublishedKind.of(Database, "databases")
    assert (kind.group, kind.kind, kind.short_names) == ("data", "database", ["db"])
    assert kind.columns == {"ENGINE": "spec.engine"}
    assert (kind.categories, kind.selectable, kind.doc) == (["all", "storage"], ["spec.engine"], "A database server.")
    assert kind.json_schema["required"] == ["size"]
    assert kind.json_schema["properties"]["engine"]["enum"] == ["postgres", "mysql"]
    assert "observedGeneration" in kind.status_schema["properties"]
    assert kind.producer.startswith("databases (nomad-operator-framework ")


def test_every_version_is_published_with_its_schema() -> None:
    kind = PublishedKind.of(Database, "databases")
    assert [(version.name, version.deprecated) for version in kind.versions] == [("v1", "name an engine"), ("v2", "")]
    assert list(kind.versions[0].json_schema["properties"]) == ["megabytes"]
    assert kind.json_schema == kind.versions[1].json_schema
    assert kind.stored_version == "v1"


def test_the_schema_tells_which_fields_are_immutable() -> None:
    properties = PublishedKind.of(Database, "databases").json_schema["properties"]
    assert [name for name, schema in properties.items() if schema.get("x-immutable")] == ["size"]


def test_what_is_no_kind_is_refused() -> None:
    with pytest.raises(InvalidItems):
        PublishedKind.from_items({"kind": "x"})


def test_what_a_newer_operator_publishes_besides_is_no_trouble() -> None:
    kind = PublishedKind.of(Database, "databases")
    assert PublishedKind.from_items({**encode(kind), "scopes": '["cluster"]'}).columns == kind.columns


@virtual_time
async def test_a_kind_is_written_only_when_it_has_changed() -> None:
    nomad = MemoryNomad()
    kind = PublishedKind.of(Database, "databases")
    assert await publish(nomad, kind)
    assert not await publish(nomad, kind)
    items = nomad.items("crds/data/database")
    assert items is not None
    assert PublishedKind.from_items(items) == kind
    assert await publish(nomad, kind.model_copy(update={"columns": {}}))


@virtual_time
async def test_of_two_that_publish_at_once_the_last_wins() -> None:
    nomad = MemoryNomad()
    kind = PublishedKind.of(Database, "databases")
    conflicts = 1

    def fault(method: str, path: str) -> None:
        nonlocal conflicts
        if method == "PUT" and conflicts:
            conflicts -= 1
            raise Conflict(409, "", method, path)

    nomad.cluster.fault = fault
    assert await publish(nomad, kind)
    assert nomad.items("crds/data/database")
