"""A job specification -> the job of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jobspec.content import Body, Content, Expected, NativeBody
from jobspec.decode import Decoder
from jobspec.diagnostics import Diagnostic, JobspecError, Range, Source
from jobspec.evaluate import Evaluator, Scope
from jobspec.functions.catalog import all_functions
from jobspec.job import SPECIAL, decode_job
from jobspec.json_content import JsonBody
from jobspec.references import runtime_reference
from jobspec.syntax.body import parse_body
from jobspec.syntax.json_text import JsonObject, parse_json
from jobspec.variables import Variables, evaluate_locals

_DOCUMENT = Expected({}, {"variables": [], "variable": ["name"], "locals": [], "job": ["name"]})


def parse(
    source: str,
    *,
    filename: str = "input.hcl",
    variables: str = "",
    var_values: Mapping[str, str] | None = None,
    var_files: Iterable[str | Path] = (),
    env: Mapping[str, str] | None = None,
    files: bool = False,
    strict: bool = True,
) -> dict[str, Any]:
    """The job as `PUT /v1/jobs/parse` answers it without Canonicalize: every key is there, unset ones are None.

    `source` is HCL, or HCL-JSON if its first character other than a space is `{`. Variables get their values from
    `env` (`NOMAD_VAR_name`), `var_files`, `variables` (the text of one more such file) and `var_values`, the later
    ones counting. `files` allows functions that read files, relative to the working directory. `strict` makes values
    for undeclared variables an error.

    Raises JobspecError; its text is what Nomad says behind `Failed to parse job: `.
    """
    body, mistakes = _read(Source(filename, source))
    assigned = [(str(path), _variable_file(Path(path))) for path in var_files]
    if variables:
        given, wrong = _read(Source("input.hcl", variables))
        if wrong:
            raise JobspecError(wrong, condensed=True, prefix="unable to parse var content: ")
        assigned.append(("input.hcl", given))
    if mistakes:
        raise JobspecError(mistakes, condensed=True)
    found: list[Diagnostic] = []
    content = body.content(_DOCUMENT, found)
    if found:
        raise JobspecError(found)
    inputs = Variables(all_functions(files=False), strict=strict)
    _declare(inputs, content)
    definitions = [
        attribute
        for block in content.blocks
        if block.type == "locals"
        for attribute in block.body.arguments(inputs.diagnostics).values()
    ]
    inputs.assign_environment(env or {})
    for name, given in assigned:
        inputs.assign_file(given, name)
    inputs.assign_arguments(var_values or {})
    scope = Scope({"var": inputs.values()}, all_functions(files=files), runtime_reference)
    local_values, wrong = evaluate_locals(definitions, scope)
    found = inputs.diagnostics + wrong
    if any(not diagnostic.warning for diagnostic in found):
        raise JobspecError(found)
    scope.variables = {**(scope.variables or {}), "local": local_values}
    return _job(content, Evaluator(scope), found)


def _read(source: Source) -> tuple[Body, list[Diagnostic]]:
    """The body of a text in either syntax."""
    if source.text.lstrip(" ").startswith("{"):
        root, mistakes = parse_json(source)
        empty = Range(source, 0, 0)
        return JsonBody(root or JsonObject(empty, [], empty, empty)), mistakes
    body, mistakes = parse_body(source)
    return NativeBody(body), mistakes


def _variable_file(path: Path) -> Body:
    prefix = "unable to parse var file: "
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        reason = f'failed to read "{path}": {error.strerror}'
        raise JobspecError([Diagnostic("Failed to read file", reason)], prefix=prefix) from None
    body, mistakes = _read(Source(str(path), text))
    if mistakes:
        raise JobspecError(mistakes, condensed=True, prefix=prefix)
    return body


def _declare(inputs: Variables, content: Content) -> None:
    for block in content.blocks:
        if block.type == "variable":
            inputs.declare(block)
        elif block.type == "variables":
            inputs.declare_all(block.body)


def _job(content: Content, evaluator: Evaluator, warnings: list[Diagnostic]) -> dict[str, Any]:
    blocks = [block for block in content.blocks if block.type == "job"]
    decoder = Decoder(evaluator, SPECIAL)
    if not blocks:
        raise JobspecError([*warnings, Diagnostic("Missing job block", "A job block is required")])
    job = decode_job(decoder, blocks[0].body, blocks[0].labels[0])
    for block in blocks[1:]:
        detail = f'Only one block of type "job" is allowed. Previous definition was at {blocks[0].header}.'
        evaluator.report("Duplicate job block", detail, block.header)
    if evaluator.diagnostics:
        raise JobspecError([*warnings, *evaluator.diagnostics])
    if decoder.free_form_diagnostics:
        raise JobspecError([*warnings, *decoder.free_form_diagnostics], condensed=True)
    return job
