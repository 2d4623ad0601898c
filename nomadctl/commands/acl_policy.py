"""`acl policy apply`, `list`, `info`, `self` and `delete`."""

import sys
from pathlib import Path

from nomadctl.acl_view import policy_text
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, nothing, one, option, takes
from nomadctl.output import table
from nomadctl.structured import structured
from nomadctl.variable_spec import opening


@command(
    "acl policy apply",
    takes(2, 2, "This command takes two arguments: <name> and <path>"),
    option("description", "A description.", default=""),
    option("job", "Bind the policy to the identities of this job, in the namespace that -namespace gives."),
    option("group", "… of this group of the job."),
    option("task", "… of this task of the group."),
)
async def apply(
    call: Call, name: str, path: str, *, description: str, job: str | None, group: str | None, task: str | None
) -> None:
    """Create or replace a policy from a file with rules; `-` is stdin."""
    from nomad_api.models import ACLPolicy, JobACL

    try:
        rules = sys.stdin.read() if path == "-" else Path(path).read_text()
    except OSError as error:
        raise Failure(f"Failed to read file: {opening(path, error)}") from error
    # Only the flag counts here: the namespace of the environment binds no policy.
    namespace = call.given("namespace")
    for narrow, wide, problem in (
        (job, namespace, "-namespace is required if -job is set"),
        (group, job, "-job is required if -group is set"),
        (task, group, "-group is required if -task is set"),
    ):
        if narrow and not wide:
            raise Failure(problem)
    bound = JobACL(namespace=namespace, job_id=job or "", group=group or "", task=task or "") if namespace else None
    with failing("Error writing ACL policy"):
        await call.nomad.acl.upsert_policy(ACLPolicy(name=name, description=description, rules=rules, job_acl=bound))
    call.out(f'Successfully wrote "{name}" ACL policy!')


@command("acl policy list", nothing(), flag("json", "As JSON."), option("t", "A Go template for the output."))
async def list_(call: Call, *, json: bool, t: str | None) -> None:
    """List policies."""
    with failing("Error listing ACL policies"):
        policies = await call.nomad.acl.policies()
    if json or t:
        call.out(structured(json, t, policies))
    elif not policies:
        call.out("No policies found")
    else:
        call.out(table([("Name", "Description"), *((policy.name, policy.description) for policy in policies)]))


@command("acl policy info", one("<name>"))
async def info(call: Call, name: str) -> None:
    """Show a policy."""
    with failing("Error fetching info on ACL policy"):
        call.out(policy_text(await call.nomad.acl.policy(name)))


@command("acl policy self", nothing(), flag("json", "As JSON."), option("t", "A Go template for the output."))
async def self_(call: Call, *, json: bool, t: str | None) -> None:
    """List the policies of the token in use."""
    from nomad_api.errors import NomadError

    try:
        token = await call.nomad.acl.self()
    except NomadError:
        token = None  # a workload identity is no token, and has policies nevertheless
    if token is not None and token.type == "management":
        call.out("This is a management token. No individual policies are assigned.")
        return
    with failing("Error fetching WI policies"):
        policies = await call.nomad.acl.own_policies()
    if json or t:
        call.out(structured(json, t, policies))
        return
    if not policies:
        call.out("No policies found for this identity.")
        return
    rows = []
    for policy in policies:
        bound = policy.job_acl
        where = (bound.job_id, bound.group, bound.task) if bound else ("", "", "")
        rows.append((policy.name, *(text or "<unavailable>" for text in where)))
    call.out(table([("Name", "Job ID", "Group Name", "Task Name"), *rows]))


@command("acl policy delete", one("<name>"))
async def delete(call: Call, name: str) -> None:
    """Remove a policy."""
    with failing("Error deleting ACL policy"):
        await call.nomad.acl.delete_policy(name)
    call.out(f"Successfully deleted {name} policy!")
