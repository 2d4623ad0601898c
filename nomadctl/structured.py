"""Answers for programs: `-json` and `-t`, Go's templates over the same data."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nomadctl.failure import Failure

if TYPE_CHECKING:
    from nomad_api.client.answer import Answer
    from nomad_api.models.base import Wire


_HIDDEN: Final[dict[str, tuple[str, ...]]] = {
    "ACLToken": ("hash",),
    "ACLTokenStub": ("hash",),
    "Allocation": ("alloc_states", "signing_key_id"),
    "AllocationStub": ("desired_transition",),
    "Deployment": ("eval_priority",),
    "DeploymentState": ("auto_promote",),
    "Namespace": ("hash",),
    "Node": (
        "computed_class",
        "secret_id",
        "identity_signing_key_id",
        "last_alloc_update_index",
        "last_missed_heartbeat_index",
    ),
    "TaskState": ("paused",),
}
"""Fields of the server's own, which `nomad` does not show."""

_ADDED: Final[dict[str, dict[str, Any]]] = {"Allocation": {"Services": None}}
"""Fields that `nomad` shows and no server sends."""


def structured(as_json: bool, template: str | None, data: Any) -> str:
    """The data as JSON or through a template.

    Raises:
        Failure: both are asked for, or the template does not work.
    """
    from nomadctl.go_template import TemplateError, render

    if as_json and template:
        raise Failure("Both json and template formatting are not allowed")
    plain = whole(data)
    if not template:
        return as_text(plain)
    try:
        return render(template, plain)
    except TemplateError as error:
        raise Failure(f"Error formatting the data: {error}") from error


def as_text(data: Any) -> str:
    """JSON for people: indented by four."""
    return json.dumps(data, indent=4, ensure_ascii=False)


def query_meta(answer: "Answer") -> dict[str, Any]:
    """What an answer's headers tell of the query, under the names that `nomad` gives them."""
    return {
        "KnownLeader": answer.headers.get("X-Nomad-KnownLeader") == "true",
        "LastContact": int(answer.headers.get("X-Nomad-LastContact", "0")) * 1_000_000,
        "LastIndex": answer.index,
        "NextToken": answer.next_token,
        "RequestTime": 0,
    }


def whole(value: Any, *, strict: bool = True) -> Any:
    """Models as dictionaries with every field, also those whose zero value Nomad leaves out of its JSON.

    With `strict`, what a server sends beyond the fields that `nomad` knows is left out, as `nomad` does.
    """
    from nomad_api.models.base import Wire

    match value:
        case Wire():
            return _fields(value, strict)
        case Mapping():
            return {key: whole(item, strict=strict) for key, item in value.items()}
        case list() | tuple():
            return [whole(item, strict=strict) for item in value]
        case _:
            return value


def _fields(model: "Wire", strict: bool) -> dict[str, Any]:
    name = type(model).__name__
    hidden = _HIDDEN.get(name, ()) if strict else ()
    fields = type(model).model_fields.items()
    known = {field.alias or key: whole(getattr(model, key), strict=strict) for key, field in fields if key not in hidden}
    return {**_ADDED.get(name, {}), **known, **({} if strict else model.model_extra or {})}
