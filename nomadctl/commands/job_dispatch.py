"""`job dispatch` and `job periodic force`: launching an instance of a job by hand."""

import base64
import sys
from pathlib import Path

from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, one, option, takes
from nomadctl.lookup import find_job
from nomadctl.monitor import Monitor
from nomadctl.output import FULL_ID, SHORT_ID, limit, pairs
from nomadctl.variable_spec import opening


@command(
    "job dispatch",
    takes(1, 2, "This command takes one or two argument: <parameterized job> [input source]"),
    option("meta", "Metadata of the instance, as key=value; may be repeated.", multiple=True),
    option("id-prefix-template", "What the instance's ID begins with, after the job's.", default=""),
    option("idempotency-token", "A second dispatch with the same token makes no second instance."),
    flag("detach", "Do not follow the evaluation."),
    flag("verbose", "Show whole IDs."),
    flag("ui", "Accepted for compatibility."),
)
async def dispatch(
    call: Call,
    prefix: str,
    source: str = "",
    *,
    meta: list[str],
    id_prefix_template: str,
    idempotency_token: str | None,
    detach: bool,
    verbose: bool,
    ui: bool,
) -> int:
    """Launch an instance of a parameterized job, with a file or stdin (`-`) as its payload."""
    payload = _payload(source) if source else None
    values: dict[str, str] = {}
    for entry in meta:
        key, equals, value = entry.partition("=")
        if not equals:
            raise Failure(f"Error parsing meta value: {entry}")
        values[key] = value
    filter = 'ParentID == "" and ParameterizedJob is not nil'
    id, namespace = await find_job(call, prefix, kind="parameterized", filter=filter)
    nomad = call.nomad.scoped(namespace=namespace)
    with failing("Failed to dispatch job"):
        answer = await nomad.jobs.dispatch(
            id, payload=payload, meta=values, id_prefix=id_prefix_template, idempotency_token=idempotency_token
        )
    evaluation = answer.get("EvalID") or ""
    rows: list[tuple[str, object]] = [("Dispatched Job ID", answer["DispatchedJobID"])]
    if evaluation:
        rows.append(("Evaluation ID", limit(evaluation, FULL_ID if verbose else SHORT_ID)))
    call.out(pairs(rows))
    if detach or not evaluation:
        return 0
    call.out()
    return int(await Monitor(call, nomad, verbose=verbose).evaluation(evaluation) != 0)


@command(
    "job periodic force",
    one("<job id>"),
    flag("detach", "Do not follow the evaluation: print its ID and return."),
    flag("verbose", "Show whole IDs."),
)
async def force(call: Call, prefix: str, *, detach: bool, verbose: bool) -> int:
    """Launch an instance of a periodic job now."""
    id, namespace = await find_job(call, prefix, kind="periodic", filter="Periodic is not nil")
    nomad = call.nomad.scoped(namespace=namespace)
    with failing(f'Error forcing periodic job "{id}"'):
        evaluation = (await nomad.jobs.force_periodic(id)).eval_id
    if detach:
        call.out(f"Force periodic successful\nEvaluation ID: {evaluation}")
        return 0
    return await Monitor(call, nomad, verbose=verbose).evaluation(evaluation)


def _payload(source: str) -> str:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise Failure(f"Error reading input data: {opening(source, error)}") from error
    return base64.b64encode(data).decode()
