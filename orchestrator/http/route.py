"""How a route is declared: once, with everything that all routes have in common.

    @read("/v1/job/{job_id+}/allocations", needs=namespace("read-job"))
    def allocations(call: Call) -> Answer: ...

A `read` is a plain function of the state: the server runs it again whenever something it watched has changed, which makes
every read a blocking query. A `write` is a coroutine, a `stream` answers by itself. `needs` is the permission, checked before
the handler runs; `{name}` in a pattern is one segment of the path, `{name+}` takes slashes too, because job IDs and variable
paths contain them.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from nomad_api.models.base import Wire
from orchestrator.state.table import Key

if TYPE_CHECKING:
    from orchestrator.http.call import Call

Interest = str | tuple[str, Callable[[Key], bool]]
Permission = Callable[["Call"], None]
"""Raises PermissionDenied if the caller may not."""

Body = Wire | list[Any] | dict[str, Any] | str | int | bool | bytes | None


@dataclass(slots=True)
class Answer:
    """An answer. `index` becomes X-Nomad-Index; `watch` names the tables (or keys in them) whose change makes a blocking read
    look again."""

    body: Body = None
    index: int | None = None
    watch: tuple[Interest, ...] = ()
    status: int = 200
    next_token: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def missing(message: str, index: int, *watch: Interest) -> Answer:
    """404 of a read: the object may appear while a blocking query waits."""
    return Answer(message, index, watch, status=404, content_type=TEXT)


def empty(index: int | None = None, status: int = 200) -> Answer:
    """An answer without a body."""
    return Answer(b"", index, status=status, content_type="")


TEXT = "text/plain; charset=utf-8"

Handler = Callable[["Call"], Any]


@dataclass(frozen=True)
class Route:
    """A declared route."""

    pattern: str
    methods: frozenset[str]
    kind: Literal["read", "write", "stream"]
    handler: Handler
    needs: Permission
    wrong_method: tuple[int, str] = (405, "Invalid method")
    parameter_error: str = ""
    """What a real agent adds to the text of an error in the parameters common to all reads."""


def read(pattern: str, *, needs: Permission, methods: str = "GET", **options: Any) -> Callable[[Handler], Handler]:
    """Declare a read: `handler(call) -> Answer`."""
    return _declare(pattern, methods, "read", needs, options)


def write(
    pattern: str, *, needs: Permission, methods: str = "PUT POST", **options: Any
) -> Callable[[Callable[["Call"], Awaitable[Answer]]], Handler]:
    """Declare a write: `async handler(call) -> Answer`. PUT and POST are the same thing to Nomad."""
    return _declare(pattern, methods, "write", needs, options)


def stream(
    pattern: str, *, needs: Permission, methods: str = "GET", **options: Any
) -> Callable[[Callable[["Call"], Awaitable[web.StreamResponse]]], Handler]:
    """Declare a stream: `async handler(call) -> StreamResponse`."""
    return _declare(pattern, methods, "stream", needs, options)


def _declare(
    pattern: str, methods: str, kind: Literal["read", "write", "stream"], needs: Permission, options: dict[str, Any]
) -> Callable[[Handler], Handler]:
    def declare(handler: Handler) -> Handler:
        route = Route(pattern, frozenset(methods.split()), kind, handler, needs, **options)
        handler.__dict__.setdefault("routes", []).append(route)
        return handler

    return declare


def routes_of(module: Any) -> list[Route]:
    """The routes that a module declares, in order."""
    return [route for item in vars(module).values() for route in getattr(item, "routes", ())]
