"""A kind is declared by a class; mistakes in it are told when it is defined."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from operator_kit import Resource, ResourceStatus
from operator_kit.crd_store.codec import decode
from operator_kit.crd_store.immutable import Immutable, immutable_fields
from operator_kit.crd_store.selectors import Selector


class Disk(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    size_gb: int = Field(default=1, alias="sizeGb")


class Database(
    Resource,
    group="example",
    kind="database",
    version="v2",
    short_names=("db",),
    columns={"ENGINE": "spec.engine"},
    categories=("all", "storage"),
    selectable=("spec.engine", "spec.disk.sizeGb", "spec.env.TIER", "status.address"),
):
    """A database server.

    It keeps its data on one disk.
    """

    class Spec(BaseModel):
        engine: str = "postgres"
        disk: Disk = Disk()
        env: dict[str, str] = {}

    class Status(ResourceStatus):
        address: str = ""


class Early(Resource, group="example", kind="early"):
    class Spec(BaseModel):
        late: "Late | None" = None


class Late(BaseModel):
    mark: Annotated[str, Immutable] = ""


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
    assert (Database.categories, Database.selectable[0]) == (("all", "storage"), "spec.engine")
    assert Database.doc == "A database server.\n\nIt keeps its data on one disk."
    assert (Plain.version, Plain.short_names, Plain.columns) == ("v1", (), {})
    assert (Plain.categories, Plain.selectable, Plain.doc) == (("all",), (), "")


def test_a_field_is_found_by_the_path_that_users_write() -> None:
    database = Database("main", Database.Spec(disk=Disk(size_gb=9), env={"TIER": "web"}))
    database.status.address = "db:5432"
    paths = (*Database.selectable, "spec.nosuch", "spec.engine.deeper", "spec.env.NOSUCH", "nosuch")
    assert [database.field(path) for path in paths] == ["postgres", 9, "web", "db:5432", None, None, None, None]


@pytest.mark.parametrize(
    ("selector", "selected"),
    [("team=core,spec.disk.sizeGb=9", True), ("team=core,spec.engine=mysql", False), ("!spec.env.TIER", True)],
)
def test_a_resource_is_selected_by_labels_and_fields(selector: str, selected: bool) -> None:
    database = Database("main", Database.Spec(disk=Disk(size_gb=9)), labels={"team": "core"})
    assert database.selected_by(Selector.parse(selector)) is selected


@pytest.mark.parametrize("name", ["", "Web", "web site", "a/b", "1st", "a.b"])
def test_group_and_kind_must_fit_into_a_path(name: str) -> None:
    with pytest.raises(TypeError, match="must begin with a letter"):
        type("Bad", (Resource,), {"Spec": BaseModel}, group="example", kind=name)
    with pytest.raises(TypeError, match="must begin with a letter"):
        type("Bad", (Resource,), {"Spec": BaseModel}, group=name, kind="web")


def define(arguments: dict[str, Any] | None = None, **body: Any) -> None:
    type("Bad", (Resource,), body, **{"group": "example", "kind": "bad", **(arguments or {})})


@pytest.mark.parametrize("path", ["engine", "spec", "spec.nosuch", "spec.disk", "spec.env", "spec.engine.x", "labels.team"])
def test_only_fields_with_a_single_value_are_selectable(path: str) -> None:
    with pytest.raises(TypeError, match=f'selectable "{path}" must be spec.<field> or status.<field>'):
        define({"selectable": (path,)}, Spec=Database.Spec)


def test_a_category_is_a_name() -> None:
    with pytest.raises(TypeError, match='category "All of them" must begin with a letter'):
        define({"categories": ("All of them",)}, Spec=Database.Spec)


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


def test_a_spec_may_name_a_class_that_comes_later() -> None:
    spec = decode(Early.Spec, {"late.mark": "x"})
    assert spec == Early.Spec(late=Late(mark="x"))
    assert immutable_fields(Early.Spec) == ("late.mark",)
