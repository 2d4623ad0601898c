import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.versions import malformed, parse_version, satisfies_version

numbers = st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@pytest.mark.parametrize(
    ("version", "constraints", "holds"),
    [
        ("1.4.2", ">= 1.2, < 2.0", True),
        ("1.4.2", "~> 1.4", True),
        ("1.5.0", "~> 1.4.0", False),
        ("2.0", "~> 1.4", False),
        ("1.4.2", "1.4.2", True),
        ("1.4.2", "!= 1.4.2", False),
        ("v1.4", "= 1.4.0", True),
        ("1.4.0-beta", ">= 1.3.0", False),
        ("1.4.0-beta", ">= 1.4.0-alpha", True),
        ("nonsense", ">= 1", False),
        ("1.0.0", ">= nonsense", False),
    ],
)
def test_version_constraints(version, constraints, holds):
    assert satisfies_version(version, constraints, semver=False) is holds


def test_semantic_versions_compare_pre_releases():
    assert satisfies_version("1.4.0-beta", ">= 1.3.0", semver=True)
    assert satisfies_version("2.0.6-dev", ">= 1.7.0-a", semver=True)
    assert not satisfies_version("1.4.0-beta.2", "> 1.4.0-beta.11", semver=True)


@pytest.mark.parametrize(
    ("text", "semver", "bad"),
    [("~> 1.0", True, True), ("~> 1.0", False, False), (">= 1.0.0", True, False), ("not one", False, True)],
)
def test_malformed_constraints(text, semver, bad):
    assert malformed(text, semver=semver) is bad


@given(numbers, numbers)
def test_versions_are_ordered_as_their_numbers(left, right):
    first, second = (parse_version(".".join(map(str, each))) for each in (left, right))
    assert (first < second) == (left < right)
    assert (first == second) == (left == right)
