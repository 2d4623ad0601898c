"""`job run` and `job validate`."""

import re
from dataclasses import replace
from typing import Final

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, number, one, option
from nomadctl.job_file import JOB_FILE_OPTIONS, JobFile, in_order, read_job
from nomadctl.monitor import Monitor
from nomadctl.periodic import next_launch
from nomadctl.structured import as_text

_ENFORCED: Final = re.compile(r"Enforcing job modify index \d+: [^\n]+")


@command(
    "job run",
    one("<path>"),
    *JOB_FILE_OPTIONS,
    option("check-index", "Register the job only if its modify index is this one; 0 only if it is new."),
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("output", "Print the job as JSON, and register nothing."),
    flag("verbose", "Show whole IDs."),
    flag("preserve-counts", "Keep the counts of groups that are running."),
    flag("preserve-resources", "Keep the resources of tasks that are running."),
    flag("policy-override", "Accepted for compatibility."),
    number("eval-priority", "The priority of the evaluation, if not the job's."),
    option("consul-namespace", "Accepted for compatibility."),
    option("vault-namespace", "The Vault namespace to store in the job."),
    flag("ui", "Accepted for compatibility."),
)
async def run(
    call: Call,
    path: str,
    *,
    json: bool,
    hcl2_strict: bool,
    var: list[str],
    var_file: list[str],
    check_index: str | None,
    detach: bool,
    output: bool,
    verbose: bool,
    preserve_counts: bool,
    preserve_resources: bool,
    policy_override: bool,
    eval_priority: int,
    consul_namespace: str | None,
    vault_namespace: str | None,
    ui: bool,
) -> int | None:
    """Register a job, and follow what comes of it.

    The exit code is 0 when the evaluation has placed everything and the deployment, if any, is successful, 2 when something
    could not be placed, and 1 on any other failure.
    """
    file = with_namespaces(
        read_job(path, as_json=json, strict=hcl2_strict, values=var, files=var_file), consul_namespace, vault_namespace
    )
    if output:
        call.out(as_text({"Job": in_order(file.job)}))
        return 0
    if check_index and not check_index.isdigit():
        reason = f'strconv.ParseUint: parsing "{check_index}": invalid syntax'
        raise Failure(f'Error parsing check-index value "{check_index}": {reason}')

    nomad = call.nomad.scoped(namespace=file.namespace or None, region=file.region or None)
    try:
        with failing("Error submitting job"):
            registration = await nomad.jobs.register(
                file.job,
                check_index=int(check_index) if check_index else None,
                submission=file.submission,
                preserve_counts=preserve_counts,
                preserve_resources=preserve_resources,
                eval_priority=eval_priority,
            )
    except Failure as failure:
        if enforced := _ENFORCED.search(str(failure)):
            raise Failure(f"{enforced[0].removesuffix(')')}\nJob not updated") from None
        raise
    if registration.warnings:
        call.out(f"Job Warnings:\n{registration.warnings}\n")
    if not detach and not file.periodic and not file.parameterized:
        return await Monitor(call, nomad, verbose=verbose).evaluation(registration.eval_id)

    call.out("Job registration successful")
    if file.periodic and not file.parameterized:
        call.out(f"Approximate next launch time: {next_launch(file.job['Periodic'])}")
    elif not file.parameterized:
        call.out(f"Evaluation ID: {registration.eval_id}")
    return 0


@command(
    "job validate",
    one("<path>"),
    *JOB_FILE_OPTIONS,
    option("vault-namespace", "The Vault namespace to store in the job."),
)
async def validate(
    call: Call,
    path: str,
    *,
    json: bool,
    hcl2_strict: bool,
    var: list[str],
    var_file: list[str],
    vault_namespace: str | None,
) -> None:
    """Check a job file: its syntax here, its meaning by the agent, if one answers."""
    from nomad_api.errors import NomadError
    from nomad_api.models import JobValidation

    file = with_namespaces(read_job(path, as_json=json, strict=hcl2_strict, values=var, files=var_file), None, vault_namespace)
    try:
        validation = await call.nomad.scoped(region=file.region or None).jobs.validate(file.job)
    except NomadError:
        validation = JobValidation()
    if not validation.driver_config_validated:
        call.out("Driver configuration not validated since connection to Nomad agent couldn't be established.\n")
    if validation.error:
        raise Failure(f"Job validation errors:\n{validation.error}")
    if validation.warnings:
        call.out(f"Job Warnings:\n{validation.warnings}\n")
    call.out("Job validation successful")


def with_namespaces(file: JobFile, consul: str | None, vault: str | None) -> JobFile:
    """The job with the Consul and Vault namespaces that flags name."""
    changes = {"ConsulNamespace": consul, "VaultNamespace": vault}
    return replace(file, job={**file.job, **{name: value for name, value in changes.items() if value}})
