"""A value that is known to be secret is not seen in what is written, in whatever form it got there."""

import json
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.masking import SHORTEST, Mask


def mask_of(*values: str) -> Mask:
    mask = Mask()
    for value in values:
        mask.add(value)
    return mask


@given(st.text(min_size=SHORTEST, max_size=20), st.text(max_size=5), st.text(max_size=5))
def test_no_common_form_of_a_value_is_seen(value: str, before: str, after: str) -> None:
    mask = mask_of(value)
    in_json = json.dumps({"key": value}, ensure_ascii=False)
    for form in (value, in_json, json.dumps(value), json.dumps(in_json, ensure_ascii=False), repr(value), quote(value)):
        # A mask's own asterisks, or what is around, may make up the value again; nothing can be done about that.
        masked = mask.text(f"{before}{form}{after}")
        assert value not in masked.replace("***", "") or value in mask.text(f"{before}{after}")


def test_a_value_within_another_does_not_spoil_it() -> None:
    assert mask_of("abcd", "abcdefgh").text("abcdefgh and abcd") == "*** and ***"


def test_what_is_too_short_would_mask_half_of_every_sentence() -> None:
    assert mask_of("", "a", "abc").text("abc") == "abc"
    assert not mask_of("abc")


def test_data_keeps_its_shape() -> None:
    mask = mask_of("hidden")
    data = {"hidden": "x", "list": ["a hidden one", 5, None, True], "deep": {"text": ("hidden",)}}
    assert mask.data(data) == {"hidden": "x", "list": ["a *** one", 5, None, True], "deep": {"text": ["***"]}}


def test_of_the_kits_own_fields_only_words_for_people_are_masked() -> None:
    items = {
        "conditions": '[{"type":"Ready","reason":"Ready","message":"Ready it is not"}]',
        "fleets": '{"web":{"failed":{"Ready":"not Ready"}}}',
        "lastApplied": '{"spec":{"text":"Ready"}}',
        "own": "Ready",
        "ownList": '["Ready",5]',
    }
    masked = mask_of("Ready").items(items, frozenset({"conditions", "fleets", "lastApplied"}), frozenset({"lastApplied"}))
    assert masked == {
        "conditions": '[{"type":"Ready","reason":"Ready","message":"*** it is not"}]',
        "fleets": '{"web":{"failed":{"Ready":"not ***"}}}',
        "lastApplied": '{"spec":{"text":"Ready"}}',
        "own": "***",
        "ownList": '["***",5]',
    }


@given(st.dictionaries(st.text(max_size=4), st.recursive(st.text(max_size=8) | st.integers(0, 9), st.lists)))
def test_masked_items_stay_readable(data: dict[str, Any]) -> None:
    items = {"field": orjson.dumps(data).decode()}
    masked = mask_of('",":', "null", "\\\\\\\\", "0000").items(items, frozenset(), frozenset())
    assert set(orjson.loads(masked["field"])) == set(data)


@pytest.mark.parametrize("line", ["password=hidden", b"password=hidden", {"event": "hidden"}])
def test_a_finished_line_is_masked_whatever_its_type(line: Any) -> None:
    masked = mask_of("hidden").line(None, "info", line)
    assert type(masked) is type(line)
    assert "hidden" not in str(masked)
