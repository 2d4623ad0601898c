"""Whose fields are whose: the rules of server-side apply."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from operator_kit.apply.fields import conflicts, differences, fields_of, merged, restricted, text_of

VALUES = st.text(max_size=2) | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2)
KEYS = st.sampled_from(["Meta", "Name", "team", "operator.owner", "A"])
TREES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3), lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3), max_leaves=8
)


def owned(tree: Any) -> list[str]:
    return [text_of(path) for path in fields_of(tree)]


def test_paths_read_like_nomads_own() -> None:
    tree = {"Description": "x", "Meta": {"team": "core", "operator.owner": "p"}, "Capabilities": {"EnabledTaskDrivers": []}}
    assert owned(tree) == ["Description", "Meta[team]", "Meta[operator.owner]", "Capabilities.EnabledTaskDrivers"]


def test_what_is_not_named_stays_as_it_is() -> None:
    live = {"Meta": {"team": "core", "cost": "7"}, "Description": "theirs"}
    assert merged(live, {"Meta": {"team": "web"}}, []) == {"Meta": {"team": "web", "cost": "7"}, "Description": "theirs"}


def test_what_was_owned_and_is_left_out_now_is_removed() -> None:
    live = {"Meta": {"team": "core", "cost": "7"}}
    assert merged(live, {"Meta": {"team": "core"}}, ["Meta[team]", "Meta[cost]"]) == {"Meta": {"team": "core"}}


def test_a_list_is_one_value() -> None:
    assert merged({"A": [1, 2]}, {"A": [3]}, []) == {"A": [3]}
    assert differences({"A": [1, 2]}, {"A": [2, 1]}) == ["A"]


def test_nothing_and_an_empty_map_are_the_same() -> None:
    assert differences({"Meta": None, "A": {}}, {}) == []


def test_a_conflict_is_another_value_in_a_field_that_was_not_owned() -> None:
    live = {"Meta": {"team": "core", "cost": "7", "same": "s"}}
    wanted = {"Meta": {"team": "web", "cost": "8", "same": "s", "new": "n"}}
    assert conflicts(live, wanted, []) == ["Meta[cost]", "Meta[team]"]
    assert conflicts(live, wanted, ["Meta[team]"]) == ["Meta[cost]"]


def test_only_given_fields_are_taken_with_their_whole_lists() -> None:
    tree = {"Name": "x", "Meta": {"a": "1", "b": "2"}, "List": [{"A": 1, "B": 0}]}
    assert restricted(tree, {"Meta": {"a": "1"}, "List": [{"A": 1}]}) == {"Meta": {"a": "1"}, "List": [{"A": 1, "B": 0}]}


@given(TREES, TREES)
def test_applying_twice_changes_nothing_more(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    once = merged(live, wanted, [])
    assert differences(once, merged(once, wanted, owned(wanted))) == []
    assert all(fields_of(once)[path] == value for path, value in fields_of(wanted).items())


@given(TREES, TREES)
def test_leaving_takes_out_what_was_put_in(live: dict[str, Any], wanted: dict[str, Any]) -> None:
    here, there = fields_of(live), fields_of(wanted)
    apart = not any(a[: len(b)] == b or b[: len(a)] == a for a in here for b in there)
    left = merged(merged(live, wanted, []), {}, owned(wanted))
    if apart:
        assert fields_of(left) == here
    else:
        assert not set(fields_of(left)) & set(there)
