"""`var get`, `var list` and `var purge`."""

import sys
from typing import Any

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, number, one, option, takes
from nomadctl.output import instant, interactive, table
from nomadctl.structured import as_text, query_meta
from nomadctl.variable_view import WILDCARD, check_and_set_failure, check_format, shown, templated


@command(
    "var get",
    one("<path>"),
    option("out", "The format: go-template, hcl, json, none or table (on a terminal, else json)."),
    option("template", "A Go template, for -out go-template.", default=""),
    option("item", "Print only the value of this item."),
)
async def get(call: Call, path: str, *, out: str | None, template: str, item: str | None) -> None:
    """Print a variable."""
    from nomad_api.errors import NotFound

    out = out or ("table" if interactive(sys.stdout) else "json")
    check_format(out, template, ("go-template", "hcl", "json", "none", "table"))
    if call.all_namespaces:
        raise Failure(WILDCARD)
    try:
        with failing("Error retrieving variable"):
            variable = await call.nomad.variables.get(path)
    except Failure as failure:
        raise Failure("Variable not found") if isinstance(failure.__cause__, NotFound) else failure from None
    if item:
        if item not in (variable.items or {}):
            raise Failure(f'Variable does not contain "{item}" item')
        sys.stdout.write((variable.items or {})[item])
    elif out != "none":
        call.out(shown(variable, out, template))


@command(
    "var list",
    takes(0, 1, "This command takes flags and either no arguments or one: <prefix>"),
    option("out", "The format: go-template, json, table (on a terminal, else json) or terse."),
    option("template", "A Go template, for -out go-template.", default=""),
    option("filter", "Show only what fulfils this expression; the server looks at all of the variables for it."),
    number("per-page", "How many to show at once."),
    option("page-token", "Where to go on, from the page before."),
)
async def list_(
    call: Call, prefix: str = "", *, out: str | None, template: str, filter: str | None, per_page: int, page_token: str | None
) -> None:
    """List variables, without their items."""
    from nomad_api.models import VariableMetadata

    out = out or ("table" if interactive(sys.stdout) else "json")
    check_format(out, template, ("go-template", "json", "table", "terse"))
    if filter:
        call.warn("Filter queries require a full scan of the data; use prefix searching where possible")
    params: dict[str, Any] = {
        "prefix": prefix or None,
        "filter": filter,
        "per_page": per_page or None,
        "next_token": page_token,
    }
    with failing("Error retrieving vars"):
        answer = await call.nomad.answer("vars", params)
    stubs = answer.json()
    variables = [VariableMetadata.model_validate(stub) for stub in stubs]
    match out:
        case "json":
            # With pages the list has company: the token of the next one.
            call.out(as_text({"Data": stubs, "QueryMeta": query_meta(answer)} if per_page else stubs))
            return
        case "terse":
            call.out("\n".join(f"{v.namespace}|{v.path}" if call.all_namespaces else v.path for v in variables))
        case "go-template":
            call.out(templated(stubs, template))
        case _ if not variables:
            call.out("No matching variables found")
        case _:
            rows = sorted((v.namespace, v.path, instant(v.modify_time)) for v in variables)
            call.out(table([("Namespace", "Path", "Last Updated"), *rows]))
    if answer.next_token:
        call.warn(f"Next page token: {answer.next_token}")


@command(
    "var purge",
    one("<path>"),
    option("check-index", "Remove the variable only if its modify index is this one."),
)
async def purge(call: Call, path: str, *, check_index: str | None) -> None:
    """Remove a variable."""
    from nomad_api.errors import Conflict

    if check_index and not check_index.isdigit():
        raise Failure(f'Invalid -check-index value "{check_index}": not parsable as uint64')
    if call.all_namespaces:
        raise Failure(WILDCARD)
    index = int(check_index) if check_index else None
    try:
        with failing("Error purging variable"):
            await call.nomad.variables.delete(path, cas=index)
    except Failure as failure:
        if isinstance(failure.__cause__, Conflict) and index is not None:
            raise check_and_set_failure(failure.__cause__, index) from None
        raise
    call.out(f'Successfully purged variable "{path}"!')
