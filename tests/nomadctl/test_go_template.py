from typing import Any

import pytest

from nomadctl.go_template import TemplateError, render

DATA: dict[str, Any] = {
    "ID": "web",
    "Count": 2,
    "Stop": False,
    "None": None,
    "Items": {"b": "2", "a": "1"},
    "Tasks": [{"Name": "x", "Leader": True}, {"Name": "y", "Leader": False}],
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{.ID}}-{{ .Count }}", "web-2"),
        ("{{.Items.a}}", "1"),
        ("{{range .Tasks}}{{.Name}} {{end}}", "x y "),
        ("{{range $k, $v := .Items}}{{$k}}={{$v}};{{end}}", "a=1;b=2;"),
        ("{{range $i, $t := .Tasks}}{{if $i}},{{end}}{{$t.Name}}{{end}}", "x,y"),
        ("{{range .None}}x{{else}}empty{{end}}", "empty"),
        ("{{if .Stop}}a{{else if eq .Count 2}}b{{else}}c{{end}}", "b"),
        ("{{with .Items}}{{.b}}{{$.ID}}{{end}}", "2web"),
        ("{{(index .Tasks 1).Name}}", "y"),
        ('{{index .Items "a"}}', "1"),
        ("{{.ID | len}}", "3"),
        ('{{printf "%-5s|%q|%d" .ID .ID .Count}}', 'web  |"web"|2'),
        ('{{$x := "a"}}{{range .Tasks}}{{$x = .Name}}{{end}}{{$x}}', "y"),
        ("{{range .Tasks}}{{if .Leader}}{{continue}}{{end}}{{.Name}}{{end}}", "y"),
        ("{{range .Tasks}}{{.Name}}{{break}}{{end}}", "x"),
        ("a  {{- .ID -}}  b", "awebb"),
        ("{{/* nothing */}}x", "x"),
        ("{{and .ID .Count}} {{or .Stop .ID}} {{not .Stop}}", "2 web true"),
        ("{{.Tasks}}", "[map[Leader:true Name:x] map[Leader:false Name:y]]"),
        ("{{.None}}", "<no value>"),
        ("{{`{{raw}}`}}", "{{raw}}"),
        ('{{"}}"}}', "}}"),
    ],
)
def test_templates(template: str, expected: str) -> None:
    assert render(template, DATA) == expected


@pytest.mark.parametrize(
    "template",
    [
        "{{.Nosuch}}",
        "{{",
        "{{.ID",
        "{{end}}",
        "{{if .ID}}",
        "{{nosuch .ID}}",
        "{{$x}}",
        "{{.ID.More}}",
        "{{(.ID}}",
        "{{}}",
        "{{len 1}}",
    ],
)
def test_mistakes(template: str) -> None:
    with pytest.raises(TemplateError):
        render(template, DATA)
