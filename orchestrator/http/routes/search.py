"""Search by the beginning of an ID or name, and by any part of a name: /v1/search, /v1/search/fuzzy."""

from typing import Any

from orchestrator import search
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.http import go_json
from orchestrator.http.call import Call
from orchestrator.http.permission import anyone
from orchestrator.http.route import Answer, read

_MIN_TERM = 2


@read("/v1/search", needs=anyone, methods="PUT POST")
def by_prefix(call: Call) -> Answer:
    body = go_json.fields(call.json(), "structs.SearchRequest")
    prefix, context = body.string("Prefix", within="SearchRequest"), body.string("Context", within="SearchRequest")
    found: dict[str, Any] = {}
    truncated: dict[str, bool] = {}
    contexts = _contexts(call, context)
    for kind in contexts:
        if kind.finds_ids and not search.may_be_id(prefix):
            continue
        matches, truncated[kind.name] = kind.by_prefix(_scope(call), prefix)
        found[kind.name] = matches or None
    return _answer(call, contexts, found, truncated)


@read("/v1/search/fuzzy", needs=anyone, methods="PUT POST")
def by_part(call: Call) -> Answer:
    body = go_json.fields(call.json(), "structs.FuzzySearchRequest")
    text, context = body.string("Text", within="FuzzySearchRequest"), body.string("Context", within="FuzzySearchRequest")
    if len(text) < _MIN_TERM:
        raise APIError(500, f"fuzzy search query must be at least {_MIN_TERM} characters, got {len(text)}")
    found: dict[str, Any] = {}
    truncated: dict[str, bool] = {}
    contexts = _contexts(call, context)
    for kind in contexts:
        matches, truncated[kind.name] = kind.by_part(_scope(call), text)
        found |= matches
    return _answer(call, contexts, found, truncated)


def _contexts(call: Call, name: str) -> list[search.Context]:
    """The contexts asked for, as far as the caller may search them."""
    if name != "all" and name not in search.CONTEXTS:
        known = " ".join(search.CONTEXTS)
        raise APIError(500, f"context must be one of [{known}] or 'all' for all contexts; got \"{name}\"")
    scope = _scope(call)
    if name == "all":
        return [context for context in search.CONTEXTS.values() if context.allowed(scope)]
    if not search.CONTEXTS[name].allowed(scope):
        raise PermissionDenied
    return [search.CONTEXTS[name]]


def _scope(call: Call) -> search.Scope:
    return search.Scope(call.state, call.acl, call.namespace, call.caller.claims)


def _answer(call: Call, contexts: list[search.Context], found: dict[str, Any], truncated: dict[str, bool]) -> Answer:
    index = max((context.index(call.state) for context in contexts if context.name in truncated), default=0)
    reply = {"Matches": found, "Truncations": truncated, "Index": index, "KnownLeader": True, "LastContact": 0}
    return Answer(reply | {"NextToken": ""}, index)
