"""The decorators of handlers: `@on.create`, `@on.update`, `@on.field(…)`, `@on.delete`, `@on.timer(…)`, `@on.daemon`.

Several can stand on one method: `@on.create` over `@on.update` is "whatever the spec is, bring it about". All take `when`, a
function of the resource; while it says no, the handler lets things pass, and catches up with them afterwards.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, overload

from operator_kit.handlers import declaration as declared
from operator_kit.handlers.declaration import Declaration, Predicate, note

F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


class Decorator:
    """A decorator that can be used as it is, `@on.create`, or with a condition, `@on.create(when=…)`."""

    def __init__(self, kind: type[Declaration]) -> None:
        self._kind = kind

    @overload
    def __call__(self, method: F, /) -> F: ...

    @overload
    def __call__(self, *, when: Predicate | None = None) -> Callable[[F], F]: ...

    def __call__(self, method: Any = None, *, when: Predicate | None = None) -> Any:
        decorate: Callable[[Any], Any] = _decorate(self._kind(when=when))
        return decorate if method is None else decorate(method)


create: Final = Decorator(declared.Create)
"""Called once for a new resource, `async def created(self, resource, ctx)`: until it succeeds, and then never again."""

update: Final = Decorator(declared.Update)
"""Called when the spec of a created resource differs from what the handler last dealt with: `(self, resource, ctx)`."""

delete: Final = Decorator(declared.Delete)
"""Called when the resource is gone, before what it owns is removed: `(self, resource, ctx)`; until it succeeds."""

daemon: Final = Decorator(declared.Daemon)
"""Runs beside the reconciles, `(self, resource, ctx: DaemonContext)`, from creation on, while this process leads.

One that raises is started again after growing pauses; one that returns has done its work. Told to stop by `ctx.stopped`, it has
a second to end, then it is cancelled. Where `when` ceases to hold it is stopped, too.
"""


def field(path: str, /, *, when: Predicate | None = None) -> Callable[[F], F]:
    """Called as by `on.update`, if that field changed: `(self, resource, ctx, change: FieldChange[…])`.

    Args:
        path: dotted, as in `spec.replicas` or `spec.limits.memory`; checked when the class is defined.
    """
    return _decorate(declared.Field(path=path, when=when))


def timer(*, every: float, idle: float = 0.0, initial_delay: float = 0.0, when: Predicate | None = None) -> Callable[[F], F]:
    """Called now and then: `(self, resource, ctx)`.

    Args:
        every: seconds from one call's end to the next call, jittered by a tenth.
        idle: seconds that the spec must have been left alone before a call.
        initial_delay: seconds to the first call, from creation or from the time when this process came to lead.

    Raises:
        ValueError: `every` is not positive, or another is negative.
    """
    if every <= 0 or idle < 0 or initial_delay < 0:
        raise ValueError("@on.timer: every must be more than 0 seconds, idle and initial_delay at least 0")
    return _decorate(declared.Timer(every=every, idle=idle, initial_delay=initial_delay, when=when))


def _decorate(declaration: Declaration) -> Callable[[F], F]:
    def decorate(method: F) -> F:
        note(method, declaration)
        return method

    return decorate
