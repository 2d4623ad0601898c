"""A span for every look: what triggered it, what it came to, and what it wrote.

Spans are short and of their own: a trace for the whole life of a resource would never end. What belongs together shares
attributes (`nomad.operator.controller`, `nomad.operator.id`), and a retry links to the look that failed before it. Nothing of
it costs more than a few calls where no OpenTelemetry SDK is configured.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode

from operator_kit.engine.attempt import Attempt
from operator_kit.engine.visit import Visit

_tracer = trace.get_tracer("operator_kit")

MOST_WRITES: Final = 32
"""Writes that are told by their names; all of them are counted."""


class Writes:
    """What a look has written so far: `PUT /v1/jobs`, and so on."""

    __slots__ = ("count", "names")

    def __init__(self) -> None:
        self.count = 0
        self.names: list[str] = []

    def add(self, method: str, path: str) -> None:
        self.count += 1
        if len(self.names) < MOST_WRITES:
            self.names.append(f"{method} {path}")


writes: ContextVar[Writes | None] = ContextVar("writes", default=None)
"""Of the look that is going on in this task."""


class Tracing:
    """The spans of one controller."""

    def __init__(self, controller: str) -> None:
        self._controller = controller
        self._failed: dict[str, SpanContext] = {}

    async def trace(self, visit: Visit, look: Callable[[Visit], Awaitable[Attempt]]) -> Attempt:
        """Await the look within a span."""
        before = self._failed.pop(visit.id, None)
        span = _tracer.start_span("reconcile", kind=SpanKind.CONSUMER, links=[Link(before)] if before else ())
        if not span.is_recording():
            return await look(visit)
        written = Writes()
        token = writes.set(written)
        try:
            with trace.use_span(span, end_on_exit=True):
                self._tell_trigger(span, visit)
                attempt = await look(visit)
                self._tell_outcome(span, visit, attempt, written)
                return attempt
        finally:
            writes.reset(token)

    def _tell_trigger(self, span: Span, visit: Visit) -> None:
        """At the beginning: a look that is cancelled has no outcome, but should be found."""
        span.set_attributes(
            {
                "nomad.operator.controller": self._controller,
                "nomad.operator.id": visit.id,
                "nomad.operator.triggers": visit.reasons,
                "nomad.operator.priority": visit.priority,
                "nomad.operator.waited_seconds": visit.waited,
            }
        )

    def _tell_outcome(self, span: Span, visit: Visit, attempt: Attempt, written: Writes) -> None:
        span.set_attributes(
            {
                "nomad.operator.outcome": attempt.outcome,
                "nomad.operator.writes": written.count,
                "nomad.operator.written": written.names,
            }
        )
        if attempt.failed:
            span.set_attribute("error.type", attempt.reason)
            span.set_status(StatusCode.ERROR, attempt.message)
            self._failed[visit.id] = span.get_span_context()
            if attempt.error is not None:
                span.record_exception(attempt.error)
