"""How a variable is shown (table, HCL, JSON, template), and what a failed check-and-set says."""

import json
from typing import TYPE_CHECKING, Any, Final

from nomadctl.failure import Failure
from nomadctl.output import heading, instant, pairs, quoted

if TYPE_CHECKING:
    from nomad_api.errors import Conflict
    from nomad_api.models import Variable

WILDCARD: Final = 'The wildcard namespace ("*") is not valid for this command.'


def check_format(out: str, template: str, allowed: tuple[str, ...]) -> None:
    """Refuse an unknown `-out`, and a template without its format or the other way round."""
    if out != "go-template" and template:
        raise Failure("The '-template' flag is only valid when using 'go-template' formatting", hint=True)
    if out not in allowed:
        raise Failure(f'Invalid value for "-out"; valid values are [{", ".join(allowed)}]', hint=True)
    if out == "go-template" and not template:
        raise Failure("A template must be supplied using '-template' when using go-template formatting", hint=True)


def shown(variable: "Variable", out: str, template: str) -> str:
    """A variable in one of the formats `json`, `hcl`, `go-template` and `table`."""
    match out:
        case "json":
            return json.dumps(ordered(variable), indent=2, ensure_ascii=False)
        case "hcl":
            return _as_hcl(variable)
        case "go-template":
            return templated(ordered(variable), template)
        case _:
            return _as_table(variable)


def templated(data: Any, template: str) -> str:
    """Data through a Go template."""
    from nomadctl.go_template import TemplateError, render

    try:
        return render(template, data)
    except TemplateError as error:
        raise Failure(str(error)) from error


def ordered(variable: "Variable") -> dict[str, Any]:
    """A variable's JSON in the order people read it: names first, items last."""
    data: dict[str, Any] = {
        "Namespace": variable.namespace,
        "Path": variable.path,
        "CreateIndex": variable.create_index,
        "ModifyIndex": variable.modify_index,
        "CreateTime": variable.create_time,
        "ModifyTime": variable.modify_time,
        "Items": dict(sorted((variable.items or {}).items())),
    }
    if variable.lock is not None:
        data["Lock"] = variable.lock.to_wire()
    return data


def _as_hcl(variable: "Variable") -> str:
    items = sorted((variable.items or {}).items())
    width = max((len(key) for key, _ in items), default=0)
    head = (
        f"namespace    = {quoted(variable.namespace)}\n"
        f"path         = {quoted(variable.path)}\n"
        f"create_index = {variable.create_index}  # Set by server\n"
        f"modify_index = {variable.modify_index}  # Set by server; consulted for check-and-set\n"
        f"create_time  = {variable.create_time}   # Set by server\n"
        f"modify_time  = {variable.modify_time}   # Set by server\n"
    )
    body = "".join(f"  {key.rjust(width)} = {quoted(value)}\n" for key, value in items)
    return f"\n{head}\nitems = {{\n{body}}}\n"


def _as_table(variable: "Variable") -> str:
    meta: list[tuple[str, object]] = [
        ("Namespace", variable.namespace),
        ("Path", variable.path),
        ("Create Time", instant(variable.create_time)),
    ]
    if variable.create_time != variable.modify_time:
        meta.append(("Modify Time", instant(variable.modify_time)))
    meta.append(("Check Index", variable.modify_index))
    items = pairs(sorted((variable.items or {}).items()))
    return f"{pairs(meta)}\n{heading('Items')}\n{items}"


def check_and_set_failure(conflict: "Conflict", check_index: int) -> Failure:
    """What to say when the variable is not the one that the user has seen."""
    from nomad_api.models import VariableMetadata

    current = conflict.current or VariableMetadata()
    updated = f"The server-side item was last updated on {instant(current.modify_time)}. " if current.modify_index else ""
    text = (
        f"Your provided check-index ({check_index}) does not match the server-side index ({current.modify_index}). {updated}"
        f"If you are sure you want to perform this operation, add the -force or -check-index={current.modify_index} flag "
        "before the positional arguments."
    )
    return Failure("\nCheck-and-Set conflict\n\n" + "\n".join(f"    {line}" for line in _wrapped(text, 76)) + "\n")


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of about a width. Hyphens do not count, so that the lines break where `nomad` breaks them."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if len(longer.replace("-", "")) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
