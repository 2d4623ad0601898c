"""`var put`."""

import sys

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.output import interactive
from nomadctl.variable_spec import VariableSpec, format_of, pairs_of, parse, read_file, unwieldy
from nomadctl.variable_view import WILDCARD, check_and_set_failure, check_format, shown


@command(
    "var put",
    takes(1, None, "Not enough arguments (expected >1, got 0)"),
    option("check-index", "Write the variable only if its modify index is this one; 0 only if it is new (the default)."),
    flag("force", "Write the variable whatever is there."),
    option("in", "The format of a specification on stdin: hcl or json.", default="json"),
    option("out", "The format of the answer: go-template, hcl, json, none (on a terminal, else json) or table."),
    option("template", "A Go template, for -out go-template.", default=""),
    flag("verbose", "Tell on stderr what is being done."),
)
async def put(
    call: Call,
    first: str,
    *rest: str,
    check_index: str | None,
    force: bool,
    in_: str,
    out: str | None,
    template: str,
    verbose: bool,
) -> None:
    """Create or replace a variable.

    Its items are `key=value` arguments (`key=@file`, `key=-` for stdin) after a path, a specification (`@file.hcl`,
    `@file.json`, `-`), or both: then the arguments change the specification's items, and an empty value removes one.
    """
    from nomad_api.errors import APIError, Conflict

    out = out or ("none" if interactive(sys.stdout) else "json")
    if check_index and not check_index.isdigit():
        raise Failure(
            f'Error parsing check-index value "{check_index}": strconv.ParseUint: parsing "{check_index}": invalid syntax'
        )
    if call.all_namespaces:
        raise Failure(WILDCARD)
    if not rest and first != "-" and not first.startswith("@"):
        raise Failure("Must supply data", hint=True)
    if in_ not in ("hcl", "json"):
        raise Failure('Invalid value for "-in"; valid values are [hcl, json]', hint=True)
    check_format(out, template, ("go-template", "hcl", "json", "none", "table"))

    spec = _specification(call, first, rest, in_, verbose)
    changes = pairs_of(rest[1:] if rest and (rest[0] == "-" or rest[0].startswith("@")) else rest)
    for key, value in changes.items():
        if value:
            spec.items[key] = value
        else:
            _tell(
                call, verbose, f'Removed item "{key}"' if key in spec.items else f'Item "{key}" does not exist, continuing...'
            )
            spec.items.pop(key, None)

    expected = int(check_index) if check_index else spec.modify_index
    nomad = call.nomad.scoped(namespace=spec.namespace or None)
    try:
        with failing("Error creating variable"):
            variable = await nomad.variables.put(spec.path, spec.items, cas=None if force else expected)
    except Failure as failure:
        conflict = failure.__cause__
        if isinstance(conflict, Conflict) and conflict.current and not force:
            raise check_and_set_failure(conflict, expected) from None
        if isinstance(conflict, APIError) and conflict.status == 409:
            raise Failure(f"Error creating variable: {conflict.message}") from None
        raise

    if warning := unwieldy([key for key in changes if key in spec.items]):
        call.warn(warning)
    done = f'Created variable "{variable.path}" with modify index {variable.modify_index}'
    if out == "none":
        call.out(done)
        return
    _tell(call, verbose, done)
    call.out(shown(variable, out, template))


def _specification(call: Call, first: str, rest: tuple[str, ...], form: str, verbose: bool) -> VariableSpec:
    """The variable that the arguments before the pairs tell."""
    path, source = ("", first) if first == "-" or first.startswith("@") else (first.strip().strip("/"), rest[0])
    if path:
        _tell(call, verbose, f'Writing to path "{path}"')
    if source == "-":
        _tell(call, verbose, f"Reading whole {form.upper()} variable specification from stdin")
        text = sys.stdin.read()
    elif source.startswith("@"):
        form = format_of(source[1:])
        _tell(call, verbose, f'Reading whole {form.upper()} variable specification from "{source[1:]}"')
        text = read_file(source[1:])
    else:
        text = ""
    spec = parse(text, form) if text else VariableSpec()
    return spec.moved(path, call.settings.namespace)


def _tell(call: Call, verbose: bool, text: str) -> None:
    if verbose:
        call.warn(text)
