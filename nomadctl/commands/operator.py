"""`operator install` and `operator list`: the operators that come with this program, as jobs."""

import asyncio
import sys
from typing import TYPE_CHECKING, Final

from nomadctl.failure import Failure, failing, wording
from nomadctl.framework import Call, command, flag, nothing, one, option
from nomadctl.monitor import Monitor
from nomadctl.output import quoted, table

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import ACLPolicy
    from operators.bundle import Bundle

_PATIENCE: Final = 120.0
"""Seconds for the operator to run."""


@command(
    "operator install",
    one("<name>"),
    option("python", "The interpreter that runs the operator; by default the one of this program.", default=sys.executable),
    option("driver", "The task driver of the operator's job."),
    option("option", "Another option of the operator, as name=value; may be repeated.", multiple=True),
    flag("detach", "Do not wait until the operator runs."),
)
async def install(call: Call, name: str, *, python: str, driver: str | None, option: list[str], detach: bool) -> int:
    """Install a bundled operator: its ACL policy, where ACLs are on, and its job; then wait until it runs."""
    bundle = _bundle(name)
    options = {"python": python, **({"driver": driver} if driver else {})}
    for entry in option:
        key, equals, value = entry.partition("=")
        if not equals:
            raise Failure(f"Invalid option {quoted(entry)}: write name=value")
        options[key] = value
    try:
        job = bundle.job(options)
    except ValueError as error:
        raise Failure(f"Error preparing the job: {error}") from error
    nomad = call.nomad.scoped(namespace=job.namespace or None)
    namespace = job.namespace or nomad.namespace or "default"
    await _apply_policy(call, nomad, bundle.policy(namespace), namespace, str(job.id))
    with failing("Error submitting job"):
        registration = await nomad.jobs.register(job)
    call.out(f'Registered job "{job.id}"')
    if detach:
        return 0
    code = await Monitor(call, nomad).evaluation(registration.eval_id)
    if code == 0:
        await _until_running(nomad, str(job.id))
        call.out(f'Operator "{bundle.name}" is running; it looks after {", ".join(bundle.kinds)}')
    return code


@command("operator list", nothing())
async def list_(call: Call) -> None:
    """List the bundled operators, and whether their jobs run."""
    from operators.bundle import bundles

    rows = [
        (bundle.name, await _state(call.nomad, bundle), ",".join(bundle.kinds), bundle.summary) for bundle in bundles().values()
    ]
    call.out(table([("Name", "Job", "Kinds", "Summary"), *rows]))


def _bundle(name: str) -> "Bundle":
    from operators.bundle import bundles

    known = bundles()
    if name not in known:
        raise Failure(f"No bundled operator {quoted(name)}; there are: {', '.join(known) or 'none'}")
    return known[name]


async def _apply_policy(call: Call, nomad: "Nomad", policy: "ACLPolicy", namespace: str, job_id: str) -> None:
    """Bind the policy to the job's identities, on an agent that has ACLs."""
    from nomad_api.errors import BadRequest
    from nomad_api.models import JobACL

    bound = policy.evolve(job_acl=JobACL(namespace=namespace, job_id=job_id))
    try:
        with failing("Error writing ACL policy"):
            await nomad.acl.upsert_policy(bound)
    except Failure as failure:
        cause = failure.__cause__
        if not (isinstance(cause, BadRequest) and "ACL support disabled" in cause.message):
            raise
        call.out("ACLs are off: no policy is needed")
        return
    call.out(f'Wrote ACL policy "{bound.name}" for job "{job_id}"')


async def _until_running(nomad: "Nomad", id: str) -> None:
    """Wait until every allocation of the job's present version runs.

    Raises:
        Failure: one has failed, or it takes too long.
    """
    from nomad_api.client.api import segment
    from nomad_api.client.collection import models
    from nomad_api.models import AllocationStub

    def stubs(value: object) -> list[AllocationStub]:
        return models(AllocationStub, value)

    try:
        with failing("Error querying allocations"):
            async with asyncio.timeout(_PATIENCE):
                async for snapshot in nomad.watch(f"job/{segment(id)}/allocations", stubs):
                    wanted = [allocation for allocation in snapshot.value if allocation.desired_status == "run"]
                    failed = [allocation for allocation in wanted if allocation.client_status in ("failed", "lost")]
                    if failed:
                        raise Failure(f"The operator does not run; see: nomadctl alloc status {failed[0].id[:8]}")
                    if wanted and all(allocation.client_status == "running" for allocation in wanted):
                        return
    except TimeoutError:
        raise Failure(f"The operator does not run after {_PATIENCE:g} s; see: nomadctl job status {id}") from None


async def _state(nomad: "Nomad", bundle: "Bundle") -> str:
    """What the operator's job is doing."""
    from nomad_api.errors import NomadError, NotFound

    try:
        job = await nomad.jobs.get(bundle.name)
    except NotFound:
        return "not installed"
    except NomadError as error:
        return f"unknown ({wording(error)})"
    return "stopped" if job.stop else str(job.status)
