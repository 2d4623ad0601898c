"""Frameworks side by side: the same questions to each in turn, several rounds, medians.

Rates are per second of the operator's own CPU, so that other work on the machine counts little; times are a watch's.
Rivals that this machine cannot provide are left out, and that is said.
"""

import asyncio
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from benchmarks import yardstick
from benchmarks.measure import Figure, table
from benchmarks.rivals.contestant import BURST, WRITERS, Contestant, NotProvided
from benchmarks.rivals.kopf.contestant import Kopf
from benchmarks.rivals.kreconciler.contestant import Kreconciler
from benchmarks.rivals.ours.contestant import Ours
from benchmarks.rivals.process import OperatorFailed

CONTESTANTS: Final[Sequence[type[Contestant]]] = (Ours, Kopf, Kreconciler)

FAMILIES: Final = {"ids": 1_000, "no-op": 1_000, "latency": 300, "start": 10_000, "memory": 1_000, "burst": 100, "storm": 100}
"""What is measured, and with how many objects."""

TOGETHER: Final = "storm"
"""Almost all of it is waiting, so all contestants go through it at once, in the first round only."""

NOTES: Final = f"""
A ratio above 1: operator_kit is better. Rates are per second of the operator's CPU.

no-op, ids only           a stream of ids, queue, workers, a function that does nothing; kopf has no such layer
no-op, whole controller   resources and statuses read into models, conditions judged, nothing to write;
                          kopf: an event each to a handler of raw events, which gets dictionaries
put → handler begins      over HTTP, by a writer in the operator's process; kopf: a handler of creations
first start, restart      all objects are there before the process; settled: all handlers have run, all statuses are written
memory                    for each object of 600 bytes: growth of the process's resident memory (first start, restart), and
                          what Python has allocated and keeps (cache, controller)
burst                     {BURST:,} writes by {WRITERS} writers to {FAMILIES["burst"]} objects; kopf: a handler of raw events
storm                     {FAMILIES["storm"]} objects fail for 10 s, then none; every framework retries by its own defaults
"""


async def run(only: Sequence[str] = (), *, objects: int | None = None, rounds: int = 3) -> str:
    """Measure, and make a table of the medians.

    Args:
        only: families; all by default.
        objects: with how many objects a process starts, in place of 10,000.
    """
    sizes = FAMILIES | ({"start": objects} if objects else {})
    contestants, absent = await _provided()
    samples: dict[str, dict[str, list[Figure]]] = {each.name: defaultdict(list) for each in contestants}

    async def ask(each: Contestant, family: str) -> None:
        if (measurement := each.measurements.get(family)) is None:
            return
        try:
            for figure in await measurement(sizes[family]):
                samples[each.name][figure.name].append(figure)
        except OperatorFailed as error:
            _say(f"{each.name}, {family}: {error}")

    marks = []
    for number in range(1, rounds + 1):
        marks.append(await yardstick.requests_per_second())
        for family in only or FAMILIES:
            _say(f"round {number} of {rounds}: {family}")
            if family == TOGETHER:
                await asyncio.gather(*(ask(each, family) for each in contestants if number == 1))
                continue
            for each in contestants:
                await ask(each, family)
    columns = {name: [_median(figures) for figures in by_name.values()] for name, by_name in samples.items()}
    return "\n".join([table(columns), NOTES, _machine(statistics.median(marks)), *absent])


def _machine(mark: float) -> str:
    """How fast this machine is beside the one for which the aims of speed were set."""
    return (
        f"This machine: a bare aiohttp handler answers {mark:,.0f} requests for each second of its CPU. The one for which the\n"
        f"aims of speed were set answered {yardstick.REFERENCE:,}, {yardstick.REFERENCE / mark:.1f} times as many.\n"
    )


async def _provided() -> tuple[list[Contestant], list[str]]:
    """The frameworks that are here, and why the others are not."""
    contestants: list[Contestant] = []
    absent: list[str] = []
    for kind in CONTESTANTS:
        contestant = kind()
        try:
            _say(f"{contestant.name}: {await contestant.provide()}")
            contestants.append(contestant)
        except NotProvided as error:
            absent.append(f"{contestant.name} is left out: {error}")
    return contestants, absent


def _median(figures: Sequence[Figure]) -> Figure:
    return replace(figures[0], value=statistics.median(figure.value for figure in figures))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
