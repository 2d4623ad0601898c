"""`var`: what is sent, what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest

VARIABLE = {
    "Namespace": "default",
    "Path": "a/b",
    "CreateIndex": 3,
    "ModifyIndex": 4,
    "CreateTime": 1_700_000_000_000_000_000,
    "ModifyTime": 1_700_000_001_000_000_000,
    "Items": {"k": "v", "long": 'with "quotes"'},
}


def test_put_creates_unless_forced(run: Any, agent: Any) -> None:
    agent.on("PUT", "/v1/var/a/b", VARIABLE)
    result = run("var", "put", "-out", "none", "a/b", "k=v", "eq=a=b", "empty=")
    assert result.out == 'Created variable "a/b" with modify index 4\n'
    method, path, body = agent.requests[-1]
    assert (method, path, body["Items"]) == ("PUT", "/v1/var/a/b?cas=0", {"k": "v", "eq": "a=b"})
    run("var", "put", "-force", "-out", "none", "a/b", "k=v")
    assert agent.requests[-1][1] == "/v1/var/a/b"


def test_put_reads_files(run: Any, agent: Any, tmp_path: Path) -> None:
    agent.on("PUT", "/v1/var/a/b", VARIABLE)
    spec = tmp_path / "spec.hcl"
    spec.write_text('path = "other"\nmodify_index = 9\nitems {\n  port = 8080\n  gone = "x"\n}\n')
    value = tmp_path / "value"
    value.write_text("line\n")
    run("var", "put", "a/b", f"@{spec}", f"k=@{value}", "gone=")
    _, path, body = agent.requests[-1]
    assert (path, body["Items"]) == ("/v1/var/a/b?cas=0", {"port": "8080", "k": "line\n"})


def test_a_specification_remembers_its_version(run: Any, agent: Any, tmp_path: Path) -> None:
    agent.on("PUT", "/v1/var/other", VARIABLE)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"Path": "other", "ModifyIndex": 9, "Items": {"k": "v"}}))
    run("var", "put", f"@{spec}")
    assert agent.requests[-1][1] == "/v1/var/other?cas=9"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "Must supply data"),
        (["a", "k"], 'Failed to parse K=V data: invalid key/value pair "k": format must be key=value'),
        (["a", "k=@nothere"], "error reading file: open nothere: no such file or directory"),
        (["@nothere.hcl"], 'Error reading "nothere.hcl": open nothere.hcl: no such file or directory'),
        (["@spec.txt"], "Unable to determine format of spec.txt"),
        (["-check-index", "x", "a", "k=v"], 'Error parsing check-index value "x"'),
        (["-out", "nosuch", "a", "k=v"], 'Invalid value for "-out"'),
        (["-out", "go-template", "a", "k=v"], "A template must be supplied"),
        (["-namespace", "*", "a", "k=v"], "The wildcard namespace"),
    ],
)
def test_mistakes(run: Any, arguments: list[str], message: str) -> None:
    result = run("var", "put", *arguments)
    assert result.code == 1
    assert message in result.err


def test_a_conflict_tells_what_is_there(run: Any, agent: Any) -> None:
    agent.on("PUT", "/v1/var/a/b", VARIABLE, status=409)
    result = run("var", "put", "-check-index", "3", "a/b", "k=v")
    assert result.code == 1
    assert "Check-and-Set conflict" in result.err
    assert "Your provided check-index (3) does not match the server-side index (4)." in result.err


def test_a_warning_about_keys_that_templates_cannot_name(run: Any, agent: Any) -> None:
    agent.on("PUT", "/v1/var/a/b", VARIABLE)
    assert '"a.b c" contains characters [" ","."]' in run("var", "put", "a/b", "a.b c=1").err


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("json", '    "k": "v",'),
        ("hcl", '     k = "v"\n  long = "with \\"quotes\\""\n'),
        ("table", "Check Index = 4\n\nItems\nk    = v\n"),
    ],
)
def test_formats(run: Any, agent: Any, out: str, expected: str) -> None:
    agent.on("GET", "/v1/var/a/b", VARIABLE)
    assert expected in run("var", "get", "-out", out, "a/b").out


def test_one_item(run: Any, agent: Any) -> None:
    agent.on("GET", "/v1/var/a/b", VARIABLE)
    assert run("var", "get", "-item", "k", "a/b").out == "v"
    assert run("var", "get", "-item", "nosuch", "a/b").err == 'Variable does not contain "nosuch" item\n'


def test_a_missing_variable(run: Any, agent: Any) -> None:
    agent.on("GET", "/v1/var/a", "variable not found", status=404)
    result = run("var", "get", "a")
    assert (result.code, result.err) == (1, "Variable not found\n")


def test_lists(run: Any, agent: Any) -> None:
    agent.on("GET", "/v1/vars", [{key: value for key, value in VARIABLE.items() if key != "Items"}])
    assert run("var", "list", "-out", "terse", "a").out == "a/b\n"
    assert agent.requests[-1][1] == "/v1/vars?prefix=a"
    assert run("var", "list", "-out", "table").out.splitlines()[0].split() == ["Namespace", "Path", "Last", "Updated"]


def test_an_example_that_can_be_put(run: Any, agent: Any, tmp_path: Path) -> None:
    agent.on("PUT", "/v1/var/x", VARIABLE)
    path = tmp_path / "spec.nv.hcl"
    assert run("var", "init", str(path)).code == 0
    assert run("var", "init", str(path)).err == f'File "{path}" already exists\n'
    assert run("var", "put", "x", f"@{path}").code == 0
    assert agent.requests[-1][2]["Items"] == {"key1": "value 1", "key2": "value 2"}
