"""Checks of constraints, affinities and spreads."""

from collections.abc import Iterable, Iterator
from typing import Final

from nomad_api.models.job import Affinity, Constraint, Spread
from orchestrator.go_regexp import PatternError, compile_pattern
from orchestrator.jobs.validation.problems import inside, quoted
from orchestrator.versions import malformed

_EXACT: Final = ("${node.unique.id}", "${node.datacenter}", "${node.unique.name}", "${node.class}", "${node.pool}")
_PREFIXES: Final = ("${attr.", "${device.", "${meta.")
_COMPARISONS: Final = ("=", "==", "is", "!=", "not", "<", "<=", ">", ">=")
_SETS: Final = ("set_contains", "set_contains_all", "set_contains_any")


def constraint_blocks(constraints: Iterable[Constraint] | None) -> Iterator[str]:
    for number, constraint in enumerate(constraints or (), 1):
        yield from inside(f"Constraint {number} validation failed", _constraint(constraint))


def affinity_blocks(affinities: Iterable[Affinity] | None, job_type: str | None) -> Iterator[str]:
    if job_type == "system":
        if affinities:
            yield "System jobs may not have an affinity block"
        return
    for number, affinity in enumerate(affinities or (), 1):
        yield from inside(f"Affinity {number} validation failed", _affinity(affinity))


def spread_blocks(spreads: Iterable[Spread] | None, job_type: str | None) -> Iterator[str]:
    if job_type == "system":
        if spreads:
            yield "System jobs may not have a spread block"
        return
    for number, spread in enumerate(spreads or (), 1):
        yield from inside(f"Spread {number} validation failed", _spread(spread))


def _constraint(constraint: Constraint) -> Iterator[str]:
    operand, right = constraint.operand, constraint.r_target
    if not operand:
        yield "Missing constraint operand"
    if operand in _SETS:
        if not right:
            yield "Set contains constraint requires an RTarget"
    elif operand == "distinct_property":
        yield from _count(right)
    elif operand in ("is_set", "is_not_set"):
        if right:
            yield f"Operator {quoted(operand)} does not support an RTarget"
    elif operand in ("regexp", "version", "semver", *_COMPARISONS):
        yield from _right_side(operand, right, "constraint")
    elif operand != "distinct_hosts":
        yield f"Unknown constraint type {quoted(operand)}"
    if operand == "distinct_hosts":
        return
    if not constraint.l_target:
        yield "no attribute provided but is required by operator"
    else:
        yield from _attribute(constraint.l_target)


def _affinity(affinity: Affinity) -> Iterator[str]:
    operand, right, weight = affinity.operand, affinity.r_target, affinity.weight or 0
    if not operand:
        yield "Missing affinity operand"
    if operand in _SETS:
        if not right:
            yield "Set contains operators require an RTarget"
    elif operand in ("regexp", "version", "semver", *_COMPARISONS):
        yield from _right_side(operand, right, "affinity")
    else:
        yield f"Unknown affinity operator {quoted(operand)}"
    if not affinity.l_target:
        yield "No LTarget provided but is required"
    if weight == 0:
        yield "Affinity weight cannot be zero"
    if not -100 <= weight <= 100:
        yield "Affinity weight must be within the range [-100,100]"


def _right_side(operand: str, right: str, block: str) -> Iterator[str]:
    if operand == "regexp":
        try:
            compile_pattern(right)
        except PatternError as error:
            yield f"Regular expression failed to compile: {error}"
    elif operand == "version":
        if malformed(right, semver=False):
            yield f"Version {block} is invalid: malformed constraint: {right}"
    elif operand == "semver":
        if malformed(right, semver=True):
            yield f"Semver {block} is invalid: Malformed constraint: {right}"
    elif not right:
        yield f"Operator {quoted(operand)} requires an RTarget"


def _count(text: str) -> Iterator[str]:
    if not text:
        return
    if not (text.isascii() and text.isdigit()):
        yield (f"Failed to convert RTarget {quoted(text)} to uint64: strconv.ParseUint: parsing {quoted(text)}: invalid syntax")
    elif int(text) < 1:
        yield f"Distinct Property must have an allowed count of 1 or greater: {int(text)} < 1"


def _attribute(target: str) -> Iterator[str]:
    if not target.startswith("$"):
        return
    if not target.startswith("${"):
        yield f"attribute {quoted(target)} is missing an opening brace"
    elif not target.endswith("}"):
        yield f"attribute {quoted(target)} is missing a closing brace"
    elif target not in _EXACT and not target.startswith(_PREFIXES):
        yield f"unsupported attribute {quoted(target)}"


def _spread(spread: Spread) -> Iterator[str]:
    if not spread.attribute:
        yield "Missing spread attribute"
    if not 0 < (spread.weight or 0) <= 100:
        yield "Spread block must have a positive weight from 0 to 100"
    seen: set[str] = set()
    total = 0
    for target in spread.spread_target or ():
        if target.value in seen:
            yield f"Spread target value {quoted(target.value)} already defined"
        seen.add(target.value)
        if target.percent > 100:
            yield f"Spread target percentage for value {quoted(target.value)} must be between 0 and 100"
        total += target.percent
    if total > 100:
        yield f"Sum of spread target percentages must not be greater than 100%; got {total}%"
