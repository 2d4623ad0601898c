import pytest

from nomad_api.models.job import Constraint
from orchestrator.scheduler.constraints import describe, resolve, satisfies


@pytest.mark.parametrize(
    ("left", "operand", "right", "holds"),
    [
        ("${attr.kernel.name}", "=", "linux", True),
        ("${attr.kernel.name}", "is", "windows", False),
        ("${attr.kernel.name}", "!=", "windows", True),
        ("${attr.nope}", "!=", "x", True),
        ("${attr.nope}", "=", "x", False),
        ("${attr.nope}", "is_set", "", False),
        ("${attr.nope}", "is_not_set", "", True),
        ("${node.datacenter}", "=", "dc1", True),
        ("${node.unique.name}", "regexp", "^n[0-9]$", True),
        ("${node.unique.name}", "regexp", "(", False),
        ("${attr.nomad.version}", "version", ">= 1.0, < 3", True),
        ("${attr.nomad.version}", "semver", ">= 3.0.0", False),
        ("9", "<", "10", True),
        ("9", ">=", "10.5", False),
        ("b", ">", "a10", True),
        ("a, b,c", "set_contains", "a,c", True),
        ("a,b", "set_contains", "a,c", False),
        ("a,b", "set_contains_any", "a,c", True),
        ("x", "unheard of", "x", False),
        ("", "distinct_hosts", "true", True),
    ],
)
def test_operands(node, left, operand, right, holds):
    assert satisfies(Constraint(l_target=left, operand=operand, r_target=right), node) is holds


def test_targets(node):
    assert resolve("literal", node) == "literal"
    assert resolve("${meta.rack}", node) == "r1"
    assert resolve("${node.pool}", node) == "default"
    assert resolve("${nonsense.x}", node) is None


def test_a_constraint_describes_itself():
    assert describe(Constraint(l_target="${attr.a}", operand="=", r_target="b")) == "${attr.a} = b"
