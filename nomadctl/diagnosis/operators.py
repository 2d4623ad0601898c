"""Is there an operator at work? Its switch, its job, and whether any of its processes leads."""

from typing import TYPE_CHECKING, Final

from nomadctl.diagnosis.finding import Finding, Findings
from nomadctl.diagnosis.jobs import job_findings
from nomadctl.output import quoted

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import JobStub, VariableMetadata

ACLS_DISABLED: Final = "acls-disabled"
"""The accessor of everybody's token where ACLs are off."""


async def operator_findings(nomad: "Nomad", operator: str) -> Findings:
    """What keeps an operator from working.

    A process that leads needs no job: a developer may run it in a shell. So a missing job is told only where nobody leads, or
    nobody can tell.
    """
    leads = await _leader(nomad, operator)
    async for finding in _switched(nomad, operator, leads is True):
        yield finding
    if leads:
        return
    job = await _job_of(nomad, operator)
    if job is None:
        unsure = "" if leads is False else " (whether a process of it runs elsewhere, only a management token can tell)"
        yield Finding(
            "OperatorNotRunning",
            f"no job runs operator {quoted(operator)}, neither by its label nor by its name{unsure}",
            install_command(operator) or "run its job, or the operator itself: nomadctl operator run <module>",
        )
        return
    told = False
    again = install_command(operator) or "run its job again: nomadctl job run <file>"
    async for finding in job_findings(nomad, job.id, start=again, gone=again):
        told = True
        reason = f"Operator{finding.reason.removeprefix('Job')}"
        yield Finding(reason, f"operator {quoted(operator)}: {finding.message}", finding.cure, finding.evidence)
    if not told and leads is False:
        yield Finding(
            "NoLeader",
            f"operator {quoted(operator)} runs, but none of its processes leads",
            f"wait for a former leader's lock to end (some 20 s), then look into its log: nomadctl job allocs {job.id}",
        )


def install_command(operator: str = "", kind: str = "") -> str:
    """What installs the bundled operator of that name, or for that kind; empty if there is none."""
    from operators.bundle import bundles

    for bundle in bundles().values():
        if bundle.name == operator or kind in bundle.kinds:
            return f"nomadctl operator install {bundle.name}"
    return ""


async def _switched(nomad: "Nomad", operator: str, leads: bool) -> Findings:
    from nomad_api.errors import Forbidden
    from operator_kit.crd_store.codec import InvalidItems
    from operator_kit.process.pause import read_switch

    resume = f"nomadctl operator resume {operator}"
    try:
        switch = await read_switch(nomad, operator)
    except Forbidden:
        return  # a user need not see it, and has other things to look at
    except InvalidItems as error:
        message = f"operator {quoted(operator)} counts as paused, since its switch cannot be understood: {error}"
        yield Finding("OperatorPaused", message, resume)
        return
    if switch.paused:
        reason = f": {switch.reason}" if switch.reason else ""
        yield Finding("OperatorPaused", f"operator {quoted(operator)} is paused{reason}", resume)
    if switch.developer and not leads:
        yield Finding(
            "OperatorDeveloped",
            f"developer {switch.developer} has taken over operator {quoted(operator)}, but does not run it at the moment",
            f"ask there what it is doing; if that process is gone: {resume}",
        )


async def _leader(nomad: "Nomad", operator: str) -> bool | None:
    """Whether any process holds a lock of the operator; None if the token is not shown locks."""
    from nomad_api.errors import Forbidden
    from operator_kit.crd_store import paths

    try:
        listed = await nomad.variables.list(paths.lock(operator))
    except Forbidden:
        return None
    locks = [entry for entry in listed if _is_lock(entry, operator)]
    if any(entry.lock for entry in locks):
        return True
    return False if await _sees_locks(nomad) else None


def _is_lock(entry: "VariableMetadata", operator: str) -> bool:
    from operator_kit.crd_store import paths

    path = paths.lock(operator)
    return entry.path == path or entry.path.startswith(f"{path}/")


async def _sees_locks(nomad: "Nomad") -> bool:
    """Nomad shows locks to management tokens only, or to everyone where ACLs are off."""
    from nomad_api.errors import APIError

    try:
        token = await nomad.acl.self()
    except APIError as error:
        return "ACL support disabled" in error.message  # so say older servers
    return token.type == "management" or token.accessor_id == ACLS_DISABLED


async def _job_of(nomad: "Nomad", operator: str) -> "JobStub | None":
    """The job that runs the operator: by the label in its Meta, else by its ID; a running one before a stopped one."""
    from operators.bundle import LABEL

    jobs = await nomad.jobs.list(meta=True)
    candidates = [job for job in jobs if (job.meta or {}).get(LABEL) == operator or job.id == operator]
    return min(candidates, key=lambda job: (job.stop, job.id != operator), default=None)
