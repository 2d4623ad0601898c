"""A span for every look tells what triggered it, what it came to and what it wrote; and no secret."""

import asyncio
from collections.abc import Awaitable, Callable

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from operator_kit import Context
from operator_kit.engine.attempt import SUCCESS, Attempt
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.controller import Controller
from operator_kit.engine.pace import Pace
from operator_kit.engine.tracing import MOST_WRITES, writes
from operator_kit.engine.visit import Visit
from operator_kit.secrets import SecretRef
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time
from tests.operator_kit.conftest import Widget, WidgetReconciler, apply_and_report

PATH = "resources/test/widget/one"


async def look(act: Callable[[Visit], Awaitable[Attempt]], seconds: float = 1.0) -> None:
    """Look at the id `a` for two reasons, and at whatever follows within a time."""
    controller = Controller("bench", act, pace=Pace(), backoff=Backoff(first=0.1))
    work = asyncio.create_task(controller.lead())
    await asyncio.sleep(0)
    controller.add("a", reason="changed", priority=3, after=0.5)
    await asyncio.sleep(0.5)
    controller.add("a", reason="seen")
    await asyncio.sleep(seconds)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def attributes(span: ReadableSpan) -> dict[str, object]:
    return {key.removeprefix("nomad.operator."): value for key, value in (span.attributes or {}).items()}


@virtual_time
async def test_a_span_tells_why_what_came_of_it_and_what_was_written(spans: InMemorySpanExporter) -> None:
    async def act(visit: Visit) -> Attempt:
        written = writes.get()
        assert written is not None
        written.add("PUT", "/v1/jobs")
        return SUCCESS

    await look(act)
    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == ("reconcile", SpanKind.CONSUMER, StatusCode.UNSET)
    told = attributes(span)
    assert told.pop("triggers") in (("changed", "seen"), ("seen", "changed"))
    assert told == {
        "controller": "bench",
        "id": "a",
        "priority": 3,
        "waited_seconds": 0.0,
        "outcome": "success",
        "writes": 1,
        "written": ("PUT /v1/jobs",),
    }
    assert writes.get() is None


@virtual_time
async def test_a_failure_is_recorded_and_the_next_look_links_to_it(spans: InMemorySpanExporter) -> None:
    async def act(visit: Visit) -> Attempt:
        if len(spans.get_finished_spans()) < 2:
            return Attempt("error", reason="NoDisk", message="no disk", error=ValueError("no disk"))
        return SUCCESS

    await look(act)
    first, second, third = spans.get_finished_spans()
    for failed in (first, second):
        assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "no disk")
        assert (failed.attributes or {})["error.type"] == "NoDisk"
        assert [event.name for event in failed.events] == ["exception"]
    assert not first.links
    assert [link.context for link in second.links] == [first.context]
    assert [link.context for link in third.links] == [second.context]
    assert len({span.context.trace_id for span in (first, second, third) if span.context}) == 3


@virtual_time
async def test_a_success_is_linked_to_by_nobody(spans: InMemorySpanExporter) -> None:
    async def act(visit: Visit) -> Attempt:
        return Attempt("requeue_after", 0.1) if len(spans.get_finished_spans()) < 3 else SUCCESS

    await look(act)
    assert [len(span.links) for span in spans.get_finished_spans()] == [0, 0, 0, 0]


@virtual_time
async def test_a_look_that_is_cancelled_leaves_a_span_that_tells_which_it_was(spans: InMemorySpanExporter) -> None:
    async def act(visit: Visit) -> Attempt:
        await asyncio.sleep(1_000)
        return SUCCESS

    await look(act)
    (span,) = spans.get_finished_spans()
    told = attributes(span)
    assert (told["controller"], told["id"], "outcome" in told) == ("bench", "a", False)


@virtual_time
async def test_many_writes_are_counted_and_a_few_are_named(spans: InMemorySpanExporter) -> None:
    async def act(visit: Visit) -> Attempt:
        for number in range(100):
            if (written := writes.get()) is not None:
                written.add("PUT", f"/v1/var/{number}")
        return SUCCESS

    await look(act)
    told = attributes(spans.get_finished_spans()[0])
    assert told["writes"] == 100
    assert told["written"] == tuple(f"PUT /v1/var/{number}" for number in range(MOST_WRITES))


@virtual_time
async def test_the_writes_of_a_reconcile_are_told_by_its_client(spans: InMemorySpanExporter) -> None:
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler()) as manager:
        await manager.leading.wait()
        await asyncio.sleep(0.1)
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one")
    told = attributes(spans.get_finished_spans()[0])
    assert (told["controller"], told["id"], told["triggers"]) == ("test/widget", "one", ("resource changed",))
    written = told["written"]
    assert isinstance(written, tuple)
    assert written[0] == written[-1] == "PUT /v1/var/status/test/widget/one"
    assert "PUT /v1/jobs" in written


@virtual_time
async def test_looks_side_by_side_do_not_tell_of_each_others_writes(spans: InMemorySpanExporter) -> None:
    nomad = MemoryNomad()

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        await asyncio.sleep(1)
        await apply_and_report(widget, ctx)

    async with running(nomad, WidgetReconciler(act)):
        for name in ("one", "two"):
            await nomad.declare(f"resources/test/widget/{name}", size="1")
        await eventually(lambda: len(spans.get_finished_spans()) >= 2)
    for span in spans.get_finished_spans()[:2]:
        told = attributes(span)
        other = "two" if told["id"] == "one" else "one"
        assert not any(f"/{other}" in path for path in told["written"])  # type: ignore[attr-defined]


@virtual_time
async def test_a_secret_is_in_no_span(spans: InMemorySpanExporter) -> None:
    nomad = MemoryNomad()
    await nomad.declare("secrets/db", password="hunter2hunter2")

    async def act(widget: Widget, ctx: Context[Widget]) -> None:
        secret = await ctx.secret(SecretRef(path="secrets/db", key="password"))
        raise ValueError(f"cannot log in with {secret.reveal()}")

    async with running(nomad, WidgetReconciler(act)):
        await nomad.declare(PATH, size="1")
        await eventually(lambda: len(spans.get_finished_spans()) >= 2)
    for span in spans.get_finished_spans():
        assert "hunter2" not in span.to_json()
        assert span.status.description == "ValueError: cannot log in with ***"
