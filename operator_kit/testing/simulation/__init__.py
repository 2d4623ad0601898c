"""Deterministic simulation of an operator: thousands of courses of random operations and faults, each the same for its seed.

Flow: users put, change, purge and make anew a few resources, others meddle with their jobs, while two processes of an operator
compete for the lock, and requests, answers, events, connections and processes are lost. Then the faults end.

Guarantees that are checked: everything ends in the state in which it ends without any fault; nobody has a resource in hand
that another has; no finalizer is skipped; nothing is left behind in Nomad or beyond; nothing beyond Nomad is made twice.

    python -m operator_kit.testing.simulation --seeds 10000 --processes 2
"""

from operator_kit.testing.simulation.run import Report, simulate_seed, simulate_seeds

__all__ = ["Report", "simulate_seed", "simulate_seeds"]
