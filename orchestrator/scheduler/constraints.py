"""Constraints and affinities: what `${attr.kernel.name}` is on a node, and whether an operand holds between two such values."""

import re
from functools import cache

from nomad_api.models import Node
from nomad_api.models.job import Constraint
from orchestrator.go_regexp import PatternError, compile_pattern
from orchestrator.versions import satisfies_version

_OWN = {
    "${node.unique.id}": "id",
    "${node.unique.name}": "name",
    "${node.datacenter}": "datacenter",
    "${node.class}": "node_class",
    "${node.pool}": "node_pool",
}


def resolve(target: str, node: Node) -> str | None:
    """The value of a target on a node: a literal is itself; None where the node has no such attribute."""
    if not target.startswith("${"):
        return target
    if target in _OWN:
        return str(getattr(node, _OWN[target]))
    kind, _, name = target[2:].removesuffix("}").partition(".")
    if kind == "attr":
        return (node.attributes or {}).get(name)
    if kind == "meta":
        return (node.meta or {}).get(name)
    return None


def describe(constraint: Constraint) -> str:
    """The constraint as it stands in an allocation's metrics."""
    return f"{constraint.l_target} {constraint.operand} {constraint.r_target}"


def satisfies(constraint: Constraint, node: Node) -> bool:
    """Whether the node meets the constraint. `distinct_hosts` and `distinct_property` are about more than one node: always."""
    left, right = resolve(constraint.l_target, node), resolve(constraint.r_target, node)
    operand = constraint.operand
    if operand in ("distinct_hosts", "distinct_property"):
        return True
    if operand in ("!=", "not"):
        return (left or "") != (right or "")  # an attribute that is not there is an empty text
    if operand == "is_set":
        return left is not None
    if operand == "is_not_set":
        return left is None
    if left is None or right is None:
        return False
    if operand in ("=", "==", "is"):
        return left == right
    if operand in ("<", "<=", ">", ">="):
        return _ordered(operand, left, right)
    if operand in ("version", "semver"):
        return satisfies_version(left, right, semver=operand == "semver")
    if operand == "regexp":
        pattern = _compile(right)
        return pattern is not None and pattern.search(left) is not None
    if operand in ("set_contains", "set_contains_all"):
        return _items(right) <= _items(left)
    if operand == "set_contains_any":
        return not _items(right).isdisjoint(_items(left))
    return False


def _ordered(operand: str, left: str, right: str) -> bool:
    """Compared as integers if both are, else as numbers if both are, else as texts."""
    for kind in (int, float):
        try:
            return _compare(operand, kind(left), kind(right))
        except ValueError:
            continue
    return _compare(operand, left.encode(), right.encode())


def _compare(operand: str, left: float | bytes, right: float | bytes) -> bool:
    lower, equal = left < right, left == right  # type: ignore[operator]
    return {"<": lower, "<=": lower or equal, ">": not (lower or equal), ">=": not lower}[operand]


def _items(text: str) -> set[str]:
    return {item.strip() for item in text.split(",")}


@cache
def _compile(pattern: str) -> re.Pattern[str] | None:
    try:
        return compile_pattern(pattern)
    except PatternError:
        return None
