import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.crd_store.yaml_text import MAX_DEPTH, YamlError, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("y", "y"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("=", "="),
        ("1_000", "1_000"),
        ("true", True),
        ("~", None),
        ("", None),
        ("-5", -5),
        ("0x1F", 31),
        ("0o17", 15),
        ("0755", 493),
        ("09", 9),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", "18446744073709551616"),
        ("9" * 6000, "9" * 6000),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ('{"a": [1, "b"]}', {"a": [1, "b"]}),
        ("a: &a {k: 1, l: 1}\nb: {<<: *a, k: 2}", {"a": {"k": 1, "l": 1}, "b": {"k": 2, "l": 1}}),
    ],
)
def test_reads_scalars_as_yaml_1_2_does(text: str, value: object) -> None:
    assert load_yaml(text) == value
    assert type(load_yaml(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n  b: [1", "line 3: "),
        ("a: {b: 1}\nc: 1\na: 2", 'line 3: the key "a" is given twice'),
        ("a: 1\n---\nb: 2", "line 2: a second document begins"),
        ("a: &x [*x]", r"line 1: \*x contains itself"),
        ("a: *missing", "line 1: found undefined alias"),
        ("!!timestamp x", "line 1: the tag !!timestamp is not supported"),
        ("!!python/object:os.system x", "line 1: the tag !!python/object:os.system is not supported"),
        ("{[a]: b}", "line 1: found unhashable key"),
        ("a: \x00", "control characters are not allowed"),
        ("a: \ud800", "surrogates not allowed"),
    ],
)
def test_says_what_is_wrong_and_in_which_line(text: str, message: str) -> None:
    with pytest.raises(YamlError, match=message) as error:
        load_yaml(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_that_would_overflow_the_stack_is_refused(opening: str) -> None:
    with pytest.raises(YamlError, match=f"nested deeper than {MAX_DEPTH} levels"):
        load_yaml(opening * 30_000)


@pytest.mark.parametrize("use", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_expand_without_bound_are_refused(use: str) -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {use.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 12)]
    with pytest.raises(YamlError, match="more than 50000 values, aliases expanded"):
        load_yaml("\n".join(lines))


@given(st.text(alphabet=st.sampled_from("ab01:-?&*!|>'\"{}[],#%@`~<= \n\t.\\ü\ud800\x00"), max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(YamlError):
        load_yaml(text)
