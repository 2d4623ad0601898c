"""Expressions and templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobspec import JobspecError

Evaluate = Callable[[str], Any]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3", 9),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("0.1 + 0.2 == 0.3", True),
        ("1 / 3 * 3 == 1", True),
        ("0.5 + 0.25", 0.75),
        ("!true || 1 < 2 && 2 >= 2", True),
        ('"a" == "a" && "1" != 1', True),
        ("null == null", True),
        ('true ? "yes" : 1', "yes"),
        ('"5" + 1', 6),
        ("-(2)", -2),
        ("123456789012345678901234567890", 1.2345678901234568e29),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_operators(evaluated: Evaluate, expression: str, value: Any) -> None:
    result = evaluated(expression)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('[for x in ["a", "b"] : upper(x)]', ["A", "B"]),
        ('[for i, x in ["a", "b"] : "${i}${x}" if i > 0]', ["1b"]),
        ('{ for k, v in { b = 1, a = 2 } : k => v + 1 }["b"]', 2),
        ('{ for x in ["a", "b", "a"] : x => x... }["a"]', ["a", "a"]),
        ("[for k, v in { b = 1, a = 2 } : k]", ["a", "b"]),
        ('[{ n = "x" }, { n = "y" }][*].n', ["x", "y"]),
        ('[{ n = "x" }, { n = "y" }].*.n', ["x", "y"]),
        ('"solo"[*]', ["solo"]),
        ("null[*]", []),
        ("[[1, 2], [3]][0][1]", 2),
        ('{ "a b" = 1 }["a b"]', 1),
        ("[1, 2].1", 2),
    ],
)
def test_collections(evaluated: Evaluate, expression: str, value: Any) -> None:
    assert evaluated(expression) == value


@pytest.mark.parametrize(
    ("template", "value"),
    [
        (r'"a\tb\u00e9\\"', "a\tbé\\"),
        ('"$${raw} %%{raw} $ % $$ 100%"', "${raw} %{raw} $ % $$ 100%"),
        ('"n = ${1 + 1}!"', "n = 2!"),
        ('"${[1]}"', [1]),
        ('"a  ${~ "b" ~}  c"', "abc"),
        ('"%{ if 1 < 2 }yes%{ else }no%{ endif }"', "yes"),
        ('"%{ for i, x in ["a", "b"] }${i}${x} %{ endfor }"', "0a 1b "),
        ("<<E\n  a\n\tb\nE", "  a\n\tb\n"),
        ('<<-E\n    a\n      ${"b"}\n\n    E', "a\n  b\n\n"),
        ("<<-E\n  %{ for x in [1, 2] }${x};%{ endfor }\n    %{ if true ~}\n  yes%{ endif }\n  E", "1;2;\n    yes\n"),
    ],
)
def test_templates(evaluated: Evaluate, template: str, value: Any) -> None:
    assert evaluated(template) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("attr.kernel.name", "${attr.kernel.name}"),
        ('"${NOMAD_PORT_http}/x"', "${NOMAD_PORT_http}/x"),
        ('"${ node.class }"', "${ node.class }"),
        ('"${env["HOME"]}"', '${env["HOME"]}'),
        ("upper(meta.rack)", "${META.RACK}"),
        ('[for attr in ["shadow"] : attr][0]', "shadow"),
        ('"{${attr.a}}"', "{${attr.a}}}"),
    ],
)
def test_what_only_the_client_knows_stays_text(evaluated: Evaluate, expression: str, value: str) -> None:
    assert evaluated(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 + [2]", "Invalid operand; Unsuitable value for right operand: number required, but have tuple."),
        ("nosuch()", 'Call to unknown function; There is no function named "nosuch".'),
        ("uper(1)", 'There is no function named "uper". Did you mean "upper"?'),
        ("upper()", 'Not enough function arguments; Function "upper" expects 1 argument(s). Missing value for "str".'),
        ("[1][1]", "Invalid index; The given key does not identify an element in this collection value"),
        ("{ a = 1 }.b", 'Unsupported attribute; This object does not have an attribute named "b".'),
        ('true ? "a" : [1]', "The 'true' value is string, but the 'false' value is tuple."),
        ("[for x in 5 : x]", "A value of type number cannot be used as the collection in a 'for' expression."),
        ("0 / 0", "can't divide zero by zero or infinity by infinity."),
        ("1 / 0", "Unsuitable value: an infinite number has no place in JSON"),
    ],
)
def test_mistakes_are_told_with_their_place(evaluated: Evaluate, expression: str, message: str) -> None:
    with pytest.raises(JobspecError) as raised:
        evaluated(expression)
    assert message in str(raised.value)
    assert str(raised.value).startswith("input.hcl:6,")


def test_the_branch_not_taken_may_be_wrong(evaluated: Evaluate) -> None:
    assert evaluated("true ? 1 : nosuch()") == 1


def test_nesting_is_limited_with_a_clear_error(evaluated: Evaluate) -> None:
    assert evaluated("(" * 80 + "1" + ")" * 80) == 1
    for opener, closer in (("(", ")"), ("[", "]"), ("{a=", "}"), ("!", "")):
        with pytest.raises(JobspecError, match="Nesting too deep"):
            evaluated(opener * 5000 + "true" + closer * 5000)
