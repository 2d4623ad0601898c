"""The template language. Expected texts are what Go's `text/template` and consul-template print."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.models import ServiceRegistration, Variable, VariableMetadata
from orchestrator.client.templates import Dependency, TemplateError, TemplateText
from orchestrator.client.templates.functions import FUNCTIONS

KNOWN = {
    Dependency("variable", "app/db"): Variable(path="app/db", items={"user": "root", "port": "5432"}),
    Dependency("variable", "app/none"): None,
    Dependency("variables", "app/"): [VariableMetadata(path="app/a"), VariableMetadata(path="app/db")],
    Dependency("services"): [
        ServiceRegistration(id="1", service_name="web", address="10.0.0.1", port=80, tags=["b", "a"]),
        ServiceRegistration(id="2", service_name="web", address="10.0.0.2", port=81),
    ],
}


def render(text: str, **options: str | bool) -> str | None:
    return TemplateText(text, **options).render(KNOWN, {"NAME": "web", "EMPTY": ""}).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a {{ 1 }} b", "a 1 b"),
        ("a {{- 1 -}} b", "a1b"),
        ("a\n  {{- /* comment */ -}}\n b", "ab"),
        ('{{ "a\\tb\\u00e9" }}{{ `c\\d` }}', "a\tb\u00e9c\\d"),
        ("{{ 1.5 }} {{ 1e6 }} {{ 0x1F }} {{ 'a' }} {{ true }} {{ -3 }}", "1.5 1e+06 31 97 true -3"),
        ("{{ if eq 1 2 }}a{{ else if true }}b{{ else }}c{{ end }}", "b"),
        ('{{ with env "EMPTY" }}{{ . }}{{ else }}none{{ end }}', "none"),
        ('{{ with env "NAME" }}{{ . }}{{ end }}', "web"),
        ('{{ range $i, $e := split "," "a,b" }}{{ $i }}={{ $e }};{{ end }}', "0=a;1=b;"),
        ('{{ range split "," "" }}x{{ else }}none{{ end }}', "none"),
        ("{{ range loop 5 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ if eq . 3 }}{{ break }}{{ end }}{{ . }}{{ end }}", "02"),
        ("{{ $x := 1 }}{{ range loop 3 }}{{ $x = add $x . }}{{ end }}{{ $x }}", "4"),
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ end }}{{ $x }}", "1"),
        ('{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" 3 }}', "[3]"),
        ('{{ block "y" 4 }}<{{ . }}>{{ end }}', "<4>"),
        ('{{ "a" | toUpper | printf "%s-%s" "z" }}', "z-A"),
        ('{{ printf "%q %05.2f %x %5d|%-5s|%%" "hi" 3.14159 255 42 "ab" }}', '"hi" 03.14 ff    42|ab   |%'),
        ('{{ printf "%d %s" "x" }}', "%!d(string=x) %!s(MISSING)"),
        ('{{ (parseJSON "{\\"a\\":{\\"b\\":[1,2]}}").a.b }}', "[1 2]"),
        ('{{ range $k, $v := parseJSON "{\\"b\\":1,\\"a\\":2}" }}{{ $k }}{{ $v }}{{ end }}', "a2b1"),
        ('{{ parseJSON "{\\"b\\":1,\\"a\\":[true]}" }}', "map[a:[true] b:1]"),
        ('{{ (parseJSON "{}").x }}', "<no value>"),
        ("{{ and 1 0 }} {{ or 0 `x` }} {{ not true }} {{ len `abc` }}", "0 x false 3"),
        ("{{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ ge `b` `a` }}", "true true true true"),
        ('{{ index (split "," "a,b") 1 }} {{ slice "abc" 1 2 }}', "b b"),
        ("{{ 7 | divide 2 }} {{ 7 | subtract 2 }} {{ multiply 3 4 }} {{ 7 | modulo 4 }}", "3 5 12 3"),
        ('{{ "aGk=" | base64Decode }} {{ "hi" | base64Encode }}', "hi aGk="),
        ('{{ "a-b" | replaceAll "-" "+" }} {{ "a1b2" | regexReplaceAll "([a-z])" "<$1>" }}', "a+b <a>1<b>2"),
        ('{{ "x\\ny" | indent 2 }}', "  x\n  y"),
        ('{{ parseYAML "a: [1, b]" | toJSON }}', '{"a":[1,"b"]}'),
        ('{{ with nomadVar "app/db" }}{{ .user }}:{{ .port.Value }}{{ end }}', "root:5432"),
        ('{{ range $key, $item := nomadVar "app/db" }}{{ $key }}={{ $item }} {{ end }}', "port=5432 user=root "),
        ('{{ nomadVarExists "app/none" }} {{ nomadVarExists "app/db" }}', "false true"),
        ('{{ range nomadVarList "app/" }}{{ .Path }} {{ end }}', "app/a app/db "),
        ('{{ range nomadService "web" }}{{ .Address }}:{{ .Port }} {{ .Tags }} {{ end }}', "10.0.0.1:80 [b a] 10.0.0.2:81 [] "),
        ("{{ range nomadServices }}{{ .Name }} {{ .Tags }}{{ end }}", "web [a b]"),
        ('{{ len (nomadService 1 "key" "web") }}', "1"),
        ('{{ env "NOPE" }}|{{ envOrDefault "NOPE" "d" }}', "|d"),
    ],
)
def test_renders(text: str, expected: str) -> None:
    assert render(text) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{ nosuch }}", 'line 1: function "nosuch" not defined'),
        ("\n{{ if }}{{ end }}", "line 2: missing value for command"),
        ("{{ if true }}", "line 1: unexpected EOF: the block has no {{end}}"),
        ("{{ end }}", "line 1: unexpected {{end}}"),
        ("{{ 1", "line 1: unclosed action"),
        ("{{ break }}", "line 1: {{break}} outside {{range}}"),
        ("{{ $x }}", "line 1: undefined variable: $x"),
        ("{{ .a }}", "line 1: nil pointer evaluating interface {}.a"),
        ("{{ 1 2 }}", "line 1: can't give argument to non-function 1"),
        ('{{ eq 1 "a" }}', "line 1: error calling eq: incompatible types for comparison"),
        ("{{ divide 0 1 }}", "line 1: error calling divide: division by zero"),
        ("{{ toUpper 1 }}", "line 1: error calling toUpper: wrong type for value; expected string; got 1"),
        ("{{ toUpper }}", "line 1: error calling toUpper: wrong number of args"),
        ('{{ template "x" }}', 'line 1: template "x" not defined'),
        ('{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}', "line 1: templates call each other deeper than 50"),
        ("{{ range loop 1000000 }}{{ . }}{{ end }}", "the template takes more than 1000000 steps"),
        ('{{ mustEnv "NOPE" }}', "line 1: error calling mustEnv: environment variable NOPE is not set"),
    ],
)
def test_errors_say_what_and_where(text: str, error: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text)
    assert str(caught.value) == error


def test_own_delimiters_leave_others_alone() -> None:
    assert render("[[ 1 ]] {{ plain }}", left="[[", right="]]") == "1 {{ plain }}"


def test_a_missing_key_may_be_an_error() -> None:
    with pytest.raises(TemplateError, match='map has no entry for key "x"'):
        render('{{ (parseJSON "{}").x }}', missing_key_is_error=True)


def test_a_template_says_what_it_needs_and_what_is_missing() -> None:
    template = TemplateText('{{ with nomadVar "a/b" }}{{ .x }}{{ end }}{{ range nomadService "web" }}{{ end }}')
    first = template.render({}, {})
    assert first.text is None
    assert first.unknown == {Dependency("variable", "a/b"), Dependency("services")}
    second = template.render({Dependency("variable", "a/b"): None, Dependency("services"): []}, {})
    assert (second.text, second.unknown) == (None, frozenset())
    assert second.missing == {"nomad.var.block(a/b@default.global)"}


PIECES = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", "(", ")", "|", ":=", "=", ",", ".", ".a", "$x", "$", '"', "`", "'", "\\", "%d", "/*", "*/"),
        *("if", "else", "end", "range", "with", "define", "template", "block", "break", "continue", "nil", "true"),
        *(" ", "\n", "0", "1", "-1", "1e9", "0x", "9999999999999999999999", '"a"', '"%s"', "loop 3", 'split "," "a,b"'),
        *('parseJSON "[1,{}]"', 'nomadVar "app/db"', 'nomadService "web"', *sorted(FUNCTIONS)),
    ]
)


@given(st.lists(PIECES, max_size=25).map(" ".join))
def test_whatever_the_text_nothing_but_a_template_error_comes(text: str) -> None:
    for template in (text, "{{ " + text + " }}"):
        with contextlib.suppress(TemplateError):
            render(template)


@given(
    st.sampled_from(sorted(FUNCTIONS)),
    st.lists(st.sampled_from(["1", "-7", "2.5", '"a"', '""', "nil", "true", "(loop 2)"]), max_size=4),
)
def test_functions_take_any_arguments(name: str, arguments: list[str]) -> None:
    with contextlib.suppress(TemplateError):
        render("{{ " + " ".join([name, *arguments]) + " }}")
