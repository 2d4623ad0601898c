"""Prometheus gets what prometheus_client's own counters would have told it."""

import prometheus_client
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from operator_kit.process.tallies import Counter, Histogram

BOUNDS = (0.001, 0.5, 1.0, 60.0)


def exposed(registry: CollectorRegistry) -> list[str]:
    """All lines but those that tell when a series began: such times are not kept here."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.sampled_from([("a", "x"), ("a", "y"), ('"b"\n', "\\")])))
def test_counters_are_exposed_as_by_the_client_library(counted: list[tuple[str, str]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ours.register(mine := Counter("looks", "Looks.", ("controller", "result")))
    other = prometheus_client.Counter("looks", "Looks.", ("controller", "result"), registry=theirs)
    for labels in counted:
        mine.labels(*labels).inc()
        other.labels(*labels).inc()
    assert exposed(ours) == exposed(theirs)


@given(st.lists(st.sampled_from([*BOUNDS, 0.0, 0.25, 100.0])))
def test_histograms_are_exposed_as_by_the_client_library(values: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ours.register(mine := Histogram("seconds", "Seconds.", ("method",), BOUNDS))
    other = prometheus_client.Histogram("seconds", "Seconds.", ("method",), buckets=BOUNDS, registry=theirs)
    mine.labels("GET")
    other.labels("GET")
    for value in values:
        mine.labels("PUT").observe(value)
        other.labels("PUT").observe(value)
    assert exposed(ours) == exposed(theirs)


def test_a_name_can_be_registered_only_once() -> None:
    registry = CollectorRegistry()
    registry.register(Counter("looks", "Looks.", ()))
    with pytest.raises(ValueError, match="looks_total"):
        registry.register(Histogram("looks_total", "Looks.", (), BOUNDS))
