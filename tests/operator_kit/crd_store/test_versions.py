"""Older versions of a kind are read, converted, and never change their meaning behind a user's back."""

from typing import Any

import pytest
from pydantic import BaseModel

from operator_kit import Context, Reconciler, Resource
from operator_kit.crd_store.codec import InvalidItems
from operator_kit.crd_store.versions import Version
from operator_kit.testing import MemoryNomad, eventually, ready, running, status_of, virtual_time

PATH = "resources/test/site/one"


class SiteV1(Version, version="v1", deprecated="say replicas"):
    class Spec(BaseModel):
        size: int = 1

    @staticmethod
    def up(spec: "SiteV1.Spec") -> "Site.Spec":
        if spec.size < 0:
            raise ValueError("a size is not negative")
        return Site.Spec(replicas=spec.size)

    @staticmethod
    def down(spec: "Site.Spec") -> "SiteV1.Spec":
        return SiteV1.Spec(size=spec.replicas)


class Site(Resource, group="test", kind="site", version="v2", versions=[SiteV1]):
    class Spec(BaseModel):
        replicas: int = 3


class FormerSite(Resource, group="test", kind="site", version="v1"):
    """What was deployed before there was a v2."""

    Spec = SiteV1.Spec


class LaterSite(Resource, group="test", kind="site", version="v2", versions=[SiteV1], stored="v2"):
    """What is deployed when most users have moved to v2."""

    Spec = Site.Spec


class LastSite(Resource, group="test", kind="site", version="v2"):
    """What is deployed when v1 is given up."""

    Spec = Site.Spec


def operator(kind: type[Resource], log: list[dict[str, Any]]) -> Reconciler[Any]:
    class SiteReconciler(Reconciler[kind]):  # type: ignore[valid-type]
        async def reconcile(self, resource: Any, ctx: Context[Any]) -> None:
            log.append({"reconcile": resource.written_as, **resource.spec.model_dump()})

        async def finalize(self, resource: Any, ctx: Context[Any]) -> None:
            log.append({"finalize": resource.written_as, **resource.spec.model_dump()})

    return SiteReconciler()


async def see(nomad: MemoryNomad, kind: type[Resource]) -> dict[str, Any]:
    """What the operator of that kind reconciles when it starts."""
    log: list[dict[str, Any]] = []
    async with running(nomad, operator(kind, log)):
        await eventually(lambda: bool(log) or refusal(nomad, kind) != "")
    return log[-1] if log else {}


def refusal(nomad: MemoryNomad, kind: type[Resource]) -> str:
    status = status_of(nomad, kind, "one")
    accepted = status.condition("Accepted") if status else None
    now = nomad.cluster.variables[PATH]["ModifyIndex"]
    return accepted.message if accepted and (accepted.status, accepted.observed_generation) == ("False", now) else ""


def message(kind: type[Resource], items: dict[str, str], version: str, *, named: bool = True) -> str:
    with pytest.raises(InvalidItems) as caught:
        kind.versions.decode(items, version, named=named)
    return str(caught.value)


def test_a_spoke_is_read_in_its_own_words_and_converted() -> None:
    assert Site.versions.decode({"size": "5"}, "v1") == Site.Spec(replicas=5)
    assert Site.versions.decode({"replicas": "5"}, "v2") == Site.Spec(replicas=5)
    assert Site.versions.load({"size": 5}, "v1") == Site.Spec(replicas=5)
    assert Site.versions.down(Site.Spec(replicas=5), "v1") == SiteV1.Spec(size=5)
    assert Site.versions.down(Site.Spec(replicas=5), "v2") == Site.Spec(replicas=5)


def test_mistakes_are_told_in_the_words_of_the_version() -> None:
    assert message(Site, {"replicas": "5"}, "v1").startswith("replicas: unknown key; known here: size")
    assert message(Site, {"siez": "5"}, "v1", named=False).splitlines() == [
        "siez: unknown key; did you mean size?",
        "operator.version: it is not given, so the items were read as v1; known: v1, v2",
    ]
    assert message(Site, {"size": "-1"}, "v1") == (
        "operator.version: v1 cannot be converted to v2: a size is not negative; "
        "rewrite the resource, and say operator.version=v2"
    )
    assert message(Site, {}, "v11") == 'operator.version: the operator knows no version "v11", only v1, v2; did you mean v1?'
    assert message(LastSite, {"size": "1"}, "v2", named=False) == "size: unknown key; known here: replicas"


