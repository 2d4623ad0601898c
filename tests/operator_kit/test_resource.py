"""A kind is declared by a class; mistakes in it are told when it is defined."""

from typing import Any

import pytest
from pydantic import BaseModel

from operator_kit import Resource, ResourceStatus


class Database(
    Resource, group="example", kind="database", version="v2", short_names=("db",), columns={"ENGINE": "spec.engine"}
):
    class Spec(BaseModel):
        engine: str = "postgres"

    class Status(ResourceStatus):
        address: str = ""


class Plain(Resource, group="example", kind="plain"):
    class Spec(BaseModel):
        pass


def test_a_resource_has_identity_spec_and_status() -> None:
    database = Database("main", Database.Spec(), uid=7, generation=9, labels={"team": "core"})
    assert (database.path, database.uid, database.generation) == ("resources/example/database/main", 7, 9)
    assert (database.namespace, database.labels) == ("default", {"team": "core"})
    assert database.spec.engine == "postgres"
    database.status.address = "db:5432"
    assert database.status.address == "db:5432"
    assert repr(database) == "<Database default/main generation 9>"


def test_a_kind_without_a_status_of_its_own_has_the_common_one() -> None:
    assert type(Plain("x", Plain.Spec()).status) is ResourceStatus


def test_what_a_kind_declares_can_be_read_from_its_class() -> None:
    assert (Database.group, Database.kind, Database.version) == ("example", "database", "v2")
    assert (Database.short_names, Database.columns) == (("db",), {"ENGINE": "spec.engine"})
    assert (Plain.version, Plain.short_names, Plain.columns) == ("v1", (), {})


@pytest.mark.parametrize("name", ["", "Web", "web site", "a/b", "1st", "a.b"])
def test_group_and_kind_must_fit_into_a_path(name: str) -> None:
    with pytest.raises(TypeError, match="must begin with a letter"):
        type("Bad", (Resource,), {"Spec": BaseModel}, group="example", kind=name)
    with pytest.raises(TypeError, match="must begin with a letter"):
        type("Bad", (Resource,), {"Spec": BaseModel}, group=name, kind="web")


def define(**body: Any) -> None:
    type("Bad", (Resource,), body, group="example", kind="bad")


def test_a_kind_needs_a_spec_that_is_a_model() -> None:
    with pytest.raises(TypeError, match="nested class Spec"):
        define()
    with pytest.raises(TypeError, match="nested class Spec"):
        define(Spec=dict)


def test_a_status_needs_the_common_fields_and_defaults() -> None:
    class Demanding(ResourceStatus):
        url: str

    with pytest.raises(TypeError, match="derive from ResourceStatus"):
        define(Spec=BaseModel, Status=BaseModel)
    with pytest.raises(TypeError, match=r"Bad\.Status\.url needs a default"):
        define(Spec=BaseModel, Status=Demanding)


def test_a_spec_field_cannot_be_called_like_an_item_with_another_meaning() -> None:
    class Labelled(BaseModel):
        labels: dict[str, str] = {}

    with pytest.raises(TypeError, match='field "labels"'):
        define(Spec=Labelled)
