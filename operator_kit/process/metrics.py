"""What an operator tells Prometheus. Names are controller-runtime's where the thing is the same; units are seconds."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from operator_kit.engine.workqueue import QueueObserver

RESULTS: Final = ("success", "requeue_after", "error", "terminal", "gone")

_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        controller = ("controller",)
        self._reconciles = Counter(
            "controller_runtime_reconcile", "Looks at resources, by result.", (*controller, "result"), registry=registry
        )
        self._reconcile_time = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of one look at a resource.",
            controller,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._depth = Gauge("workqueue_depth", "Keys that are ready.", controller, registry=registry)
        self._put_off = Gauge("workqueue_put_off", "Keys that wait for their time.", controller, registry=registry)
        self._adds = Counter("workqueue_adds", "Keys that became ready.", controller, registry=registry)
        self._retries = Counter("workqueue_retries", "Keys put off because they failed.", controller, registry=registry)
        self._queued = Histogram(
            "workqueue_queue_duration_seconds", "How long keys were ready.", controller, buckets=_BUCKETS, registry=registry
        )
        self._longest = Gauge(
            "workqueue_longest_running_processor_seconds", "Age of the oldest key in hand.", controller, registry=registry
        )
        self._leader = Gauge("leader_election_master_status", "1 while this process leads.", ("name",), registry=registry)
        self._age = Gauge(
            "operator_source_age_seconds", "Time since a source last showed signs of life.", ("source",), registry=registry
        )

    def controller(
        self, name: str, *, depth: Callable[[], int], put_off: Callable[[], int], oldest: Callable[[], float]
    ) -> "ControllerMetrics":
        """The metrics of one controller, all of them present from the start."""
        self._depth.labels(name).set_function(depth)
        self._put_off.labels(name).set_function(put_off)
        self._longest.labels(name).set_function(oldest)
        return ControllerMetrics(
            {result: self._reconciles.labels(name, result) for result in RESULTS},
            self._reconcile_time.labels(name),
            self._adds.labels(name),
            self._retries.labels(name),
            self._queued.labels(name),
        )

    def source(self, name: str, age: Callable[[], float]) -> None:
        """Tell the age of what a source says."""
        self._age.labels(name).set_function(age)

    def leader(self, name: str, leads: bool) -> None:
        """Tell whether this process leads."""
        self._leader.labels(name).set(leads)


class ControllerMetrics(QueueObserver):
    """The metrics of one controller and its queue."""

    def __init__(
        self, results: dict[str, Counter], time: Histogram, adds: Counter, retries: Counter, queued: Histogram
    ) -> None:
        self._results = results
        self._time = time
        self._adds = adds
        self._retries = retries
        self._queued = queued

    def looked(self, result: str) -> None:
        """A look at a resource ended so."""
        self._results[result].inc()

    def added(self) -> None:
        self._adds.inc()

    def taken(self, waited: float) -> None:
        self._queued.observe(waited)

    def finished(self, worked: float) -> None:
        self._time.observe(worked)

    def retried(self) -> None:
        self._retries.inc()
