"""The tree of commands. Nothing is imported before it is called: `nomadctl version` must be fast."""

import sys
from typing import Any, Final

from nomadctl.framework import PROGRAM, Group

TREE: Final[dict[str, Any]] = {
    "agent": "agent:agent",
    "version": "version:version",
    "job": {
        "run": "job_run:run",
        "plan": "job_plan:plan",
        "validate": "job_run:validate",
        "stop": "job_stop:stop",
        "status": "job_status:status",
        "allocs": "job_status:allocs",
        "deployments": "job_status:deployments",
        "inspect": "job_inspect:inspect",
        "eval": "job_change:evaluate",
        "revert": "job_change:revert",
        "scale": "job_change:scale",
        "promote": "job_change:promote",
        "dispatch": "job_dispatch:dispatch",
        "periodic": {"force": "job_dispatch:force"},
        "tag": {"apply": "job_tag:apply", "unset": "job_tag:unset"},
    },
    "run": "job_run:run",
    "plan": "job_plan:plan",
    "validate": "job_run:validate",
    "stop": "job_stop:stop",
    "status": "status:status",
    "alloc": {
        "status": "alloc_status:status",
        "checks": "alloc_checks:checks",
        "logs": "alloc_logs:logs",
        "exec": "alloc_exec:exec_",
        "stop": "alloc_lifecycle:stop",
        "restart": "alloc_lifecycle:restart",
        "signal": "alloc_lifecycle:signal",
    },
    "node": {"status": "node_status:status", "eligibility": "node_eligibility:eligibility"},
    "server": {"members": "server:members"},
    "agent-info": "server:info",
    "eval": {"status": "evaluation:status", "list": "evaluation:list_"},
    "deployment": {
        "list": "deployment:list_",
        "status": "deployment:status",
        "fail": "deployment:fail",
        "pause": "deployment:pause",
        "resume": "deployment:resume",
        "promote": "deployment:promote",
        "unblock": "deployment:unblock",
    },
    "namespace": {
        "list": "namespace:list_",
        "status": "namespace:status",
        "inspect": "namespace:inspect",
        "apply": "namespace:apply",
        "delete": "namespace:delete",
    },
    "var": {
        "put": "var_put:put",
        "get": "var:get",
        "list": "var:list_",
        "purge": "var:purge",
        "init": "var_init:init",
    },
    "acl": {
        "bootstrap": "acl:bootstrap",
        "policy": {
            "apply": "acl_policy:apply",
            "list": "acl_policy:list_",
            "info": "acl_policy:info",
            "delete": "acl_policy:delete",
            "self": "acl_policy:self_",
        },
        "token": {
            "create": "acl_token:create",
            "update": "acl_token:update",
            "list": "acl_token:list_",
            "info": "acl_token:info",
            "self": "acl_token:self_",
            "delete": "acl_token:delete",
        },
        "role": {
            "list": "acl_role:list_",
            "create": "acl_role:create",
            "info": "acl_role:info",
            "delete": "acl_role:delete",
        },
        "auth-method": {"list": "acl_role:auth_methods"},
        "binding-rule": {"list": "acl_role:binding_rules"},
    },
    "event": {"stream": "event:stream"},
    "system": {"gc": "system:gc", "reconcile": {"summaries": "system:summaries"}},
    "operator": {
        "install": "operator:install",
        "list": "operator:list_",
        "api": "operator_api:api",
        "pause": "operator_switch:pause",
        "resume": "operator_switch:resume",
        "init": "operator_init:init",
        "run": "operator_run:run",
    },
    "get": "resource:get",
    "describe": "resource:describe",
    "why": "why:why",
    "pause": "resource_control:pause",
    "resume": "resource_control:resume",
    "reconcile": "resource_control:reconcile",
    "release": "resource_control:release",
}


def main() -> None:
    """Run the program with the arguments of the process, and exit with its code."""
    arguments = sys.argv[1:]
    if arguments[:1] in (["-v"], ["-version"], ["--version"]):
        arguments[0] = "version"
    try:
        code = Group(None, TREE, __doc__ or "").main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
