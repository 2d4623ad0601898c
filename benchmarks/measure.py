"""Figures: what a benchmark returns, and how figures become a table."""

import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Figure:
    """One measured value. `more_is_better` decides which way a ratio counts."""

    name: str
    value: float
    unit: str
    more_is_better: bool = False


def percentile(samples: Sequence[float], fraction: float) -> float:
    """The sample below which that fraction of the samples lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


def latency(name: str, seconds: Sequence[float]) -> list[Figure]:
    """Median and 99th percentile in milliseconds."""
    return [
        Figure(f"{name}, p50", statistics.median(seconds) * 1000, "ms"),
        Figure(f"{name}, p99", percentile(seconds, 0.99) * 1000, "ms"),
    ]


async def rate(name: str, count: int, work: Callable[[], Awaitable[object]]) -> Figure:
    """How often per second `count` units of work are done."""
    began = time.perf_counter()
    await work()
    return Figure(name, count / (time.perf_counter() - began), "/s", more_is_better=True)


def table(columns: dict[str, list[Figure]]) -> str:
    """The figures of several candidates; after each but the first the ratio to it, above 1 where the first is better."""
    first, *others = columns
    by_name = {name: {figure.name: figure for figure in figures} for name, figures in columns.items()}
    rows = [["measurement", first, *(title for name in others for title in (name, "ratio"))]]
    for figure in columns[first]:
        row = [figure.name, _cell(figure)]
        for name in others:
            other = by_name[name].get(figure.name)
            row += [_cell(other), _ratio(figure, other)]
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if not at else cell.rjust(width) for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "–"
    return "never" if figure.value == inf else f"{figure.value:,.2f} {figure.unit}".rstrip()


def _ratio(figure: Figure, other: Figure | None) -> str:
    if other is None or not other.value or not figure.value or inf in (other.value, figure.value):
        return "–"
    ratio = figure.value / other.value if figure.more_is_better else other.value / figure.value
    return f"{ratio:,.2f}×"
