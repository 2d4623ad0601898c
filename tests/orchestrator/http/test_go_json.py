"""Request bodies: read as Go reads them, refused with Go's words."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.models import Job
from orchestrator.errors import APIError
from orchestrator.http import go_json


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Request body is empty"),
        (b"{", "unexpected EOF"),
        (b'{"Job":', "unexpected EOF"),
        (b'{"a', "unexpected EOF"),
        (b"{nope", "invalid character 'n' looking for beginning of object key string"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b"nope", "invalid character 'o' in literal null (expecting 'u')"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b'{"a":"\x01"}', "invalid character '\\x01' in string literal"),
        (b"NaN", "invalid character 'N' looking for beginning of value"),
        ("\ufeff{}".encode(), "invalid character 'ï' looking for beginning of value"),
    ],
)
def test_what_go_refuses(body: bytes, message: str) -> None:
    with pytest.raises(APIError) as caught:
        go_json.decode(body)
    assert (caught.value.status, caught.value.message) == (400, message)


def test_what_follows_the_first_value_is_ignored_and_lone_surrogates_are_replaced() -> None:
    assert go_json.decode(b'{"a":1} trailing') == {"a": 1}
    assert go_json.decode(rb'{"k":"\ud800"}') == {"k": "\ufffd"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"ID": 5}, "json: cannot unmarshal number into Go struct field Job.Job.ID of type string"),
        (
            {"TaskGroups": [{"Count": "two"}]},
            "json: cannot unmarshal string into Go struct field TaskGroup.Job.TaskGroups.Count of type int",
        ),
    ],
)
def test_a_wrong_type_is_told_with_its_path(value: object, message: str) -> None:
    with pytest.raises(APIError) as caught:
        go_json.convert(value, Job, within="Job")
    assert caught.value.message == message


def test_unknown_keys_are_dropped() -> None:
    assert "Novelty" not in go_json.convert({"ID": "a", "Novelty": 1}, Job).to_wire()


@given(st.binary(max_size=60))
def test_whatever_comes_it_is_a_value_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(APIError):
        go_json.decode(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_a_value_cut_short_is_refused_and_never_misread(value: object) -> None:
    whole = json.dumps({"value": value}).encode()
    assert go_json.decode(whole) == {"value": value}
    for cut in range(1, len(whole)):
        with pytest.raises(APIError):
            go_json.decode(whole[:cut])
