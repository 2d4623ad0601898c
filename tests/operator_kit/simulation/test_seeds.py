"""Some hundred seeds of the simulation in every run of the tests. `python -m operator_kit.testing.simulation` has the rest."""

import pytest

from operator_kit.testing.simulation import simulate_seed

SEEDS = 80
BLOCK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_operations_end_as_without_faults(first: int) -> None:
    for seed in range(first, first + BLOCK):
        report = simulate_seed(seed)
        assert not report.problems, str(report)
