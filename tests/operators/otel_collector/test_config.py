import contextlib
import datetime
import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.crd_store.yaml_text import load_yaml
from operators.otel_collector.config import effective_config, read_config
from operators.otel_collector.findings import ConfigError
from operators.otel_collector.ports import infer_ports, with_ports
from operators.otel_collector.rendering import render

MINIMAL = """
receivers:
  otlp:
    protocols:
      grpc:
      http:
exporters:
  debug: {}
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debug]
"""


def with_receiver(name: str, settings: Any) -> dict[str, Any]:
    return {
        "receivers": {name: settings},
        "exporters": {"debug": {}},
        "service": {"pipelines": {"logs": {"receivers": [name], "exporters": ["debug"]}}},
    }


def test_text_and_mapping_give_the_same() -> None:
    assert effective_config(MINIMAL) == effective_config(load_yaml(MINIMAL))


def test_a_minimal_configuration_becomes_useful() -> None:
    effective = effective_config(MINIMAL)
    assert effective.warnings == ()
    assert effective.config == {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "0.0.0.0:4317"}, "http": {"endpoint": "0.0.0.0:4318"}}}},
        "exporters": {"debug": {}},
        "extensions": {"health_check": {"endpoint": "0.0.0.0:13133", "path": "/"}},
        "service": {
            "extensions": ["health_check"],
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}},
            "telemetry": {
                "metrics": {
                    "readers": [
                        {
                            "pull": {
                                "exporter": {
                                    "prometheus": {
                                        "host": "0.0.0.0",
                                        "port": 8888,
                                        "without_scope_info": True,
                                        "without_type_suffix": True,
                                        "without_units": True,
                                    }
                                }
                            }
                        }
                    ]
                }
            },
        },
    }


def test_filling_in_again_changes_nothing() -> None:
    once = effective_config(MINIMAL).config
    assert effective_config(once).config == once


def test_the_source_is_not_changed() -> None:
    source = load_yaml(MINIMAL)
    effective_config(source)
    assert source == load_yaml(MINIMAL)


def test_all_problems_come_in_one_error() -> None:
    source = with_receiver("otlp", {"protocols": {"grpc": {"endpoint": "localhost"}}})
    source["service"]["pipelines"]["logs"]["exporters"] = ["debugg"]
    with pytest.raises(ConfigError) as error:
        effective_config(source)
    assert error.value.problems == (
        'service.pipelines.logs.exporters: "debugg" is not declared under exporters (declared: debug); did you mean "debug"?',
        'receivers.otlp.protocols.grpc.endpoint: "localhost" names no port; write "localhost:4317"',
    )
    assert str(error.value) == "; ".join(error.value.problems)


def test_an_empty_component_becomes_an_empty_mapping() -> None:
    effective = effective_config(with_receiver("nop", None))
    assert effective.config["receivers"] == {"nop": {}}
    assert effective.warnings == ("receivers.nop: is empty and taken as {}; write {} to say so",)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "config: expected a mapping, found nothing; it has receivers, exporters and service"),
        ("text", "config: expected a mapping, found text; it has receivers, exporters and service"),
        ([1], "config: expected a mapping, found a list; it has receivers, exporters and service"),
        ("a: [1", "config: not YAML: line 2: did not find expected ',' or ']'"),
        (
            {"receivers": {"x": datetime.date(2024, 1, 1)}},
            "receivers.x: found a date; write text, a number, a boolean, a list or a mapping",
        ),
        ({"receivers": {True: {}}}, "receivers: a key is a boolean; write it as text, in quotes"),
        ({"receivers": {1: {}, "1": {}}}, "receivers.1: the key is given twice"),
        ({"receivers": {"x": {"y": ["\ud800"]}}}, "receivers.x.y[0]: the text has characters that are not Unicode"),
        ({"x": 2**64}, "x: the number does not fit into 64 bits"),
        ({"x": float("nan")}, "x: not a number (NaN)"),
    ],
)
def test_what_cannot_be_read_is_named(source: Any, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_config(source)
    assert error.value.problems == (problem,)


def test_a_configuration_without_bounds_is_refused() -> None:
    deep: dict[str, Any] = {}
    deep["again"] = deep
    with pytest.raises(ConfigError, match="more than 64 levels deep"):
        read_config(deep)
    with pytest.raises(ConfigError, match="more than 50000 values"):
        read_config({"x": list(range(60_000))})


def test_numbers_as_keys_and_members_of_enumerations_become_plain() -> None:
    class Level(enum.StrEnum):
        NONE = "none"

    config = read_config({"a": {200: Level.NONE}, "b": ("x",)})
    assert config == {"a": {"200": "none"}, "b": ["x"]}
    assert type(config["a"]["200"]) is str


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=8)
    | st.binary(max_size=3)
    | st.dates()
    | st.sampled_from(["otlp", "health_check", ":4317", "localhost", "${env:X}", "0.0.0.0:${env:P}", "none", "[::1]:1"])
)
KEYS = st.sampled_from(
    "receivers processors exporters connectors extensions service pipelines traces logs/2 telemetry metrics readers "
    "pull exporter prometheus address level host port otlp otlp/2 jaeger syslog tcp_log unknown health_check zpages "
    "protocols grpc http thrift_compact endpoint listen_address transport tls path".split()
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | SCALARS, inner, max_size=4),
    max_leaves=20,
)
"""Anything at all, with the words of real configurations."""


COMPONENTS = st.dictionaries(KEYS, VALUES, max_size=3) | VALUES
IDS = st.lists(KEYS, max_size=3) | VALUES
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("receivers", "processors", "exporters", "connectors", "extensions"), COMPONENTS),
        "service": VALUES
        | st.fixed_dictionaries(
            {
                "pipelines": VALUES
                | st.fixed_dictionaries(
                    {"traces": VALUES | st.fixed_dictionaries({"receivers": IDS, "processors": IDS, "exporters": IDS})}
                )
            },
            optional={
                "extensions": IDS,
                "telemetry": VALUES | st.fixed_dictionaries({"metrics": VALUES}),
            },
        ),
    },
)
"""Mostly configurations of the right shape, with anything inside, so that every check is reached."""

RUNNABLE = st.builds(
    lambda receivers, extensions, metrics: {
        "receivers": receivers,
        "exporters": {"debug": {}},
        "extensions": extensions,
        "service": {
            "telemetry": {"metrics": metrics},
            "extensions": list(extensions),
            "pipelines": {"traces": {"receivers": list(receivers), "exporters": ["debug"]}},
        },
    },
    st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=3), min_size=1, max_size=3),
    st.dictionaries(KEYS, VALUES, max_size=2),
    VALUES,
)
"""Sound in structure, with anything as the settings of components."""


@given(CONFIGS | RUNNABLE | VALUES, st.booleans(), st.sampled_from(["bridge", "host-static", "host-dynamic"]))
def test_nothing_but_a_config_error_is_ever_raised(source: Any, health_check: bool, mode: Any) -> None:
    with contextlib.suppress(ConfigError):
        effective = effective_config(source, health_check=health_check)
        config = with_ports(effective.config, infer_ports(effective.config), mode)
        assert load_yaml(render(config).text) == config
