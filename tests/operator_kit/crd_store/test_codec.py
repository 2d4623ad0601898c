"""Items as people type them become specs; specs become canonical items and back; mistakes are told well."""

import json
from datetime import datetime
from enum import Enum
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from nomad_api.duration import SECOND, Duration
from operator_kit.crd_store.codec import InvalidItems, decode, encode, split_labels, validate


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Limits(BaseModel):
    cpu: int = 0
    memory: int = 64


class Port(BaseModel):
    label: str
    number: int = Field(default=80, ge=1)


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = ""


class Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str = ""
    limits: Limits = Limits()


class Camel(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    max_size: int = Field(default=1, alias="maxSize")


class Spec(BaseModel):
    image: str = ""
    mode: Literal["deployment", "daemonset"] = "deployment"
    color: Color = Color.RED
    replicas: int = 1
    ratio: float = 0.5
    debug: bool = False
    wait: Duration = 0
    since: datetime | None = None
    note: str | None = None
    limits: Limits = Limits()
    maybe: Limits | None = None
    args: list[str] = []
    numbers: list[int] = []
    ports: list[Port] = []
    env: dict[str, str] = {}
    sizes: dict[str, int] = {}
    pools: dict[str, Limits] = {}
    config: dict[str, Any] = {}
    config_or_text: dict[str, Any] | str = ""
    open: Open = Open()
    camel: Camel = Camel()


def problems(items: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidItems) as caught:
        decode(Spec, items)
    return list(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("items", "field", "value"),
    [
        ({"image": "8080"}, "image", "8080"),
        ({"image": "{a}"}, "image", "{a}"),
        ({"image": " two words "}, "image", " two words "),
        ({"mode": "daemonset"}, "mode", "daemonset"),
        ({"color": "blue"}, "color", Color.BLUE),
        ({"replicas": "3"}, "replicas", 3),
        ({"replicas": " 3\n"}, "replicas", 3),
        ({"ratio": "0.25"}, "ratio", 0.25),
        ({"debug": "true"}, "debug", True),
        ({"debug": "no"}, "debug", False),
        ({"wait": "30s"}, "wait", 30 * SECOND),
        ({"since": "2026-01-02T03:04:05Z"}, "since", datetime.fromisoformat("2026-01-02T03:04:05+00:00")),
        ({"since": '"2026-01-02T03:04:05Z"', "limits.cpu": "1"}, "since", datetime.fromisoformat("2026-01-02T03:04:05+00:00")),
        ({"maybe": "null", "limits.cpu": "1"}, "maybe", None),
        ({"note": "null"}, "note", "null"),
        ({"limits.cpu": "500"}, "limits", Limits(cpu=500)),
        ({"limits": "cpu: 5"}, "limits", Limits(cpu=5)),
        ({"limits": '{"cpu": 5}', "limits.memory": "6"}, "limits", Limits(cpu=5, memory=6)),
        ({"limits": "cpu = 5"}, "limits", Limits(cpu=5)),
        ({"maybe.cpu": "1"}, "maybe", Limits(cpu=1)),
        ({"args": '["a", "b,c"]'}, "args", ["a", "b,c"]),
        ({"args": "- a\n- b\n"}, "args", ["a", "b"]),
        ({"args": "a, b"}, "args", ["a", "b"]),
        ({"args": "single"}, "args", ["single"]),
        ({"args.0": "a", "args.1": "b"}, "args", ["a", "b"]),
        ({"args": '["a", "b"]', "args.1": "c"}, "args", ["a", "c"]),
        ({"numbers": "1,2,3"}, "numbers", [1, 2, 3]),
        ({"numbers": "7"}, "numbers", [7]),
        ({"ports.0.label": "http", "ports.1.label": "tls", "ports.1.number": "443"}, "ports",
         [Port(label="http"), Port(label="tls", number=443)]),
        ({"env.PATH": "/bin", "env.a.b": "dots"}, "env", {"PATH": "/bin", "a.b": "dots"}),
        ({"sizes.a": "1"}, "sizes", {"a": 1}),
        ({"pools.gpu.cpu": "8"}, "pools", {"gpu": Limits(cpu=8)}),
        ({"config": "a: on\nb: 12:30\nc: [1, two]\n"}, "config", {"a": "on", "b": "12:30", "c": [1, "two"]}),
        ({"config.a.b": "5", "config.a.c": "text"}, "config", {"a": {"b": 5, "c": "text"}}),
        ({"config": "a: {b: 1}", "config.a.c": "2"}, "config", {"a": {"b": 1, "c": 2}}),
        ({"config_or_text": "a: 1"}, "config_or_text", "a: 1"),
        ({"config_or_text": '{"a": 1}'}, "config_or_text", {"a": 1}),
        ({"open.name": "x", "open.other": "1"}, "open", Open(name="x", other=1)),  # type: ignore[call-arg]
        ({"camel.maxSize": "4"}, "camel", Camel(max_size=4)),
        ({"camel.max_size": "4"}, "camel", Camel(max_size=4)),
    ],
)  # fmt: skip
def test_a_text_means_what_the_type_of_its_field_says(items: dict[str, str], field: str, value: object) -> None:
    assert getattr(decode(Spec, items), field) == value


DOCUMENT: dict[str, Any] = {
    "image": "nginx",
    "replicas": 3,
    "limits": {"cpu": 5},
    "ports": [{"label": "http"}, {"label": "tls", "number": 443}],
    "pools": {"gpu": {"cpu": 8}},
    "config": {"exporters": {"file": {"path": "/out"}}},
}
HCL = """
# a comment first
image    = "nginx"
replicas = 3
limits {
  cpu = 5
}
ports {
  label = "http"
}
ports {
  label  = "tls"
  number = 443
}
pools "gpu" {
  cpu = 8
}
config {
  exporters "file" {
    path = "/out"
  }
}
"""


@pytest.mark.parametrize(
    "text", [json.dumps(DOCUMENT), yaml.safe_dump(DOCUMENT), HCL, "# yaml\n" + yaml.safe_dump(DOCUMENT)], ids=str.__len__
)
def test_a_spec_document_may_be_json_yaml_or_hcl(text: str) -> None:
    assert decode(Spec, {"spec": text}) == Spec.model_validate(DOCUMENT)


def test_flat_items_override_parts_of_the_document() -> None:
    spec = decode(Spec, {"spec": json.dumps(DOCUMENT), "limits.memory": "128", "replicas": "5"})
    assert (spec.limits, spec.replicas, spec.image) == (Limits(cpu=5, memory=128), 5, "nginx")


def test_labels_are_apart_from_the_spec() -> None:
    items, labels = split_labels({"image": "x", "labels.team": "core", "labels.app.io/tier": "web"})
    assert (items, labels) == ({"image": "x"}, {"team": "core", "app.io/tier": "web"})


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({"replicsa": "3"}, ["replicsa: unknown key; did you mean replicas?"]),
        ({"limits.cpux": "3"}, ["limits.cpux: unknown key; did you mean limits.cpu?"]),
        ({"spec": '{"limits": {"cpux": 3}}'}, ["limits.cpux: unknown key; did you mean limits.cpu?"]),
        ({"ports": '[{"label": "a", "nubmer": 1}]'}, ["ports.0.nubmer: unknown key; did you mean ports.0.number?"]),
        ({"limits.": "3"}, ["limits.: unknown key; known here: cpu, memory"]),
        ({"": "3"}, [": unknown key; known here: " + ", ".join(sorted(Spec.model_fields))]),
        ({"limits.zzz": "3"}, ["limits.zzz: unknown key; known here: cpu, memory"]),
        ({"replicas": "three"}, [
            "replicas: input should be a valid integer, unable to parse string as an integer (it is \"three\"); "
            "write a whole number, such as replicas=3"]),
        ({"debug": "perhaps"}, [
            "debug: input should be a valid boolean, unable to interpret input (it is \"perhaps\"); "
            "write debug=true or debug=false"]),
        ({"mode": "x"}, ["mode: input should be 'deployment' or 'daemonset' (it is \"x\")"]),
        ({"wait": "soon"}, [
            "wait: \"soon\" is not a duration: write a number with a unit, such as 30s, 5m or 1h30m (it is \"soon\")"]),
        ({"ports.0.number": "5"}, ["ports.0.label: field required; add the item ports.0.label=…"]),
        ({"args.0": "a", "args.2": "c"}, ["args: its numbered values have a gap; number them from 0 without one"]),
        ({"args.first": "a"}, ['args.first: "first" is not a position in a list; number the values from 0']),
        ({"replicas.x": "1"}, ["replicas.x: a single value has no keys below it; leave out what follows the dot"]),
        ({"image": "x", "image.tag": "1"}, ["image.tag: image has a value of its own; set either image or keys below it"]),
        ({"config": "a: ["}, ["config: cannot be read as YAML: line 2: did not find expected node content"]),
        ({"config": "just text"}, [
            "config: input should be a valid dictionary (it is \"just text\"); "
            "write a mapping in JSON or YAML, or one item for each key: config.<name>=…"]),
        ({"spec": "[1, 2]"}, ["spec: is a list, not a mapping; give the fields of the spec as JSON, YAML or HCL"]),
        ({"spec": ""}, ["spec: is empty; give the fields of the spec as JSON, YAML or HCL"]),
    ],
)  # fmt: skip
def test_a_mistake_names_key_reason_and_cure(items: dict[str, str], expected: list[str]) -> None:
    assert problems(items) == expected


