"""`acl role list`, `create`, `info` and `delete`, and the lists of auth methods and binding rules."""

from typing import Any

from nomadctl.failure import failing
from nomadctl.framework import Call, command, flag, nothing, one, option
from nomadctl.output import pairs, table
from nomadctl.structured import structured

_JSON = (flag("json", "As JSON."), option("t", "A Go template for the output."))


@command("acl role list", nothing(), *_JSON)
async def list_(call: Call, *, json: bool, t: str | None) -> None:
    """List roles."""
    with failing("Error listing ACL roles"):
        roles = (await call.nomad.read("acl/roles")).value
    rows = [(role["ID"], role["Name"], role["Description"], ",".join(_policies(role))) for role in roles]
    _list(call, json, t, roles, [("ID", "Name", "Description", "Policies"), *rows], "No ACL roles found")


@command(
    "acl role create",
    nothing(),
    option("name", "The name of the role.", default=""),
    option("description", "A description.", default=""),
    option("policy", "A policy of the role; may be repeated.", multiple=True),
    *_JSON,
)
async def create(call: Call, *, name: str, description: str, policy: list[str], json: bool, t: str | None) -> None:
    """Make a role: a name for policies that tokens refer to."""
    body = {"Name": name, "Description": description, "Policies": [{"Name": wanted} for wanted in policy]}
    with failing("Error creating ACL role"):
        role = await call.nomad.write("PUT", "acl/role", body)
    call.out(structured(json, t, role) if json or t else _text(role))


@command("acl role info", one("<acl_role_id>"), flag("by-name", "The argument is the role's name."), *_JSON)
async def info(call: Call, id: str, *, by_name: bool, json: bool, t: str | None) -> None:
    """Show a role."""
    from nomad_api.client.api import segment

    with failing("Error reading ACL role"):
        role = (await call.nomad.read(f"acl/role/{'name/' if by_name else ''}{segment(id)}")).value
    call.out(structured(json, t, role) if json or t else _text(role))


@command("acl role delete", one("<acl_role_id>"))
async def delete(call: Call, id: str) -> None:
    """Remove a role."""
    from nomad_api.client.api import segment

    with failing("Error deleting ACL role"):
        await call.nomad.write("DELETE", f"acl/role/{segment(id)}")
    call.out(f"ACL role {id} successfully deleted")


@command("acl auth-method list", nothing(), *_JSON)
async def auth_methods(call: Call, *, json: bool, t: str | None) -> None:
    """List the methods of logging in."""
    with failing("Error listing ACL auth methods"):
        methods = (await call.nomad.read("acl/auth-methods")).value
    rows = [(method["Name"], method["Type"], method["Default"]) for method in methods]
    _list(call, json, t, methods, [("Name", "Type", "Default"), *rows], "No ACL auth methods found")


@command("acl binding-rule list", nothing(), *_JSON)
async def binding_rules(call: Call, *, json: bool, t: str | None) -> None:
    """List the rules that bind logins to roles and policies."""
    with failing("Error listing ACL binding rules"):
        rules = (await call.nomad.read("acl/binding-rules")).value
    rows = [(rule["ID"], rule["Description"], rule["AuthMethod"]) for rule in rules]
    _list(call, json, t, rules, [("ID", "Description", "Auth Method"), *rows], "No ACL binding rules found")


def _list(call: Call, json: bool, template: str | None, data: Any, rows: list[tuple[Any, ...]], none: str) -> None:
    if json or template:
        call.out(structured(json, template, data))
    else:
        call.out(table(rows) if len(rows) > 1 else none)


def _policies(role: dict[str, Any]) -> list[str]:
    return [policy["Name"] for policy in role.get("Policies") or ()]


def _text(role: dict[str, Any]) -> str:
    rows = [(title, role[key]) for title, key in (("ID", "ID"), ("Name", "Name"), ("Description", "Description"))]
    rows += [
        ("Policies", ",".join(_policies(role))),
        ("Create Index", role["CreateIndex"]),
        ("Modify Index", role["ModifyIndex"]),
    ]
    return pairs(rows)
