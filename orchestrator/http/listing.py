"""Lists: filter, order and pages, the same for every route.

A page begins with the element that the token names, so the token of a page is the key of its first element, as in Nomad.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nomad_api.models.base import Wire
from orchestrator.errors import APIError
from orchestrator.http.call import Call
from orchestrator.http.filter import FilterError, compile_filter
from orchestrator.http.route import Answer, Interest

MAX_PER_PAGE = 2**31 - 1


def by_id(row: Any) -> str:
    """Token of lists in the order of IDs: nodes, and allocations with a prefix."""
    return str(row.id)


def by_namespaced_id(row: Any) -> str:
    """Token of lists in the order of namespace and ID: jobs."""
    return f"{row.namespace}.{row.id}"


def by_path(row: Any) -> str:
    """Token of lists in the order of namespace and path: variables."""
    return f"{row.namespace}.{row.path}"


def by_create_index(row: Any) -> str:
    """Token of lists in the order of creation: evaluations, deployments, allocations without a prefix."""
    return f"{row.create_index}.{row.id}"


def page(
    call: Call,
    rows: Sequence[Wire],
    token_of: Callable[[Any], str],
    *,
    index: int,
    watch: tuple[Interest, ...],
    shown: Callable[[Any], Any] = lambda row: row,
) -> Answer:
    """The page of `rows` that the request asks for; `shown` makes of each row what stands in the list.

    Raises:
        APIError: 400 for a bad `per_page` or `filter`.
    """
    per_page = call.number("per_page", "Expect a number for `per_page` query string parameter")
    if per_page > MAX_PER_PAGE:
        raise APIError(400, "Expect a number for `per_page` query string parameter")
    ordered = list(reversed(rows)) if call.text("reverse") == "true" else list(rows)
    expression = call.text("filter")
    if expression:
        try:
            matches = compile_filter(expression)
        except FilterError as error:
            raise APIError(400, f"failed to create result paginator: failed to read filter expression: {error}") from None
        try:
            ordered = [row for row in ordered if matches(row)]
        except FilterError as error:
            raise APIError(400, f"failed to read result page: {error}") from None
    start = call.text("next_token")
    if start:
        tokens = [token_of(row) for row in ordered]
        ordered = ordered[tokens.index(start) :] if start in tokens else []
    next_token = token_of(ordered[per_page]) if per_page and len(ordered) > per_page else ""
    chosen = ordered[:per_page] if per_page else ordered
    return Answer([shown(row) for row in chosen], index, watch, next_token=next_token)
