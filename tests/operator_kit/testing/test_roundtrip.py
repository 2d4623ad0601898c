"""The generated tests pass for what is lossless, and find what is not."""

import sys
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from pydantic import BaseModel, Field, field_validator

from nomad_api.duration import Duration
from operator_kit import Resource
from operator_kit.crd_store.versions import Version
from operator_kit.secrets import SecretRef
from operator_kit.testing import roundtrip
from operator_kit.testing.specs import specs


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Port(BaseModel):
    label: str = Field(pattern="^[a-z]{2,5}$")
    number: int = Field(default=80, ge=1, le=65535)


class Tree(BaseModel):
    name: str = ""
    children: list["Tree"] = Field(default=[], max_length=2)


class PageV1(Version, version="v1"):
    class Spec(BaseModel):
        text: str = Field(pattern=r"^[^\t]*$")
        ports: list[Port] = Field(default=[], max_length=2)

    @staticmethod
    def up(spec: "PageV1.Spec") -> "Page.Spec":
        return Page.Spec(content=spec.text, pages=[], ports={str(n): port for n, port in enumerate(spec.ports)}, tags=["a"])

    @staticmethod
    def down(spec: "Page.Spec") -> "PageV1.Spec":
        return PageV1.Spec(text=spec.content, ports=[spec.ports[key] for key in sorted(spec.ports)])


class Page(Resource, group="test", kind="page", version="v2", versions=[PageV1]):
    class Spec(BaseModel):
        content: str
        mode: Literal["fast", "slow"] = "fast"
        color: Color = Color.RED
        count: int | None = None
        ratio: float = Field(default=0.5, ge=0, lt=1)
        wait: Duration = 0
        since: datetime | None = None
        secret: SecretRef | None = None
        pages: list[Tree] = Field(max_length=1)
        ports: dict[str, Port] = {}
        tags: Annotated[list[str], Field(min_length=1)]
        options: dict[str, Any] = {}

        @field_validator("content")
        @classmethod
        def has_no_tabs(cls, content: str) -> str:
            if "\t" in content:
                raise ValueError("no tabs")
            return content


TestPage = roundtrip(Page, {datetime: st.datetimes(max_value=datetime(2100, 1, 1))})


def test_a_test_is_made_for_every_way() -> None:
    assert sorted(name for name in vars(TestPage) if name.startswith("test_")) == [
        "test_items_of_v1_are_canonical",
        "test_items_of_v2_are_canonical",
        "test_the_last_applied_spec_is_remembered_whole",
        "test_v1_survives_the_way_to_v2_and_back",
    ]


def forgetting(up: Any, down: Any) -> Any:
    body = {"Spec": PageV1.Spec, "up": staticmethod(up), "down": staticmethod(down)}
    spoke = type("Forgetting", (Version,), body, version="v1")
    kind: Any = type("Bad", (Resource,), {"Spec": Page.Spec}, group="test", kind="bad", version="v2", versions=[spoke])
    return roundtrip(kind)()


def test_what_a_conversion_loses_is_found() -> None:
    with pytest.raises(AssertionError, match="became"):
        forgetting(PageV1.up, lambda spec: PageV1.Spec(text=spec.content)).test_v1_survives_the_way_to_v2_and_back()
    with pytest.raises(AssertionError, match=r"up gave a PageV1\.Spec, not a Page\.Spec"):
        forgetting(lambda spec: spec, PageV1.down).test_v1_survives_the_way_to_v2_and_back()


def test_what_a_conversion_refuses_is_found() -> None:
    def refusing(spec: PageV1.Spec) -> Page.Spec:
        if len(spec.text) > 3:
            raise ValueError("too long")
        return PageV1.up(spec)

    with pytest.raises(ValueError, match="too long"):
        forgetting(refusing, PageV1.down).test_v1_survives_the_way_to_v2_and_back()


def test_what_items_cannot_say_is_found() -> None:
    class Unsayable(Resource, group="test", kind="unsayable"):
        class Spec(BaseModel):
            count: int | None = 5

    with pytest.raises(AssertionError, match="read back as"):
        roundtrip(Unsayable)().test_items_of_v1_are_canonical()  # type: ignore[attr-defined]


@given(specs(Page.Spec))
def test_generated_specs_keep_to_the_limits(spec: Page.Spec) -> None:
    assert "\t" not in spec.content
    assert len(spec.tags) >= 1
    assert all(2 <= len(port.label) <= 5 and 1 <= port.number <= 65535 for port in spec.ports.values())


@pytest.mark.parametrize(
    "wanted",
    [
        lambda spec: spec.mode == "slow" and spec.color is Color.BLUE,
        lambda spec: bool(spec.pages and spec.secret),
        lambda spec: bool(spec.ports) and spec.count not in (None, 0),
    ],
)
def test_generated_specs_reach_every_field(wanted: Any) -> None:
    try:
        find(specs(Page.Spec), wanted)
    except NoSuchExample:
        pytest.fail("no such spec is ever made")


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match="generated specs need hypothesis, a dependency of tests: pip install hypothesis"):
        roundtrip(Page)
