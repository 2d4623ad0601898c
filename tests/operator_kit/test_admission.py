"""A kind's own code fills in and refuses; what may not change is compared with what was last applied."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from operator_kit import Context, Reconciler, Resource
from operator_kit.admission import Immutable, Problem
from operator_kit.crd_store.immutable import changed_immutables, immutable_fields
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time

PATH = "resources/test/disk/one"


class Place(BaseModel):
    zone: Annotated[str, Immutable] = "a"
    shelf: int = 0


class Disk(Resource, group="test", kind="disk"):
    class Spec(BaseModel):
        format: Annotated[str, Immutable] = "ext4"
        size: int = 0
        place: Place = Place()
        id: Annotated[str | None, Immutable] = None

    allowed: ClassVar[int] = 1000

    def default(self) -> None:
        self.spec.size = self.spec.size or 10

    def validate(self, old: "Disk.Spec | None") -> Iterator[Problem]:
        if self.spec.size > self.allowed:
            yield Problem("size", "it is too large", f"write size={self.allowed} or less")
        if old is not None and self.spec.size < old.size:
            yield Problem("size", "a disk cannot shrink", f"write size={old.size} or more")
        if self.name == "raising":
            raise ValueError("no disk is called so")
        if self.name == "broken":
            raise KeyError("broken")


class DiskReconciler(Reconciler[Disk]):
    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def reconcile(self, resource: Disk, ctx: Context[Disk]) -> None:
        self.sizes.append(resource.spec.size)


async def refused(nomad: MemoryNomad, name: str = "one") -> str:
    def message() -> str:
        status = status_of(nomad, Disk, name)
        accepted = status.condition("Accepted") if status else None
        return accepted.message if accepted and accepted.status == "False" else ""

    await eventually(lambda: message() != "")
    return message()


@virtual_time
async def test_what_is_left_open_is_filled_in_and_remembered() -> None:
    nomad, reconciler = MemoryNomad(), DiskReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, format="xfs")
        status = await ready(nomad, Disk, "one")
    assert reconciler.sizes == [10]
    assert status.last_applied is not None
    assert status.last_applied.spec["size"] == 10


@virtual_time
async def test_an_update_is_judged_by_what_was_last_applied() -> None:
    nomad, reconciler = MemoryNomad(), DiskReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, size="20")
        await ready(nomad, Disk, "one")
        await nomad.declare(PATH, size="15")
        assert await refused(nomad) == "size: a disk cannot shrink; write size=20 or more"
        await nomad.declare(PATH, size="12")
        await nomad.declare(PATH, size="25")
        await ready(nomad, Disk, "one")
    assert reconciler.sizes == [20, 25]


@virtual_time
async def test_an_immutable_field_stays_as_it_was_first_set() -> None:
    nomad, reconciler = MemoryNomad(), DiskReconciler()
    async with running(nomad, reconciler):
        await nomad.declare(PATH, format="xfs", place__zone="b")
        await ready(nomad, Disk, "one")
        await nomad.declare(PATH, format="ext4", size="9999")
        assert (await refused(nomad)).splitlines() == [
            "format: it cannot be changed: it was xfs, and is ext4 now; write format=xfs again, "
            "or purge the resource and make it anew",
            "place.zone: it cannot be changed: it was b, and is a now; write place.zone=b again, "
            "or purge the resource and make it anew",
            "size: it is too large; write size=1000 or less",
        ]
        await nomad.variables.delete(PATH)
        await nomad.declare(PATH, format="ext4")
        await ready(nomad, Disk, "one")
    assert reconciler.sizes == [10, 10]


@virtual_time
async def test_what_was_accepted_stays_so_until_it_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    nomad = MemoryNomad()
    async with running(nomad, DiskReconciler()):
        await nomad.declare(PATH, size="20")
        await ready(nomad, Disk, "one")
    monkeypatch.setattr(Disk, "allowed", 15)
    reconciler = DiskReconciler()
    async with running(nomad, reconciler):
        await eventually(lambda: reconciler.sizes == [20])
        await nomad.declare(PATH, size="21")
        assert await refused(nomad) == "size: it is too large; write size=15 or less"


@virtual_time
async def test_a_check_that_fails_is_told_and_its_neighbour_is_undisturbed() -> None:
    nomad, reconciler = MemoryNomad(), DiskReconciler()
    async with running(nomad, reconciler):
        await nomad.declare("resources/test/disk/raising", size="1")
        await nomad.declare("resources/test/disk/broken", size="2")
        await nomad.declare(PATH, size="3")
        await ready(nomad, Disk, "one")
        assert await refused(nomad, "raising") == "spec: no disk is called so"
        assert await refused(nomad, "broken") == "spec: the operator failed to check it: KeyError: 'broken'"
    assert reconciler.sizes == [3]


def test_a_field_that_was_none_may_be_set_once() -> None:
    assert changed_immutables(Disk.Spec(), Disk.Spec(id="x")) == []
    (problem,) = changed_immutables(Disk.Spec(id="x" * 100), Disk.Spec())
    assert problem.reason == f"it cannot be changed: it was {'x' * 45}…"


def test_immutable_fields_are_named_by_their_paths() -> None:
    class Aliased(BaseModel):
        own: Annotated[int, Immutable] = Field(default=1, alias="ownName")
        maybe: Place | None = None

    class Endless(BaseModel):
        name: Annotated[str, Immutable]
        inner: "Endless | None" = None

    assert immutable_fields(Disk.Spec) == ("format", "place.zone", "id")
    assert immutable_fields(Aliased) == ("ownName", "maybe.zone")
    assert immutable_fields(Endless) == ("name",)


@pytest.mark.parametrize("annotation", [list[Place], dict[str, Place], list[Annotated[str, Immutable]], Place | int])
def test_a_mark_that_no_path_can_name_is_refused(annotation: Any) -> None:
    spec = type("Spec", (BaseModel,), {"__annotations__": {"field": annotation}})
    with pytest.raises(TypeError, match="field: put Immutable on the whole field, not inside of it"):
        type("Bad", (Resource,), {"Spec": spec}, group="a", kind="b")
