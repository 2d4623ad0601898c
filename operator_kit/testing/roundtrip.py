"""Generated tests that nothing of a spec is lost on any of its ways.

    from operator_kit.testing import roundtrip

    TestWebsite = roundtrip(Website)

makes a class of tests for pytest, one for each way, with specs that hypothesis thinks of:

    items of each version → model → items     what the kit writes reads back as the same
    the hub → last applied spec → the hub     what was applied can be undone
    each spoke → hub → spoke                  a user of an older version gets back what was written

The way from the hub to a spoke and back is not among them: the hub may say what an older version cannot.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from operator_kit.crd_store.codec import decode, encode
from operator_kit.resource import Resource
from operator_kit.testing.specs import specs

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def roundtrip(kind: type[Resource], strategies: "Mapping[Any, SearchStrategy[Any]] | None" = None) -> type:
    """A class of tests for all versions of a kind; `strategies` has those to be used for a type or a model.

    Raises:
        ImportError: hypothesis is not installed.
    """
    versions = kind.versions
    tests: dict[str, Any] = {}
    for name in versions.names:
        values = specs(versions.spec_of(name), strategies)
        tests[f"test_items_of_{name}_are_canonical"] = _test(values, _canonical)
        if name != versions.hub:
            tests[f"test_{name}_survives_the_way_to_{versions.hub}_and_back"] = _test(values, _survives(kind, name))
    tests["test_the_last_applied_spec_is_remembered_whole"] = _test(specs(kind.Spec, strategies), _remembered(kind))
    return type(f"Test{kind.__name__}", (), {**tests, "__doc__": f"Nothing of a {kind.kind} is lost on its ways."})


def _test(values: "SearchStrategy[Any]", check: Callable[[Any], None]) -> Any:
    from hypothesis import given

    @given(spec=values)
    def test(self: Any, spec: BaseModel) -> None:
        check(spec)

    return test


def _canonical(spec: BaseModel) -> None:
    items = encode(spec)
    again = decode(type(spec), items)
    assert again == spec, f"the items {items} read back as {again!r}, not as {spec!r}"
    assert encode(again) == items


def _remembered(kind: type[Resource]) -> Callable[[BaseModel], None]:
    def check(spec: BaseModel) -> None:
        again = kind.versions.load(spec.model_dump(mode="json", by_alias=True), kind.version)
        assert again == spec, f"remembered as {again!r}, not as {spec!r}"

    return check


def _survives(kind: type[Resource], version: str) -> Callable[[BaseModel], None]:
    spoke = kind.versions.spokes[version]

    def check(spec: BaseModel) -> None:
        hub = spoke.up(spec)
        assert isinstance(hub, kind.Spec), f"up gave a {type(hub).__qualname__}, not a {kind.Spec.__qualname__}"
        back = kind.versions.down(hub, version)
        assert back == spec, f"{spec!r} became {hub!r}, and that {back!r}"

    return check
