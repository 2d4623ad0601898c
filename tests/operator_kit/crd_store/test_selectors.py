"""Selectors mean what they mean in Kubernetes, and a mistake in one is told with its place and its cure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operator_kit.crd_store.selectors import Operator, Requirement, Selector, SelectorError, text_of

LABELS = {"team": "core", "env": "prod", "empty": ""}
FIELDS = {"spec.mode": "daemonset", "spec.replicas": 3, "spec.debug": True, "status.url": None}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True),
        ("  ", True),
        ("team=core", True),
        ("team==core", True),
        ("team = core , env = prod", True),
        ("team=core,env=dev", False),
        ("team!=core", False),
        ("absent!=core", True),
        ("absent=core", False),
        ("team", True),
        ("absent", False),
        ("!absent", True),
        ("! team", False),
        ("env in (dev, prod)", True),
        ("env in (dev,test)", False),
        ("env notin (dev, test)", True),
        ("absent notin (dev)", True),
        ("absent in (dev)", False),
        ("empty=", True),
        ("empty in ()", True),
        ("env in (,prod)", True),
        ('team="core"', True),
        ("in=x", False),
        ("!in", True),
        ("spec.mode=daemonset", True),
        ("spec.mode in (deployment),team=core", False),
        ("spec.replicas=3", True),
        ("spec.debug=true", True),
        ("status.url", False),
        ("!status.url", True),
    ],
)
def test_a_selector_selects(text: str, selected: bool) -> None:
    assert Selector.parse(text).matches(LABELS, FIELDS.get) is selected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",", 'at ",": expected the name of a label or field; such as team=core or spec.mode=daemonset'),
        ("team=core,", "at its end: expected the name of a label or field; such as team=core or spec.mode=daemonset"),
        ("team core", 'at "core": expected an operator after "team"; there are =, ==, !=, in (…) and notin (…)'),
        ("size > 3", 'at "> 3": expected an operator after "size"; there are =, ==, !=, in (…) and notin (…)'),
        (
            "team=core env=dev",
            'at "env=dev": expected a comma or the end; requirements are joined by commas: team=core,env!=dev',
        ),
        ("env in dev", 'at "dev": expected a list in parentheses; such as env in (dev, test)'),
        ("env in (dev", "at its end: expected a comma or a closing parenthesis; such as env in (dev, test)"),
        ("env=(", 'at "(": expected a value; put one that holds signs or blanks into double quotes: note="a, b"'),
        ('env="dev', 'at ""dev": expected the end of the quotes; quotes hold a JSON string: note="a, b"'),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(text: str, message: str) -> None:
    with pytest.raises(SelectorError) as caught:
        Selector.parse(text)
    assert str(caught.value) == f'"{text}" is not a selector, {message}'


def test_only_published_fields_can_be_selected_by() -> None:
    selector = Selector.parse("team=core,spec.mod=x")
    with pytest.raises(SelectorError, match=r"^spec\.mod is not a selectable field; did you mean spec\.mode\?$"):
        selector.check(["spec.mode"])
    with pytest.raises(SelectorError, match=r"selectable here: only labels$"):
        selector.check([])
    Selector.parse("team=core,spec.mode=x").check(["spec.mode"])


KEYS = st.from_regex(r"[a-z][a-z0-9._/-]{0,9}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), max_size=8)
ONE: list[Operator] = ["=", "!="]
MANY: list[Operator] = ["in", "notin"]
BARE: list[Operator] = ["exists", "!exists"]
REQUIREMENTS = st.one_of(
    st.builds(Requirement, KEYS, st.sampled_from(BARE)),
    st.builds(Requirement, KEYS, st.sampled_from(ONE), st.frozensets(VALUES, min_size=1, max_size=1)),
    st.builds(Requirement, KEYS, st.sampled_from(MANY), st.frozensets(VALUES, min_size=1, max_size=3)),
)
SELECTORS = st.builds(Selector, st.lists(REQUIREMENTS, max_size=4).map(tuple))


@given(SELECTORS)
def test_a_selector_reads_back_from_its_text(selector: Selector) -> None:
    assert Selector.parse(str(selector)) == selector


@given(st.lists(st.sampled_from([*'ab"\\,()=!<> ', "in", "notin"]), max_size=12).map("".join) | st.text(max_size=12))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        selector = Selector.parse(text)
    except SelectorError as error:
        assert text in str(error)  # noqa: PT017 (either is fine, but nothing else)
    else:
        assert Selector.parse(str(selector)) == selector


@given(REQUIREMENTS, st.none() | VALUES)
def test_every_operator_has_its_opposite(requirement: Requirement, value: str | None) -> None:
    opposites: dict[Operator, Operator] = {"exists": "!exists", "=": "!=", "in": "notin"}
    opposite = {**opposites, **{no: yes for yes, no in opposites.items()}}[requirement.operator]
    assert requirement.holds(value) is not Requirement(requirement.key, opposite, requirement.values).holds(value)


def test_a_value_is_compared_as_it_would_be_written() -> None:
    assert [text_of(value) for value in ("x", 3, True, 0.5, None)] == ["x", "3", "true", "0.5", None]
