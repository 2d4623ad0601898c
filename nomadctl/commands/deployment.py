"""`deployment list`, `status`, `fail`, `pause`, `resume`, `promote` and `unblock`."""

from typing import TYPE_CHECKING, Any, Final

from nomadctl.deployment_view import deployment_table, deployment_text
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, nothing, one, option, takes
from nomadctl.lookup import find_one
from nomadctl.monitor import Monitor
from nomadctl.order import newest_first
from nomadctl.output import FULL_ID, SHORT_ID, limit, now, quoted
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.models import Deployment

_ONE: Final = one("<deployment id>")
_FOLLOWING: Final = (
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("verbose", "Show whole IDs."),
)


@command(
    "deployment list",
    nothing(),
    option("filter", "Only those that fulfil this expression."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs."),
)
async def list_(call: Call, *, filter: str | None, json: bool, t: str | None, verbose: bool) -> None:
    """List deployments."""
    with failing("Error retrieving deployments"):
        deployments = newest_first(await call.nomad.deployments.list(filter=filter))
    call.out(structured(json, t, deployments) if json or t else deployment_table(deployments, _length(verbose)))


@command(
    "deployment status",
    takes(0, 1, "This command takes one argument: <deployment id>"),
    flag("monitor", "Follow the deployment until it has ended."),
    option("wait", "Accepted for compatibility."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs."),
    flag("ui", "Accepted for compatibility."),
)
async def status(
    call: Call,
    prefix: str = "",
    *,
    monitor: bool = False,
    wait: str | None = None,
    json: bool = False,
    t: str | None = None,
    verbose: bool = False,
    ui: bool = False,
) -> None:
    """Show a deployment, or list all of them."""
    if monitor and (json or t):
        raise Failure("The monitor flag cannot be used with the '-json' or '-t' flags")
    if not prefix:
        with failing("Error retrieving deployments"):
            call.out(deployment_table(newest_first(await call.nomad.deployments.list()), _length(verbose)))
        return
    deployment = await _find(call, prefix, verbose)
    if json or t:
        call.out(structured(json, t, deployment))
    elif monitor:
        call.out(f"{now()}: Monitoring deployment {quoted(limit(deployment.id, _length(verbose)))}")
        await Monitor(call, verbose=verbose).deployment(deployment.id)
    else:
        call.out(deployment_text(deployment, _length(verbose)))


@command("deployment fail", _ONE, *_FOLLOWING)
async def fail(call: Call, prefix: str, *, detach: bool, verbose: bool) -> int:
    """End a deployment as failed."""
    deployment = await _find(call, prefix, verbose)
    with failing("Error failing deployment"):
        answer = await call.nomad.deployments.fail(deployment.id)
    reverted = answer.get("RevertedJobVersion")
    back = f". Auto-reverted to job version {reverted}." if reverted is not None else ""
    call.out(f'Deployment "{deployment.id}" failed{back}' + ("" if detach else "\n"))
    return await _follow(call, answer, detach, verbose)


@command("deployment pause", _ONE, flag("verbose", "Show whole IDs."))
async def pause(call: Call, prefix: str, *, verbose: bool) -> None:
    """Halt a deployment."""
    deployment = await _find(call, prefix, verbose)
    with failing("Error pausing deployment"):
        await call.nomad.deployments.pause(deployment.id)
    call.out(f'Deployment "{deployment.id}" paused')


@command("deployment resume", _ONE, *_FOLLOWING)
async def resume(call: Call, prefix: str, *, detach: bool, verbose: bool) -> int:
    """Let a halted deployment go on."""
    deployment = await _find(call, prefix, verbose)
    with failing("Error resuming deployment"):
        answer = await call.nomad.deployments.pause(deployment.id, False)
    call.out(f'Deployment "{deployment.id}" resumed')
    return await _follow(call, answer, detach, verbose)


@command(
    "deployment promote",
    _ONE,
    option("group", "Only this group; may be repeated.", multiple=True),
    *_FOLLOWING,
)
async def promote(call: Call, prefix: str, *, group: list[str], detach: bool, verbose: bool) -> int:
    """Replace the old allocations by the version of the canaries."""
    deployment = await _find(call, prefix, verbose)
    with failing("Error promoting deployment"):
        answer = await call.nomad.deployments.promote(deployment.id, list(group) or None)
    return await _follow(call, answer, detach, verbose)


@command("deployment unblock", _ONE, *_FOLLOWING)
async def unblock(call: Call, prefix: str, *, detach: bool, verbose: bool) -> int:
    """Let the blocked part of a deployment over several regions go on."""
    deployment = await _find(call, prefix, verbose)
    with failing("Error unblocking deployment"):
        answer = await call.nomad.deployments.unblock(deployment.id)
    call.out(f'Deployment "{deployment.id}" unblocked')
    return await _follow(call, answer, detach, verbose)


async def _find(call: Call, prefix: str, verbose: bool) -> "Deployment":
    if len(prefix) == FULL_ID:
        with failing("Error retrieving deployment"):
            return await call.nomad.deployments.get(prefix)

    def many(found: "list[Deployment]") -> Failure:
        return Failure(f"Prefix matched multiple deployments\n\n{deployment_table(found, _length(verbose))}")

    return await find_one(
        prefix.replace("-", ""),
        call.nomad.deployments.list,
        doing="Error retrieving deployment",
        too_short="Error retrieving deployment: Identifier must contain at least two characters.",
        none='Error retrieving deployment: Deployment ID "{prefix}" matched no deployments',
        many=many,
    )


async def _follow(call: Call, answer: dict[str, Any], detach: bool, verbose: bool) -> int:
    """Follow the evaluation that a change has made, if there is one."""
    evaluation = answer.get("EvalID")
    if not evaluation:
        return 0
    if detach:
        call.out(f"Evaluation ID: {evaluation}")
        return 0
    return await Monitor(call, verbose=verbose).evaluation(evaluation)


def _length(verbose: bool) -> int:
    return FULL_ID if verbose else SHORT_ID
