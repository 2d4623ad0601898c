"""Counters and histograms that cost next to nothing to count: plain numbers, put into Prometheus' form when it asks.

An operator counts half a dozen things at every look. prometheus_client's own counters take a lock each time, for the sake of
threads; an event loop has one thread, and without the locks a look that finds nothing to do is a tenth cheaper. What
Prometheus gets is the same.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_INFINITE: Final = float("inf")


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        """One more."""
        self.value += 1


class Spread:
    """How many values fell into which bucket; a bucket includes its upper bound."""

    __slots__ = ("_bounds", "_filled", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._filled = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One value more."""
        self._filled[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> Iterator[tuple[str, float]]:
        """Each upper bound, and how many values were not above it."""
        count = 0
        for bound, filled in zip((*self._bounds, _INFINITE), self._filled, strict=True):
            count += filled
            yield ("+Inf" if bound == _INFINITE else repr(float(bound))), count


class Counter(Collector):
    """A count for each set of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._about: Any = (name, text, None, labels)
        self._counts: dict[tuple[str, ...], Count] = {}

    def labels(self, *values: str) -> Count:
        """The count with these labels; it is told of from now on."""
        if (count := self._counts.get(values)) is None:
            count = self._counts[values] = Count()
        return count

    def describe(self) -> Iterable[Metric]:
        return [CounterMetricFamily(*self._about)]

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(*self._about)
        for values, count in self._counts.items():
            family.add_metric(values, count.value)
        return [family]


class Histogram(Collector):
    """A spread for each set of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        """`bounds` are the upper bounds of the buckets, in order; there is one more without a bound."""
        self._about: Any = (name, text, None, None, labels)
        self._bounds = bounds
        self._spreads: dict[tuple[str, ...], Spread] = {}

    def labels(self, *values: str) -> Spread:
        """The spread with these labels; it is told of from now on."""
        if (spread := self._spreads.get(values)) is None:
            spread = self._spreads[values] = Spread(self._bounds)
        return spread

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(*self._about)]

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(*self._about)
        for values, spread in self._spreads.items():
            family.add_metric(values, list(spread.buckets()), spread.total)
        return [family]
