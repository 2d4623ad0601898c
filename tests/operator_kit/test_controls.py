"""Controls are read beside the spec, and a wrong one is told like any other mistake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.controls import Controls, split_controls


def test_controls_are_apart_from_the_spec() -> None:
    items = {
        "image": "nginx",
        "operator.paused": "true",
        "operator.reconcile": "2026-01-01",
        "operator.deletion": "foreground",
        "operator.external.db.main": "i-1234",
        "operator.owner": "resources/example/site/blog",
        "operator.owner_uid": "17",
    }
    assert split_controls(items) == (
        {"image": "nginx"},
        Controls(
            paused=True,
            reconcile="2026-01-01",
            deletion="foreground",
            external={"db.main": "i-1234"},
            owner="resources/example/site/blog",
            owner_uid=17,
        ),
        [],
    )


def test_a_resource_without_controls_has_the_defaults() -> None:
    rest, controls, problems = split_controls({"operators": "2"})
    assert (rest, controls, problems) == ({"operators": "2"}, Controls(), [])
    assert (controls.paused, controls.deletion, controls.external) == (False, "background", {})


@pytest.mark.parametrize(
    ("item", "value", "told"),
    [
        ("operator.pausd", "true", "operator.pausd: unknown key; did you mean operator.paused?"),
        (
            "operator.paused",
            "perhaps",
            'operator.paused: input should be a valid boolean, unable to interpret input (it is "perhaps"); '
            "write operator.paused=true or operator.paused=false",
        ),
        (
            "operator.deletion",
            "keep",
            "operator.deletion: input should be 'background', 'foreground' or 'orphan' (it is \"keep\")",
        ),
        (
            "operator.owner_uid",
            "-1",
            "operator.owner_uid: input should be greater than or equal to 0 (it is \"-1\")",
        ),
    ],
)  # fmt: skip
def test_a_wrong_control_names_key_reason_and_cure_and_spoils_no_other(item: str, value: str, told: str) -> None:
    rest, controls, problems = split_controls({"operator.reconcile": "now", item: value, "image": "x"})
    assert list(map(str, problems)) == [told]
    assert (rest, controls) == ({"image": "x"}, Controls(reconcile="now"))


TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
CONTROLS = st.builds(
    Controls,
    paused=st.booleans(),
    reconcile=TEXT,
    deletion=st.sampled_from(["background", "foreground", "orphan"]),
    external=st.dictionaries(TEXT, TEXT, max_size=3),
    owner=TEXT,
    owner_uid=st.integers(0, 2**63),
)


@given(CONTROLS)
def test_the_items_of_controls_read_back_as_the_same(controls: Controls) -> None:
    assert split_controls(controls.items()) == ({}, controls, [])


@given(st.dictionaries(st.sampled_from([*(f"operator.{name}" for name in Controls.model_fields), "operator.", "operator..",
                                        "operator.external.", "operator.external.a"]), TEXT))  # fmt: skip
def test_no_controls_do_worse_than_being_told(items: dict[str, str]) -> None:
    _, controls, problems = split_controls(items)
    assert isinstance(controls, Controls)
    assert all(problem.key.startswith("operator") and problem.reason for problem in problems)
