"""The permissions that routes declare. Each is a check of the caller's ACL that raises `PermissionDenied`."""

from orchestrator.errors import PermissionDenied
from orchestrator.http.call import Call
from orchestrator.http.route import Permission


def public(call: Call) -> None:
    """No token is looked at, not even a bad one."""


def anyone(call: Call) -> None:
    """Everybody but those with a bad token: the route filters or checks by what it finds."""
    _ = call.caller


def management(call: Call) -> None:
    """A management token."""
    if not call.acl.is_management:
        raise PermissionDenied


def namespace(capability: str) -> Permission:
    """A capability in the namespace of the request; with `*`, in any namespace (the list is then filtered)."""

    def check(call: Call) -> None:
        allowed = (
            call.acl.allow_any_namespace(capability)
            if call.namespace == "*"
            else call.acl.allow_namespace(call.namespace, capability)
        )
        if not allowed:
            raise PermissionDenied

    return check


def node(access: str) -> Permission:
    """`read` or `write` of nodes."""

    def check(call: Call) -> None:
        if not call.acl.allow_node(access):
            raise PermissionDenied

    return check


def agent(access: str) -> Permission:
    """`read` or `write` of the agent."""

    def check(call: Call) -> None:
        if not call.acl.allow_agent(access):
            raise PermissionDenied

    return check


def operator(access: str) -> Permission:
    """`read` or `write` of what operators of the cluster may see and do."""

    def check(call: Call) -> None:
        if not call.acl.allow_operator(access):
            raise PermissionDenied

    return check
