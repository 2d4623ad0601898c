"""Filter expressions: what matches, and the texts of refusals. All of them are what a real agent answered for the same job."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nomad_api.models import Job, VariableMetadata
from nomad_api.models.job import Task, TaskGroup
from orchestrator.http.filter import FilterError, compile_filter

JOB = Job(
    id="p",
    name="p",
    type="batch",
    priority=50,
    stop=False,
    datacenters=["*"],
    meta={"team": "x"},
    parameterized_job={"Payload": "optional"},
    task_groups=[TaskGroup(name="g", tasks=[Task(name="t", driver="mock_driver")])],
    create_index=11,
)

VALUE = '"-", "0", "\\"", "`", [ \\t\\r\\n], [1-9] or [a-zA-Z]'
EXPRESSION = '"(", "-", "0", "\\"", "`", "all", "any", "not", [ \\t\\r\\n], [1-9] or [a-zA-Z]'
OPERATOR = '"!=", ".", "==", "[", [ \\t\\r\\n] or [a-zA-Z0-9_/]'
REST = '"and", "or", [ \\t\\r\\n] or EOF'


@pytest.mark.parametrize(
    "expression",
    [
        'Name == "p"',
        'Name=="p"',
        'Name\t==\t"p"',
        "Name == p",
        "Name == `p`",
        'Name == "\\x70"',
        'Name == "\\u0070"',
        "Type == batch",
        "Priority == 50",
        'Priority == "0x32"',
        "Priority != 51",
        "Stop == false",
        'Name != ""',
        'Meta["team"] == "x"',
        'Meta.foo != "x"',
        "Meta.foo is empty",
        "Meta.foo is nil",
        "Meta is not nil",
        "Meta is not empty",
        "Periodic is nil",
        "Constraints is empty",
        "Constraints is nil",
        "team in Meta",
        '"*" in Datacenters',
        'Datacenters contains "*"',
        '"x" not in Datacenters',
        'Datacenters.0 == "*"',
        'ParameterizedJob.Payload == "optional"',
        'TaskGroups.0.Name == "g"',
        '"/Name" == "p"',
        '"/Meta/team" == "x"',
        'ID matches "^p$"',
        'ID not matches "^q"',
        'Name contains "p"',
        'Name not contains "q"',
        'not Name == "q"',
        'not not Name == "p"',
        'Name == "p" and (Type == batch or Type == service)',
        '(Name == "p") and (Type == "batch")',
        'Name == "q" or Name == "p"',
        'Name == "q" and Name == "p" or Type == batch',
        'any Datacenters as d { d == "*" }',
        'all Datacenters as d { d == "*" }',
        'any TaskGroups as g { g.Name == "g" }',
        'any TaskGroups as i, g { g.Name == "g" and i == 0 }',
        "any TaskGroups as g { any g.Tasks as t { t.Driver == mock_driver } }",
        'any Meta as k { k == "team" }',
        'any Meta as k, v { v == "x" }',
        'any Meta as _, v { v == "x" }',
        'all Meta.foo as g { g == "g" }',
        'Name == "q" or any Datacenters as d { d == "*" }',
        '(any Datacenters as d { d == "*" })',
    ],
)
def test_expression_matches(expression):
    assert compile_filter(expression)(JOB)


@pytest.mark.parametrize(
    "expression",
    [
        'Name == "q"',
        "Name == -5",
        'Name == ""',
        "Name == batch.x",
        'Name == batch["x"]',
        'Name == "a\\x70"',
        "Name is empty",
        "Meta is nil",
        "Meta.foo is not empty",
        'Meta.foo == "x"',
        '"x" in Datacenters',
        "TaskGroups is empty",
        "any Meta.foo as g { g == g }",
        'not Name == "p"',
    ],
)
def test_expression_does_not_match(expression):
    assert not compile_filter(expression)(JOB)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Name ==", f"1:8 (7): no match found, expected: {VALUE}"),
        ("(", f"1:2 (1): no match found, expected: {EXPRESSION}"),
        (")", f"1:1 (0): no match found, expected: {EXPRESSION}"),
        ("   ", f"1:4 (3): no match found, expected: {EXPRESSION}"),
        ("nope", f"1:5 (4): no match found, expected: {OPERATOR}"),
        ("not", f"1:4 (3): no match found, expected: {OPERATOR}"),
        ("Näme == x", f"1:2 (1): no match found, expected: {OPERATOR}"),
        ('Name == "a" foo', f"1:13 (12): no match found, expected: {REST}"),
        ('Name == "ä" ü', f"1:13 (13): no match found, expected: {REST}"),
        ('Name == "a" and', "1:16 (15): no match found, expected: [ \\t\\r\\n]"),
        ("Name is", "1:8 (7): no match found, expected: [ \\t\\r\\n]"),
        ('Name == "x', '1:11 (10): rule "string": Unterminated string literal'),
        ('Name == "a\\q"', '1:9 (8): rule "string": invalid syntax'),
        ("Name == 5x", '1:10 (9): rule "number": Invalid number literal'),
        ("Name == 05", '1:10 (9): rule "number": Invalid number literal'),
        ('(Name == "a" ', '1:14 (13): rule "grouping": Unmatched parentheses'),
        ('"x" in 5', '1:8 (7): rule "match": Invalid selector'),
        ("Meta[team]", '1:6 (5): rule "index": Invalid index'),
        ('Meta["team"', '1:12 (11): rule "index": Unclosed index expression'),
        ('Meta["team', '1:11 (10): rule "string": Unterminated string literal\n1:6 (5): rule "index": Invalid index'),
        ("any Datacenters as", "1:19 (18): no match found, expected: [ \\t\\r\\n]"),
        ('any D as d { d == "*" ', '1:23 (22): no match found, expected: "and", "or", "}" or [ \\t\\r\\n]'),
        ('any D as d { d == "*" } and X == y', "1:25 (24): no match found, expected: [ \\t\\r\\n] or EOF"),
    ],
)
def test_unreadable_expression_is_refused_with_its_place(expression, message):
    with pytest.raises(FilterError) as refusal:
        compile_filter(expression)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Nope is empty", 'error finding value in datum: /Nope at part 0: couldn\'t find key: struct field with name "Nope"'),
        ("Name.x == y", "error finding value in datum: /Name/x: at part 1, invalid value kind: string"),
        ("Periodic.Spec == x", "error finding value in datum: /Periodic/Spec: at part 1, invalid value kind: invalid"),
        ("Meta.foo.bar == x", 'error finding value in datum: /Meta/foo/bar at part 1: couldn\'t find key "foo"'),
        ("Datacenters.5 == x", "error finding value in datum: /Datacenters/5 at part 1: index 5 is out of range (length = 1)"),
        (
            "Datacenters.x == x",
            'error finding value in datum: /Datacenters/x at part 1: couldn\'t convert value "x" to type int',
        ),
        ("Priority == high", 'error getting match value in expression: strconv.ParseInt: parsing "high": invalid syntax'),
        ("CreateIndex == -1", 'error getting match value in expression: strconv.ParseUint: parsing "-1": invalid syntax'),
        ("Stop == x", 'error getting match value in expression: strconv.ParseBool: parsing "x": invalid syntax'),
        (
            "Priority == 99999999999999999999",
            'error getting match value in expression: strconv.ParseInt: parsing "99999999999999999999": value out of range',
        ),
        ("Priority contains 5", 'cannot perform in/contains operations on type int for selector: "Priority"'),
        ("CreateIndex is empty", 'cannot perform is-empty operations on type uint64 for selector: "CreateIndex"'),
        ("Name is nil", 'cannot perform is-nil operations on type string for selector: "Name"'),
        ("Priority matches x", "value of type int is not convertible to []byte"),
        ("Datacenters matches x", "value of type []string is not convertible to []byte"),
        ("Meta == x", "unable to find suitable primitive comparison function for matching"),
        ("TaskGroups contains g", 'unable to find suitable primitive comparison function for "in" comparison'),
        ('ID matches "("', 'failed to compile regular expression "(": error parsing regexp: missing closing ): `(`'),
        ("any Name as k { k == x }", "Name is not a list or a map"),
        ("any Meta as k { k.x == x }", "/k references a string so /k/x is invalid"),
    ],
)
def test_expression_that_does_not_fit_the_row_is_refused(expression, message):
    matches = compile_filter(expression)
    with pytest.raises(FilterError) as refusal:
        matches(JOB)
    assert str(refusal.value) == message


def test_row_may_be_a_mapping_of_models():
    row = {"VariableMetadata": VariableMetadata(namespace="default", path="team/a/web")}
    assert compile_filter('VariableMetadata.Path contains "/a/"')(row)
    with pytest.raises(FilterError, match='struct field with name "Path"'):
        compile_filter('Path contains "/a/"')(row)


def test_deep_nesting_is_refused():
    for text in ("(" * 5000, "not " * 5000 + "x == y", "any a as b { " * 5000):
        with pytest.raises(FilterError, match="nested deeper than 100 levels"):
            compile_filter(text)


def test_long_chain_is_no_deep_nesting():
    assert compile_filter(" or ".join(["Name == x"] * 2000 + ["Name == p"]))(JOB)


WORDS = st.sampled_from(
    [
        *"""Name Meta Datacenters TaskGroups Priority CreateIndex Nope . [ ] " ` ( ) { } , == != in not is empty nil and or any
        all as contains matches "x" "(" 5 -1 0 \\ /a "/Meta/team" _ * [a-""".split(),
        "\n",
        "",
    ]
)


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join), st.lists(WORDS).map("".join)))
@example('Name matches "[[a]"')
@example("Datacenters.0x0 == a")
@example("\ud800")
def test_nothing_but_a_filter_error_is_ever_raised(text):
    with suppress(FilterError):
        compile_filter(text)(JOB)
