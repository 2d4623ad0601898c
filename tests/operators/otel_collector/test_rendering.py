import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.crd_store.yaml_text import load_yaml
from operators.otel_collector.rendering import render

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_the_text_reads_back_as_the_same_configuration(config: dict[str, Any]) -> None:
    assert load_yaml(render(config).text) == config


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(config: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {key: shuffled(item) for key, item in items}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert render(shuffled(config)) == render(config)


def test_the_hash_is_that_of_the_text() -> None:
    rendered = render({"b": 1, "a": ["ü"]})
    assert rendered.text == "a:\n- ü\nb: 1\n"
    assert rendered.sha256 == hashlib.sha256(rendered.text.encode()).hexdigest()
    assert render({"b": 2, "a": ["ü"]}).sha256 != rendered.sha256


@pytest.mark.parametrize("text", ["on", "1e3", "0o14", "12:30", "2024-01-01", "~", "<<", "=", "0x1", ".5", ""])
def test_text_that_could_be_taken_for_something_else_is_quoted(text: str) -> None:
    assert render({"a": text}).text == f"a: '{text}'\n"


def test_expressions_for_the_collector_and_long_lines_survive() -> None:
    text = "${env:X} {{ .Value }} $$1 " + "word " * 100
    assert render({"a": text}).text == f"a: '{text}'\n"


def test_shared_parts_are_written_out() -> None:
    shared = {"x": [1]}
    assert "&" not in render({"a": shared, "b": shared}).text
