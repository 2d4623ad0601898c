"""Lists: filter, order and pages, the same for every route.

A page begins with the element that the token names, so the token of a page is the key of its first element, as in Nomad.
"""

from collections.abc import Callable, Sequence
from typing import Any

from orchestrator.errors import APIError
from orchestrator.http.call import Call
from orchestrator.http.filter import FilterError, compile_filter
from orchestrator.http.route import Answer, Interest

MAX_PER_PAGE = 2**31 - 1
Token = Callable[[Any], str]


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
    rows: Sequence[Any],
    token_of: Token,
    *,
    index: int,
    watch: tuple[Interest, ...],
    shown: Callable[[Any], Any] = lambda row: row,
    filtered_as: Callable[[Any], Any] = lambda row: row,
    reversible: bool = True,
) -> Answer:
    """The page of `rows` that the request asks for.

    Args:
        shown: makes of a row what stands in the list.
        filtered_as: makes of a row what filter expressions see.
        reversible: whether `reverse=true` is heard.

    Raises:
        APIError: 400 for a bad `per_page` or `filter`.
    """
    backwards = reversible and call.text("reverse") == "true"
    ordered = _filtered(call, list(reversed(rows)) if backwards else list(rows), filtered_as)
    start = call.text("next_token")
    if start:
        ordered = ordered[_position(ordered, start, token_of, backwards) :]
    per_page = _per_page(call)
    chosen = ordered if per_page == 0 else ordered[: max(per_page, 0)]
    next_token = token_of(ordered[len(chosen)]) if len(ordered) > len(chosen) else ""
    return Answer([shown(row) for row in chosen], index, watch, next_token=next_token)


def _per_page(call: Call) -> int:
    text = call.text("per_page")
    try:
        per_page = int(text) if text else 0
    except ValueError:
        per_page = MAX_PER_PAGE + 1
    if abs(per_page) > MAX_PER_PAGE:
        raise call.bad_parameter("Expect a number for `per_page` query string parameter")
    return per_page


def _filtered(call: Call, rows: list[Any], filtered_as: Callable[[Any], Any]) -> list[Any]:
    expression = call.text("filter")
    if not expression:
        return rows
    try:
        matches = compile_filter(expression)
    except FilterError as error:
        raise APIError(400, f"failed to create result paginator: failed to read filter expression: {error}") from None
    try:
        return [row for row in rows if matches(filtered_as(row))]
    except FilterError as error:
        raise APIError(400, f"failed to read result page: {error}") from None


def _position(rows: Sequence[Any], start: str, token_of: Token, backwards: bool) -> int:
    """Where the page begins: at the token's row, or where that row would be."""
    wanted = _comparable(start)
    for position, row in enumerate(rows):
        token = _comparable(token_of(row))
        if token == wanted or (token < wanted if backwards else token > wanted):
            return position
    return len(rows)


def _comparable(token: str) -> tuple[int, str]:
    """Indexes compare as numbers, everything else as text."""
    number, dot, rest = token.partition(".")
    return (int(number), rest) if dot and number.isdigit() else (0, token)
