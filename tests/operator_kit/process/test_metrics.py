"""Every series is there from the start, at zero; and each counts what its name says."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from prometheus_client import CollectorRegistry

from operator_kit import Context, Manager, PermanentError, Result
from operator_kit.engine.attempt import OUTCOMES
from operator_kit.engine.backoff import Backoff
from operator_kit.engine.stream import FunctionStream
from operator_kit.testing import MemoryNomad, eventually, running, virtual_time
from operator_kit.watch import Watch
from tests.operator_kit.conftest import Widget, WidgetReconciler, nothing

KIND = {"controller": "test/widget"}


async def failing() -> AsyncIterator[str]:
    yield "one"
    raise ConnectionError("gone")


class Streaming(WidgetReconciler):
    watches: ClassVar[Any] = [FunctionStream("flaky", failing), Watch("Node")]


def value(manager: Manager, name: str, /, **labels: str) -> float | None:
    registry: CollectorRegistry = manager.metrics.registry
    return registry.get_sample_value(name, labels)


CONTROLLER = [
    "controller_runtime_reconcile_errors_total",
    "controller_runtime_terminal_reconcile_errors_total",
    "controller_runtime_reconcile_panics_total",
    "controller_runtime_reconcile_timeouts_total",
    "controller_runtime_reconcile_time_seconds_count",
    "controller_runtime_active_workers",
    "workqueue_depth",
    "workqueue_put_off",
    "workqueue_adds_total",
    "workqueue_joins_total",
    "workqueue_retries_total",
    "workqueue_retry_pause_seconds_count",
    "workqueue_queue_duration_seconds_count",
    "workqueue_unfinished_work_seconds",
    "workqueue_longest_running_processor_seconds",
    "workqueue_oldest_key_age_seconds",
]
SOURCES = ["resources/test/widget/", "status/test/widget/", "jobs", "operators/", "Node"]


@virtual_time
async def test_every_series_is_there_before_anything_has_happened(nomad: MemoryNomad) -> None:
    manager = Manager(nomad, [Streaming(nothing)], name="operator")
    task = asyncio.create_task(manager.run())
    nomad.cut_off = True
    await asyncio.sleep(0.1)
    try:
        for name in CONTROLLER:
            assert value(manager, name, **KIND) == 0, name
        assert value(manager, "controller_runtime_max_concurrent_reconciles", **KIND) == 8
        for outcome in OUTCOMES:
            assert value(manager, "controller_runtime_reconcile_total", result=outcome, **KIND) == 0
        for stream in ("flaky", "Node"):
            for name in ("operator_stream_events_total", "operator_stream_errors_total"):
                assert value(manager, name, stream=stream, **KIND) == 0
        for source in SOURCES:
            assert value(manager, "operator_source_age_seconds", source=source) == float("inf")
            for name in ("operator_source_objects", "operator_source_bytes"):
                assert value(manager, name, source=source) == 0
        for name in ("leader_election_master_status", "operator_shards_led"):
            assert value(manager, name, name="operator") == 0
        assert value(manager, "operator_event_loop_lag_seconds") == 0
        names = {metric.name for metric in manager.metrics.registry.collect() if metric.samples}
        told = {name.removesuffix("_total").removesuffix("_count") for name in CONTROLLER}
        assert names - told == {
            "controller_runtime_max_concurrent_reconciles",
            "controller_runtime_reconcile",
            "operator_stream_events",
            "operator_stream_errors",
            "operator_source_age_seconds",
            "operator_source_objects",
            "operator_source_bytes",
            "leader_election_master_status",
            "operator_shards_led",
            "operator_event_loop_lag_seconds",
            "rest_client_requests",
            "rest_client_request_duration_seconds",
        }
        assert value(manager, "rest_client_requests_total", method="GET", code="none") > 0  # type: ignore[operator]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@virtual_time
async def test_series_count_what_happens(nomad: MemoryNomad) -> None:
    async def act(widget: Widget, ctx: Context[Widget]) -> Result | None:
        match widget.name:
            case "terminal":
                raise PermanentError("never")
            case "panic":
                raise ZeroDivisionError
            case "slow":
                await asyncio.sleep(100)
            case "again":
                return Result(requeue_after=1_000)
        return None

    async with running(nomad, Streaming(act), backoff=Backoff(first=900, longest=900)) as manager:
        for name in ("fine", "terminal", "panic", "slow", "again"):
            await nomad.declare(f"resources/test/widget/{name}", size="1")
        await eventually(manager.leading.is_set)
        await asyncio.sleep(5)
        assert value(manager, "controller_runtime_active_workers", **KIND) == 1
        assert value(manager, "workqueue_longest_running_processor_seconds", **KIND) == pytest.approx(5, abs=0.1)
        await asyncio.sleep(25)
        expected = {"success": 1, "requeue_after": 1, "error": 2, "terminal": 1}
        for outcome, count in expected.items():
            assert value(manager, "controller_runtime_reconcile_total", result=outcome, **KIND) == count
        assert value(manager, "controller_runtime_reconcile_errors_total", **KIND) == 3
        assert value(manager, "controller_runtime_terminal_reconcile_errors_total", **KIND) == 1
        assert value(manager, "controller_runtime_reconcile_panics_total", **KIND) == 1
        assert value(manager, "controller_runtime_reconcile_timeouts_total", **KIND) == 1
        assert value(manager, "workqueue_retries_total", **KIND) == 2
        assert value(manager, "workqueue_put_off", **KIND) == 4, "two retries, a requeue, a resync"
        assert value(manager, "leader_election_master_status", name="operator") == 1
        assert (value(manager, "operator_stream_errors_total", stream="flaky", **KIND) or 0) > 2
        assert value(manager, "operator_source_objects", source="resources/test/widget/") == 5
        assert (value(manager, "operator_source_bytes", source="status/test/widget/") or 0) > 500
    assert value(manager, "leader_election_master_status", name="operator") == 0


@virtual_time
async def test_two_watches_of_a_topic_in_different_namespaces_are_two_sources(nomad: MemoryNomad) -> None:
    class Twice(WidgetReconciler):
        watches: ClassVar[Any] = [Watch("Job"), Watch("Job", namespace="*")]

    manager = Manager(nomad, [Twice(nothing)], name="operator")
    names = [source.name for source in manager.informers.sources.values()]
    assert len(set(names)) == len(names)


def test_an_operator_without_shards_is_refused(nomad: MemoryNomad) -> None:
    with pytest.raises(ValueError, match="shards: an operator needs at least one, not 0"):
        Manager(nomad, [WidgetReconciler(nothing)], name="operator", shards=0)
