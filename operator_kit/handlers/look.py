"""`Look`: one reconcile or finalization, in which handlers are called one after the other."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from operator_kit.context import Context
from operator_kit.engine.result import Result
from operator_kit.resource import Resource
from operator_kit.status import Handled, ResourceStatus

R = TypeVar("R", bound=Resource)


class Look(Generic[R]):
    """Sees to it that what has succeeded is written down before anything else is begun.

    The success of the last handler is written with the status at the end, so an ordinary change costs no write of its own.
    """

    def __init__(self, resource: R, ctx: Context[R]) -> None:
        self._resource = resource
        self._ctx = ctx
        self._written = self.handled

    @property
    def handled(self) -> Handled | None:
        """What the status remembers."""
        status: ResourceStatus = self._resource.status
        return status.handled

    def remember(self, handled: Handled | None) -> None:
        """Put what has been dealt with into the status."""
        status: ResourceStatus = self._resource.status
        if status.handled != handled:
            status.handled = handled

    async def call(self, handler: Callable[..., Awaitable[object]], *more: Any) -> Result | None:
        """Call a handler: its result if it wants to be called again, None if it has succeeded.

        Raises:
            NomadError: what succeeded before could not be written down.
            TypeError: it returned something else.
            Exception: what it raised.
        """
        if self.handled != self._written:
            await self._ctx.save()
            self._written = self.handled
        name = getattr(handler, "__name__", "")
        try:
            result = await handler(self._resource, self._ctx, *more)
        except Exception:
            self._ctx.log.warning("a handler failed", handler=name)
            raise
        if result is None:
            return None
        if not isinstance(result, Result):
            raise TypeError(
                f"handler {name} returned {result!r}; it returns None, or Result(requeue_after=…) to be called again"
            )
        return result if result.requeue_after is not None else None
