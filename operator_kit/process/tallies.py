"""Counters and histograms that cost next to nothing to count: plain numbers, put into Prometheus' form when it asks.

An operator counts half a dozen things at every look. prometheus_client's own counters take a lock each time, for the sake of
threads; an event loop has one thread, and without the locks a look that finds nothing to do is a tenth cheaper. What
Prometheus gets is the same.
"""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

Series = TypeVar("Series")

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


class Family(Collector, ABC, Generic[Series]):
    """Series of one name, one for each set of labels."""

    def __init__(self, new: Callable[[], Series]) -> None:
        self._new = new
        self._series: dict[tuple[str, ...], Series] = {}

    def labels(self, *values: str) -> Series:
        """The series with these labels; it is told of from now on."""
        if (series := self._series.get(values)) is None:
            series = self._series[values] = self._new()
        return series

    def describe(self) -> Iterable[Metric]:
        return [self._told({})]

    def collect(self) -> Iterable[Metric]:
        return [self._told(self._series)]

    @abstractmethod
    def _told(self, series: Mapping[tuple[str, ...], Series]) -> Metric:
        """These series in Prometheus' form."""


class Counter(Family[Count]):
    """A count for each set of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        super().__init__(Count)
        self._about: Any = (name, text, None, labels)

    def _told(self, series: Mapping[tuple[str, ...], Count]) -> Metric:
        family = CounterMetricFamily(*self._about)
        for values, count in series.items():
            family.add_metric(values, count.value)
        return family


class Histogram(Family[Spread]):
    """A spread for each set of labels."""

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        """`bounds` are the upper bounds of the buckets, in order; there is one more without a bound."""
        super().__init__(lambda: Spread(bounds))
        self._about: Any = (name, text, None, None, labels)

    def _told(self, series: Mapping[tuple[str, ...], Spread]) -> Metric:
        family = HistogramMetricFamily(*self._about)
        for values, spread in series.items():
            family.add_metric(values, list(spread.buckets()), spread.total)
        return family
