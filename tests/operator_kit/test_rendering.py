"""Templates: strict about what is unknown or unprintable, and precise about where."""

import json
from enum import Enum
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from operator_kit import PermanentError
from operator_kit.crd_store.yaml_text import load_yaml
from operator_kit.rendering import RenderingError, Templates, render


class Mode(Enum):
    FAST = "fast"


class Spec(BaseModel):
    port: int = 80
    mode: Mode = Mode.FAST
    hosts: list[str] = ["a", "b"]


def problem(template: str, **variables: Any) -> tuple[str, int, str]:
    with pytest.raises(RenderingError) as raised:
        render(template, variables, name="spec.template")
    error = raised.value
    assert isinstance(error, PermanentError)
    assert error.reason == "InvalidTemplate"
    return error.template, error.line, error.problem


def test_values_are_written_as_configurations_want_them() -> None:
    text = render("{{ a }} {{ b }} {{ c }} {{ d }} {{ e.mode }}", {"a": 1, "b": True, "c": 1.5, "d": "<&>", "e": Spec()})
    assert text == "1 true 1.5 <&> fast"


def test_blocks_leave_no_trace_and_the_last_newline_stays() -> None:
    template = "hosts:\n{% for host in hosts %}\n  - {{ host }}\n{% endfor %}\n"
    assert render(template, {"hosts": ["a", "b"]}) == "hosts:\n  - a\n  - b\n"


@pytest.mark.parametrize(
    ("template", "line", "told"),
    [
        ("a\nb {{ prot }}", 2, '"prot" is unknown; did you mean port?'),
        ("{{ spec.prot }}", 1, '"prot" is unknown in Spec; did you mean port?'),
        ("\n\n{{ labels.taem }}", 3, '"taem" is unknown in dict; did you mean team?'),
        ("{{ nothing_like_it }}", 1, '"nothing_like_it" is unknown'),
        ("{% if prot %}{% endif %}", 1, '"prot" is unknown; did you mean port?'),
        ("{% for x in prot %}{% endfor %}", 1, '"prot" is unknown; did you mean port?'),
        ("{{ prot | to_yaml }}", 1, '"prot" is unknown; did you mean port?'),
        ("{{ prot | quote }}", 1, '"prot" is unknown; did you mean port?'),
        ("{{ spec.prot.deeper }}", 1, '"prot" is unknown in Spec; did you mean port?'),
        ("{{ none }}", 1, "the value is None; give it one, or use the filter default(…, true)"),
        ("\n{{ spec.hosts }}", 2, "a list has no place in the middle of text; use to_yaml, to_json or join"),
        ("{{ labels }}", 1, "a dict has no place in the middle of text; use to_yaml, to_json or join"),
        ("{{ 1 / 0 }}", 1, "ZeroDivisionError: division by zero"),
        ("a\n{% if %}", 2, "Expected an expression, got 'end of statement block'"),
        ("{{ port | nosuch }}", 1, "No filter named 'nosuch'."),
        ("{% include 'x' %}", 1, 'there is no template "x"'),
    ],
)
def test_a_mistake_is_told_with_line_and_cure(template: str, line: int, told: str) -> None:
    variables = {"port": 1, "spec": Spec(), "labels": {"team": "core"}, "none": None}
    assert problem(template, **variables) == ("spec.template", line, told)


def test_the_message_names_template_and_line() -> None:
    with pytest.raises(RenderingError, match=r'^spec\.template, line 2: "b" is unknown$'):
        render("a\n{{ b }}", {}, name="spec.template")


def test_a_default_is_no_mistake() -> None:
    assert render("{{ nothing | default('x') }} {{ none | default('y', true) }}", {"none": None}) == "x y"


def test_users_cannot_leave_the_sandbox_or_change_what_they_get() -> None:
    assert "unsafe" in problem("{{ ''.__class__.__mro__ }}")[2]
    values = ["a"]
    assert "unsafe" in problem("{{ values.append('b') }}", values=values)[2]
    assert values == ["a"]


def test_yaml_fits_into_its_place_and_json_is_canonical() -> None:
    template = "limits:\n  {{ limits | to_yaml | indent(2) }}\nhosts: {{ spec.hosts | to_json }}"
    text = render(template, {"limits": {"b": {"c": "on"}, "a": 1}, "spec": Spec()})
    assert text == 'limits:\n  a: 1\n  b:\n    c: \'on\'\nhosts: ["a", "b"]'
    assert render("{{ x | to_json(2) }}", {"x": {"b": 1, "a": "é"}}) == '{\n  "a": "é",\n  "b": 1\n}'
    assert load_yaml(render("{{ s | to_yaml }}", {"s": Spec()})) == {"port": 80, "mode": "fast", "hosts": ["a", "b"]}
    assert render("{{ s | to_yaml }}", {"s": "alone"}) == "alone"


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff", exclude_categories=("Cc", "Cs")))
)
def test_what_is_quoted_is_read_back_as_it_was(text: str) -> None:
    assert json.loads(render("{{ x | quote }}", {"x": text})) == text
    assert yaml.safe_load(render("k: {{ x | to_yaml }}", {"x": text})) == {"k": text}
    assert load_yaml(render("{{ x | to_yaml }}", {"x": {"k": text}})) == {"k": text}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ x | quote_shell }}", "'it'\"'\"'s ${HOME}'"),
        ("{{ x | quote_hcl }}", '"it\'s $${HOME}"'),
        ("{{ x | quote }}", '"it\'s ${HOME}"'),
        ("{{ 7 | quote }}", '"7"'),
        ("{{ true | quote }}", '"true"'),
    ],
)
def test_quoting(template: str, text: str) -> None:
    assert render(template, {"x": "it's ${HOME}"}) == text


def test_square_delimiters_leave_nomads_own_alone() -> None:
    template = '[% if on %][[ name ]] {{ with nomadVar "x" }}{{ .y }}{{ end }}[% endif %][# note #]'
    assert render(template, {"on": True, "name": "n"}, delimiters="square") == 'n {{ with nomadVar "x" }}{{ .y }}{{ end }}'


def test_templates_include_each_other_and_the_guilty_one_is_named() -> None:
    templates = Templates({"main": "top\n{% include 'part' %}", "part": "\n{{ wrong }}"})
    with pytest.raises(RenderingError) as raised:
        templates.render("main", {})
    assert (raised.value.template, raised.value.line) == ("part", 2)
    with pytest.raises(RenderingError) as raised:
        templates.render("mian", {})
    assert raised.value.problem == 'there is no template "mian"; did you mean main?'


def test_templates_of_a_package(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "proxy_operator"
    (package / "templates").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "templates" / "proxy.conf").write_text("listen {{ port }}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert Templates.of_package("proxy_operator").render("proxy.conf", {"port": 80}) == "listen 80\n"
