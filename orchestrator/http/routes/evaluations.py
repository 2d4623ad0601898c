"""Evaluations: /v1/evaluations, /v1/evaluation/:id."""

from nomad_api.models import Evaluation
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import listing
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone, namespace
from orchestrator.http.route import Answer, missing, read
from orchestrator.http.routes.allocations import check_prefix, stub


@read("/v1/evaluations", needs=namespace("read-job"))
def evaluations(call: Call) -> Answer:
    check_prefix(call.prefix)
    status, job = call.text("status"), call.text("job")
    if call.text("filter") and (status or job):
        raise APIError(400, "failed to read filter expression: cannot use 'filter' with 'job' or 'status'")
    rows = [
        evaluation
        for evaluation in (call.state.evaluations.prefixed(call.prefix) if call.prefix else call.state.evaluations)
        if call.namespace in ("*", evaluation.namespace)
        and call.acl.allow_namespace(evaluation.namespace, "read-job")
        and (not status or evaluation.status == status)
        and (not job or evaluation.job_id == job)
    ]
    if not call.prefix:
        rows.sort(key=lambda evaluation: (evaluation.create_index, evaluation.id))
    token = listing.by_id if call.prefix else listing.by_create_index
    return listing.page(call, rows, token, index=call.state.evaluations.index, watch=("evaluations",))


@read("/v1/evaluations/count", needs=namespace("read-job"))
def count(call: Call) -> Answer:
    answer = evaluations(call)
    assert isinstance(answer.body, list)
    return Answer({"Count": len(answer.body)}, answer.index, answer.watch)


@read("/v1/evaluation/{eval_id}", needs=anyone)
def evaluation(call: Call) -> Answer:
    eval_id = call.path["eval_id"]
    if len(eval_id) != 36:
        raise APIError(500, "eval lookup failed: index error: UUID must be 36 characters")
    found = call.state.evaluations.get(eval_id)
    watch = ("evaluations", lambda key: key == (eval_id,))
    if found is None:
        return missing("eval not found", call.state.evaluations.index, watch)
    if not call.acl.allow_namespace(found.namespace, "read-job"):
        raise PermissionDenied
    if call.flag("related"):
        found = found.evolve(related_evals=[_related(item) for item in _relatives(call, found)])
    return Answer(found, found.modify_index, (watch,))


@read("/v1/evaluation/{eval_id}/allocations", needs=namespace("read-job"))
def allocations(call: Call) -> Answer:
    found = [
        alloc
        for alloc in call.state.allocations.by("evaluation", call.path["eval_id"])
        if call.acl.allow_namespace(alloc.namespace, "read-job")
    ]
    index = max((alloc.modify_index for alloc in found), default=call.state.allocations.index)
    return Answer([stub(alloc) for alloc in found], index, ("allocations",))


def _relatives(call: Call, start: Evaluation) -> list[Evaluation]:
    """All evaluations that the links of this one lead to, itself excluded."""
    seen, waiting = {start.id: start}, [start]
    while waiting:
        current = waiting.pop()
        for link in (current.next_eval, current.previous_eval, current.blocked_eval):
            linked = call.state.evaluations.get(link) if link and link not in seen else None
            if linked:
                seen[linked.id] = linked
                waiting.append(linked)
    return [found for found in seen.values() if found is not start]


def _related(found: Evaluation) -> dict[str, object]:
    names = (
        "id priority type triggered_by namespace job_id node_id deployment_id status status_description wait_until next_eval "
        "previous_eval blocked_eval create_index modify_index create_time modify_time"
    ).split()
    fields = {name: getattr(found, name) for name in names}
    return {Evaluation.model_fields[name].alias or name: value for name, value in fields.items()}
