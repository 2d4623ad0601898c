"""`eval status` and `eval list`."""

from typing import TYPE_CHECKING, Any

from nomadctl.evaluation_view import evaluation_list, evaluation_text
from nomadctl.failure import Failure, failing
from nomadctl.framework import Call, command, flag, nothing, number, option, takes
from nomadctl.lookup import find_one
from nomadctl.monitor import Monitor
from nomadctl.order import newest_first
from nomadctl.pages import next_page
from nomadctl.structured import structured

if TYPE_CHECKING:
    from nomad_api.models import Evaluation


@command(
    "eval status",
    takes(1, 1, "This command takes one argument"),
    flag("monitor", "Follow the evaluation until it has ended."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show everything, with whole IDs."),
    flag("ui", "Accepted for compatibility."),
)
async def status(
    call: Call,
    prefix: str,
    *,
    monitor: bool = False,
    json: bool = False,
    t: str | None = None,
    verbose: bool = False,
    ui: bool = False,
) -> int | None:
    """Show an evaluation: why it was made, what it planned, placed, and could not place."""
    if json and t:
        raise Failure("Both json and template formatting are not allowed")

    def many(found: "list[Evaluation]") -> Failure:
        return Failure(f"Prefix matched multiple evaluations\n\n{evaluation_list(found, verbose)}")

    found = await find_one(
        prefix,
        call.nomad.evaluations.list,
        doing="Error querying evaluation",
        none='No evaluation(s) with prefix or id "{prefix}" found',
        many=many,
    )
    if monitor:
        return await Monitor(call, verbose=verbose).evaluation(found.id)
    with failing("Error querying evaluation"):
        evaluation = await call.nomad.evaluations.get(found.id, related=True)
    if json or t:
        call.out(structured(json, t, evaluation))
        return None
    with failing("Error querying related allocations"):
        placed = await call.nomad.evaluations.allocations(evaluation.id)
    call.out(evaluation_text(evaluation, placed, verbose))
    return None


@command(
    "eval list",
    nothing(),
    option("job", "Only those of this job."),
    option("status", "Only those with this status."),
    option("filter", "Only those that fulfil this expression."),
    number("per-page", "How many to show at once."),
    option("page-token", "Where to go on, from the page before."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
    flag("verbose", "Show whole IDs."),
)
async def list_(
    call: Call,
    *,
    job: str | None,
    status: str | None,
    filter: str | None,
    per_page: int,
    page_token: str | None,
    json: bool,
    t: str | None,
    verbose: bool,
) -> None:
    """List evaluations."""
    from nomad_api.models import Evaluation

    params: dict[str, Any] = {
        "job": job,
        "status": status,
        "filter": filter,
        "per_page": per_page or None,
        "next_token": page_token,
    }
    with failing("Error querying evaluations"):
        answer = await call.nomad.answer("evaluations", params)
    evaluations = newest_first(Evaluation.model_validate(entry) for entry in answer.json())
    if json or t:
        call.out(structured(json, t, evaluations))
        return
    call.out(evaluation_list(evaluations, verbose) if evaluations else "No evals found")
    if answer.next_token:
        call.out(next_page(answer.next_token))
