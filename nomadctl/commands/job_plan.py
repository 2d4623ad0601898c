"""`job plan`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomadctl.commands.job_run import with_namespaces
from nomadctl.failure import Failure, failing
from nomadctl.framework import PROGRAM, Call, command, flag, one, option
from nomadctl.job_file import JOB_FILE_OPTIONS, JobFile, read_job
from nomadctl.output import bold, cell, moment, nanoseconds, quoted, table
from nomadctl.periodic import next_launch
from nomadctl.placement_view import failed_groups
from nomadctl.plan_view import job_diff
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.models import JobPlan

ERROR: Final = 255
"""The exit code of a plan that could not be made; 1 is one that changes something."""

_MOST_ROWS: Final = 10

_ADVICE: Final = """\
To submit the job with version verification run:

{program} job run -check-index {index} {arguments}{path}

When running the job with the check-index flag, the job will only be run if the
job modify index given matches the server-side version. If the index has
changed, another user has modified the job and the plan's results are
potentially invalid."""


@command(
    "job plan",
    one("<path>"),
    *JOB_FILE_OPTIONS,
    flag("diff", "Show the difference to the job that is registered.", default=True),
    flag("json-output", "The whole answer as JSON."),
    option("t", "A Go template for the answer."),
    flag("verbose", "Show everything that differs."),
    flag("policy-override", "Accepted for compatibility."),
    option("vault-namespace", "The Vault namespace to store in the job."),
    failure=ERROR,
)
async def plan(
    call: Call,
    path: str,
    *,
    json: bool,
    hcl2_strict: bool,
    var: list[str],
    var_file: list[str],
    diff: bool,
    json_output: bool,
    t: str | None,
    verbose: bool,
    policy_override: bool,
    vault_namespace: str | None,
) -> int:
    """Show what registering a job would change. The exit code is 0 if nothing, 1 if something, 255 on an error."""
    if json_output and t:
        raise Failure("Both -json-output and -t formatting are not allowed")
    file = with_namespaces(read_job(path, as_json=json, strict=hcl2_strict, values=var, files=var_file), None, vault_namespace)
    nomad = call.nomad.scoped(namespace=file.namespace or None, region=file.region or None)
    with failing("Error during plan"):
        # The difference is always asked for: it tells whether anything changes.
        plan = await nomad.jobs.plan(file.job, diff=True)
    if json_output or t:
        call.out(structured(json_output, t, plan))
        return _exit_code(plan)

    if diff:
        call.out(f"{job_diff(plan.diff or {}, verbose)}\n")
    call.out(f"{bold('Scheduler dry-run:')}\n{_dry_run(plan, file)}\n")
    if plan.warnings:
        call.out(f"Job Warnings:\n{plan.warnings}\n")
    if preempted := (plan.annotations and plan.annotations.preempted_allocs) or ():
        rows = [(a.get("ID"), a.get("JobID"), a.get("TaskGroup")) for a in preempted[:_MOST_ROWS]]
        call.out(f"{bold('Preemptions:')}\n\n{table([('Alloc ID', 'Job ID', 'Task Group'), *rows])}")
    advice = _ADVICE.format(
        program=PROGRAM, index=plan.job_modify_index, arguments=_arguments(call, var, var_file, hcl2_strict), path=path
    )
    call.out(f"{bold(f'Job Modify Index: {plan.job_modify_index}')}\n{advice}")
    return _exit_code(plan)


def _dry_run(plan: "JobPlan", file: JobFile) -> str:
    lines = []
    if not plan.failed_tg_allocs:
        lines.append("- All tasks successfully allocated.")
    else:
        everywhere = "allocations on all nodes" if file.job.get("Type") == "system" else "all allocations"
        lines.append(f"- WARNING: Failed to place {everywhere}.")
        for title, why in failed_groups(plan.failed_tg_allocs, "    "):
            lines += [f"  {title}", why, ""]
        lines.pop()
    if nanoseconds(plan.next_periodic_launch) and not file.parameterized:
        launch = next_launch(file.job["Periodic"]) if file.periodic else moment(plan.next_periodic_launch)
        lines.append(f"- If submitted now, next periodic launch would be at {launch}.")
    return "\n".join(lines)


def _arguments(call: Call, values: Sequence[str], files: Sequence[str], strict: bool) -> str:
    """What `job run` needs besides the index to register the same job."""
    namespace = call.settings.namespace
    words = [
        *(f"-var={quoted(value)}" for value in values),
        *(f"-var-file={quoted(file)}" for file in files),
        *([f"-namespace={quoted(namespace)}"] if namespace else []),
        *([] if strict else [f"-hcl2-strict={cell(strict)}"]),
    ]
    return "".join(f"{word} " for word in words)


def _exit_code(plan: "JobPlan") -> int:
    if (plan.diff or {}).get("Type") == "None" or plan.annotations is None:
        return 0
    updates = (plan.annotations.desired_tg_updates or {}).values()
    return int(any(u.stop + u.place + u.migrate + u.destructive_update + u.canary for u in updates))
