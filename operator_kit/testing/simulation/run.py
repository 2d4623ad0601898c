"""Run simulations: one seed, or many of them on several processors."""

import logging
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from operator_kit.testing.loop import simulate
from operator_kit.testing.simulation.course import Course
from operator_kit.testing.simulation.operations import operations

BATCH = 50
"""Seeds that a processor takes at a time."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a seed; without problems all is well."""

    seed: int
    problems: Sequence[str]
    requests: int

    def __str__(self) -> str:
        if not self.problems:
            return f"seed {self.seed}: well, after {self.requests} requests"
        lines = [f"seed {self.seed}: {len(self.problems)} problems", *(f"  {problem}" for problem in self.problems)]
        lines += ["operations:", *(f"  {operation}" for operation in operations(self.seed))]
        lines += [f"replay: python -m operator_kit.testing.simulation --from {self.seed} --seeds 1"]
        return "\n".join(lines)


def simulate_seed(seed: int) -> Report:
    """Run the operations of a seed without faults and with them: both must end alike, and nothing may go wrong on the way."""
    plan = operations(seed)
    with _quiet():
        random.seed(seed)
        right = simulate(Course(seed, plan, faulty=False).run())
        if right.problems:
            return Report(seed, [f"without faults: {problem}" for problem in right.problems], right.requests)
        random.seed(seed)
        found = simulate(Course(seed, plan, faulty=True).run(right.state))
    return Report(seed, found.problems, found.requests)


def simulate_seeds(first: int, count: int, processes: int = 1) -> Iterator[Report]:
    """The reports of many seeds, in their order."""
    if processes == 1:
        yield from map(simulate_seed, range(first, first + count))
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(simulate_seed, range(first, first + count), chunksize=BATCH)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without logs: thousands of failures are meant to happen."""
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**configured)
        logging.disable(disabled)