@pytest.mark.parametrize(("text", "what"), [("{bad", "as JSON"), ("a: b: c", "as YAML"), ("a = ", "as HCL"), ("a {", "as HCL")])
def test_a_document_that_cannot_be_read_says_as_what(text: str, what: str) -> None:
    (problem,) = problems({"spec": text})
    assert problem.startswith(f"spec: cannot be read {what}")


def test_all_mistakes_are_told_at_once_and_each_once() -> None:
    told = problems({"replicsa": "1", "debug": "x", "limits.cpux": "1"})
    assert sorted(problem.split(":")[0] for problem in told) == ["debug", "limits.cpux", "replicsa"]


def test_a_mistake_never_repeats_a_long_value() -> None:
    (problem,) = problems({"replicas": "x" * 10_000})
    assert len(problem) < 250


def test_an_authors_own_check_is_told_in_its_words() -> None:
    class Checked(BaseModel):
        port: int

        @field_validator("port")
        @classmethod
        def is_high(cls, port: int) -> int:
            if port < 1024:
                raise ValueError("choose a port above 1023")
            return port

    with pytest.raises(InvalidItems, match=r"^port: choose a port above 1023 \(it is 80\)$"):
        validate(Checked, {"port": 80})


def test_a_model_may_ask_to_ignore_what_it_does_not_know() -> None:
    assert decode(Lenient, {"name": "x", "other": "1", "other.deep": "2"}) == Lenient(name="x")
    assert validate(Lenient, {"name": "x", "other": {"deep": 1}}) == Lenient(name="x")
    with pytest.raises(InvalidItems, match=r"^limits\.cpux: unknown key"):
        decode(Lenient, {"limits": '{"cpux": 1}', "other": "1"})


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SPECS = st.builds(
    Spec,
    image=TEXT,
    mode=st.sampled_from(["deployment", "daemonset"]),
    color=st.sampled_from(Color),
    replicas=st.integers(-(2**31), 2**31),
    ratio=st.floats(allow_nan=False, allow_infinity=False),
    debug=st.booleans(),
    note=st.none() | TEXT,
    limits=st.builds(Limits, cpu=st.integers(0, 9)),
    maybe=st.none() | st.builds(Limits, cpu=st.integers(0, 9)),
    args=st.lists(TEXT, max_size=3),
    ports=st.lists(st.builds(Port, label=TEXT, number=st.integers(1, 9)), max_size=2),
    env=st.dictionaries(TEXT, TEXT, max_size=3),
    config=st.dictionaries(TEXT, JSON, max_size=3),
)


@given(SPECS)
def test_the_canonical_items_of_a_model_read_back_as_the_same_model(spec: Spec) -> None:
    items = encode(spec)
    assert decode(Spec, items) == spec
    assert encode(decode(Spec, items)) == items


@given(st.dictionaries(st.sampled_from([*Spec.model_fields, "spec", "limits.cpu", "args.0", "config.a", "nope"]), TEXT))
def test_no_items_do_worse_than_invalid(items: dict[str, str]) -> None:
    try:
        decode(Spec, items)
    except InvalidItems as error:
        assert error.problems  # noqa: PT017 (whichever way it goes is fine, but never another exception)
