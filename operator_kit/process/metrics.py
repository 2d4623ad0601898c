"""What an operator tells Prometheus. Names are controller-runtime's where the thing is the same; units are seconds.

Every series is there from the start, so that a rate does not begin with a gap. No label has a value for each resource: what
one resource does is in its status, its span and its log.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Gauge

from operator_kit.engine.attempt import OUTCOMES, Attempt
from operator_kit.engine.controller import Controller, ControllerObserver
from operator_kit.informers.source import Source
from operator_kit.process.tallies import Counter, Histogram

_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PAUSES: Final = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class Description(NamedTuple):
    """What a metric is called and means."""

    name: str
    type: str
    labels: tuple[str, ...]
    text: str


class Metrics:
    """The metrics of one process, in a registry of their own.

    Attributes:
        descriptions: of all of them.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.descriptions: list[Description] = []

        def counter(name: str, text: str, *labels: str) -> Counter:
            self.descriptions.append(Description(f"{name}_total", "counter", labels, text))
            registry.register(series := Counter(name, text, labels))
            return series

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            self.descriptions.append(Description(name, "gauge", labels, text))
            return Gauge(name, text, labels, registry=registry)

        def histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = _BUCKETS) -> Histogram:
            self.descriptions.append(Description(name, "histogram", labels, text))
            registry.register(series := Histogram(name, text, labels, buckets))
            return series

        prefix = "controller_runtime_"
        self.reconciles = counter(f"{prefix}reconcile", "Looks at ids, by result.", "controller", "result")
        self.errors = counter(f"{prefix}reconcile_errors", "Looks that failed.", "controller")
        self.terminal = counter(f"{prefix}terminal_reconcile_errors", "Looks that only a change can help.", "controller")
        self.panics = counter(f"{prefix}reconcile_panics", "Looks that raised what nobody foresaw.", "controller")
        self.timeouts = counter(f"{prefix}reconcile_timeouts", "Looks that ran into their limit of time.", "controller")
        self.time = histogram(f"{prefix}reconcile_time_seconds", "Length of one look.", "controller")
        self.workers = gauge(f"{prefix}max_concurrent_reconciles", "Looks that can go on at once, in a shard.", "controller")
        self.active = gauge(f"{prefix}active_workers", "Looks that go on.", "controller")
        self.depth = gauge("workqueue_depth", "Ids that are ready.", "controller")
        self.put_off = gauge("workqueue_put_off", "Ids that wait for their time.", "controller")
        self.adds = counter("workqueue_adds", "Ids that became ready.", "controller")
        self.joins = counter("workqueue_joins", "Ids asked for that were ready already.", "controller")
        self.retries = counter("workqueue_retries", "Ids put off because they failed.", "controller")
        self.pauses = histogram("workqueue_retry_pause_seconds", "How long they are put off.", "controller", buckets=_PAUSES)
        self.queued = histogram("workqueue_queue_duration_seconds", "How long ids were ready.", "controller")
        self.unfinished = gauge("workqueue_unfinished_work_seconds", "Age of all ids in hand together.", "controller")
        self.longest = gauge("workqueue_longest_running_processor_seconds", "Age of the oldest id in hand.", "controller")
        self.oldest = gauge("workqueue_oldest_key_age_seconds", "How long the oldest id has been ready.", "controller")
        self.emitted = counter("operator_stream_events", "Ids that a stream emitted.", "controller", "stream")
        self.broken = counter("operator_stream_errors", "Failures of a stream.", "controller", "stream")
        self.leads = gauge("leader_election_master_status", "1 while this process leads.", "name")
        self.shards = gauge("operator_shards_led", "Shards that this process leads.", "name")
        self.age = gauge("operator_source_age_seconds", "Time since a source last showed signs of life.", "source")
        self.objects = gauge("operator_source_objects", "Objects that a source knows.", "source")
        self.bytes = gauge("operator_source_bytes", "Bytes of data that a source keeps.", "source")
        self.lag = gauge("operator_event_loop_lag_seconds", "How late the event loop was at the last probe.")
        self.requests = counter("rest_client_requests", "Requests to Nomad.", "method", "code")
        self.request_time = histogram("rest_client_request_duration_seconds", "Length of requests.", "method")

    def watch_controller(self, controller: Controller) -> None:
        """Tell the state of a controller's queues."""
        name = controller.name

        def of_all(measure: Callable[..., float], combine: Callable[..., float] = sum) -> Callable[[], float]:
            return lambda: combine([measure(shard.queue) for shard in controller.shards])

        for stream in controller.streams:
            self.emitted.labels(name, stream.name)
            self.broken.labels(name, stream.name)
        self.workers.labels(name).set(controller.pace.workers)
        self.active.labels(name).set_function(of_all(lambda queue: len(queue.in_hand)))
        self.depth.labels(name).set_function(of_all(len))
        self.put_off.labels(name).set_function(of_all(lambda queue: len(queue.put_off)))
        self.unfinished.labels(name).set_function(controller.unfinished)
        self.longest.labels(name).set_function(controller.oldest)
        self.oldest.labels(name).set_function(of_all(lambda queue: queue.longest_wait(), max))

    def watch_source(self, source: Source) -> None:
        """Tell the age and the size of what a source knows."""
        self.age.labels(source.name).set_function(source.age)
        self.objects.labels(source.name).set_function(source.__len__)
        self.bytes.labels(source.name).set_function(source.cached_bytes)

    def leading(self, name: str, shards: int) -> None:
        """Tell how many shards this process leads."""
        self.leads.labels(name).set(int(shards > 0))
        self.shards.labels(name).set(shards)

    def request(self, method: str, code: int, seconds: float) -> None:
        """A request was answered with that status, or with none (0)."""
        self.requests.labels(method, str(code) if code else "none").inc()
        self.request_time.labels(method).observe(seconds)


class ControllerMetrics(ControllerObserver):
    """Counts what happens in one controller; all its series are there from the start."""

    def __init__(self, metrics: Metrics, name: str) -> None:
        self._name = name
        self._metrics = metrics
        self._results = {outcome: metrics.reconciles.labels(name, outcome) for outcome in OUTCOMES}
        self._errors = metrics.errors.labels(name)
        self._terminal = metrics.terminal.labels(name)
        self._panics = metrics.panics.labels(name)
        self._timeouts = metrics.timeouts.labels(name)
        self._time = metrics.time.labels(name)
        self._adds = metrics.adds.labels(name)
        self._joins = metrics.joins.labels(name)
        self._retries = metrics.retries.labels(name)
        self._pauses = metrics.pauses.labels(name)
        self._queued = metrics.queued.labels(name)

    def looked(self, attempt: Attempt) -> None:
        self._results[attempt.outcome].inc()
        if attempt.failed:
            self._errors.inc()
            for concerned, series in (
                (attempt.outcome == "terminal", self._terminal),
                (attempt.panicked, self._panics),
                (attempt.timed_out, self._timeouts),
            ):
                if concerned:
                    series.inc()

    def added(self) -> None:
        self._adds.inc()

    def joined(self) -> None:
        self._joins.inc()

    def taken(self, waited: float) -> None:
        self._queued.observe(waited)

    def finished(self, worked: float) -> None:
        self._time.observe(worked)

    def retried(self, pause: float) -> None:
        self._retries.inc()
        self._pauses.observe(pause)

    def emitted(self, stream: str) -> None:
        self._metrics.emitted.labels(self._name, stream).inc()

    def broke(self, stream: str) -> None:
        self._metrics.broken.labels(self._name, stream).inc()
