"""Variables and locals."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobspec import JobspecError, parse

SOURCE = """
variable "image" {
  type    = string
  default = "app:1"
}
variable "ports" {
  type    = list(number)
  default = [80]
}
variable "loose" { default = 7 }
locals {
  full = "${local.base}/${var.image}"
}
locals {
  base = "registry"
}
job "j" {
  meta {
    image = local.full
    ports = join(",", var.ports)
    loose = var.loose
  }
}
"""


def meta(source: str = SOURCE, **options: object) -> dict[str, str]:
    return parse(source, **options)["Meta"]  # type: ignore[arg-type, no-any-return]


def test_defaults_and_locals_in_any_order() -> None:
    assert meta() == {"image": "registry/app:1", "ports": "80", "loose": "7"}


def test_later_sources_count(tmp_path: Path) -> None:
    file = tmp_path / "x.vars"
    file.write_text('image = "file"\nports = [1, 2]\n')
    env = {"NOMAD_VAR_image": "env", "NOMAD_VAR_ports": "[9]", "NOMAD_VAR_unknown": "x", "OTHER": "x"}
    assert meta(env=env)["image"] == "registry/env"
    assert meta(env=env)["ports"] == "9"
    assert meta(env=env, var_files=[file])["image"] == "registry/file"
    assert meta(env=env, var_files=[file], variables='image = "request"')["image"] == "registry/request"
    assert meta(var_files=[file], var_values={"image": "argument"}) == {
        "image": "registry/argument",
        "ports": "1,2",
        "loose": "7",
    }


def test_text_for_strings_is_taken_literally() -> None:
    assert meta(var_values={"image": "${not} [an] expression"})["image"] == "registry/${not} [an] expression"


def test_values_may_be_json() -> None:
    assert meta(variables='{"image": "json", "ports": [3]}')["ports"] == "3"


def test_unknown_names_are_errors_only_when_strict(tmp_path: Path) -> None:
    file = tmp_path / "x.vars"
    file.write_text("other = 1\n")
    for options in ({"var_files": [file]}, {"var_values": {"other": "1"}}):
        with pytest.raises(JobspecError, match='A "other" variable was'):
            meta(**options)
        assert meta(**options, strict=False)["loose"] == "7"


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ('variable "a" {}', 'Unset variable "a"'),
        ('variable "a" {\n type = any\n default = 1\n}', "an exact type is required"),
        ('variable "a" {\n type = strin\n default = 1\n}', 'The keyword "strin" is not a valid type specification.'),
        ('variable "a" {\n type = list\n default = []\n}', "The list type constructor requires one argument"),
        ('variable "a" {\n type = number\n default = "x"\n}', "type constraint: a number is required."),
        ('variable "a" {\n default = upper("x")\n}', "Function calls not allowed; Functions may not be called here."),
        ('variable "a" {\n default = var.b\n}', "Variables not allowed; Variables may not be used here."),
        ('variable "a" { default = 1 }\nvariable "a" { default = 2 }', "Duplicate variable"),
        ('variable "1a" { default = 1 }', "Invalid variable name"),
        ("locals { a = local.a }", 'This object does not have an attribute named "a".'),
    ],
)
def test_declarations_that_cannot_be(declaration: str, message: str) -> None:
    with pytest.raises(JobspecError, match=message.replace("(", "\\(")):
        parse(f'{declaration}\njob "j" {{}}')


VALIDATED = """
variable "env" {
  type = string
  validation {
    condition     = contains(["dev", "prod"], var.env)
    error_message = "dev or prod, please"
  }
}
job "j" { region = var.env }
"""


def test_validation() -> None:
    assert parse(VALIDATED, var_values={"env": "dev"})["Region"] == "dev"
    with pytest.raises(JobspecError) as raised:
        parse(VALIDATED, variables='env = "qa"')
    assert str(raised.value) == (
        "input.hcl:1,7-11: Invalid value for varfile variable; dev or prod, please\n\n"
        "This was checked by the validation rule at input.hcl:4,3-13."
    )


def test_a_validation_looks_at_its_own_variable_only() -> None:
    source = VALIDATED.replace("var.env)", "var.other)")
    with pytest.raises(JobspecError, match=r"can only refer to the variable itself, using var\.env"):
        parse(source, var_values={"env": "dev"})


def test_a_variable_file_that_is_missing() -> None:
    with pytest.raises(JobspecError, match="unable to parse var file: <nil>: Failed to read file"):
        parse(SOURCE, var_files=["/nowhere/x.vars"])