def test_a_conversion_that_fails_in_any_way_concerns_its_resource_alone() -> None:
    class Broken(Version, version="v1"):
        Spec = SiteV1.Spec

        @staticmethod
        def up(spec: Any) -> Any:
            raise KeyError("size")

        @staticmethod
        def down(spec: Any) -> Any:
            return spec

    kind: Any = type("Kind", (Resource,), {"Spec": Site.Spec}, group="a", kind="b", version="v2", versions=[Broken])
    assert "v1 cannot be converted to v2: 'size'" in message(kind, {}, "v1")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"version": "v1", "versions": [SiteV1]}, 'version "v1" is declared twice'),
        ({"version": "v2", "versions": [SiteV1], "stored": "v3"}, 'stored="v3" is none of the versions v1, v2'),
    ],
)
def test_names_of_versions_must_fit_together(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        type("Bad", (Resource,), {"Spec": Site.Spec}, group="a", kind="b", **arguments)


@pytest.mark.parametrize(
    ("arguments", "body", "reason"),
    [
        ({}, {}, "needs the name of its version"),
        ({"version": "v1"}, {}, "needs a nested class Spec"),
        ({"version": "v1"}, {"Spec": SiteV1.Spec}, r"needs a static method up\(spec\)"),
        ({"version": "v1"}, {"Spec": SiteV1.Spec, "up": staticmethod(str)}, r"needs a static method down\(spec\)"),
    ],
)
def test_a_spoke_must_be_whole(arguments: dict[str, Any], body: dict[str, Any], reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        type("Bad", (Version,), body, **arguments)


@virtual_time
async def test_a_resource_says_its_version_or_is_of_the_stored_one() -> None:
    nomad = MemoryNomad()
    log: list[dict[str, Any]] = []
    async with running(nomad, operator(Site, log)):
        await nomad.declare(PATH, size="5")
        status = await ready(nomad, Site, "one")
        assert status.condition("Accepted").message == "version v1 is deprecated: say replicas"
        await nomad.declare("resources/test/site/two", replicas="6", operator__version="v2")
        status = await ready(nomad, Site, "two")
        assert status.condition("Accepted").message == ""
    assert log == [{"reconcile": "v1", "replicas": 5}, {"reconcile": "v2", "replicas": 6}]
    assert status.last_applied is not None
    assert (status.last_applied.version, status.last_applied.written_as) == ("v2", "v2")


@virtual_time
async def test_no_upgrade_of_the_operator_changes_what_a_resource_means() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, size="5")
    assert await see(nomad, FormerSite) == {"reconcile": "v1", "size": 5}
    assert await see(nomad, Site) == {"reconcile": "v1", "replicas": 5}
    assert await see(nomad, LaterSite) == {"reconcile": "v1", "replicas": 5}
    await nomad.declare(PATH, size="6")
    assert await see(nomad, LaterSite) == {"reconcile": "v1", "replicas": 6}
    assert await see(nomad, LastSite) == {}
    assert 'the operator knows no version "v1", only v2' in refusal(nomad, LastSite)
    await nomad.declare(PATH, replicas="7", operator__version="v2")
    assert await see(nomad, LastSite) == {"reconcile": "v2", "replicas": 7}


@virtual_time
async def test_a_resource_made_anew_is_a_new_one_for_its_version_too() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, size="5")
    await see(nomad, Site)
    await nomad.variables.delete(PATH)
    await nomad.declare(PATH, replicas="8")
    log: list[dict[str, Any]] = []
    async with running(nomad, operator(LaterSite, log)):
        await ready(nomad, LaterSite, "one")
    assert log == [{"finalize": "v1", "replicas": 5}, {"reconcile": "v2", "replicas": 8}]


@virtual_time
async def test_what_an_older_operator_applied_is_finalized_by_a_newer_one() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, size="5")
    await see(nomad, FormerSite)
    await nomad.variables.delete(PATH)
    log: list[dict[str, Any]] = []
    async with running(nomad, operator(Site, log)):
        await eventually(lambda: status_of(nomad, Site, "one") is None)
    assert log == [{"finalize": "v1", "replicas": 5}]


@virtual_time
async def test_the_memory_of_a_resource_moves_to_the_newest_version_at_the_first_look() -> None:
    nomad = MemoryNomad()
    await nomad.declare(PATH, size="5")
    await see(nomad, FormerSite)
    await see(nomad, Site)
    await nomad.variables.delete(PATH)
    log: list[dict[str, Any]] = []
    async with running(nomad, operator(LastSite, log)):
        await eventually(lambda: status_of(nomad, LastSite, "one") is None)
    assert log == [{"finalize": "v1", "replicas": 5}]
