"""Tests of operators without an agent: a Nomad in memory, and time that jumps.

@virtual_time
async def test_a_website_gets_its_job():
    nomad = MemoryNomad()
    async with running(nomad, WebsiteReconciler()):
        await nomad.declare("resources/example/website/blog", image="nginx")
        await ready(nomad, Website, "blog")
    assert nomad.job("website-blog")
"""

from operator_kit.testing.faults import Faults, Rates
from operator_kit.testing.harness import ready, running, status_of
from operator_kit.testing.loop import eventually, simulate, virtual_time
from operator_kit.testing.nomad import MemoryNomad
from operator_kit.testing.roundtrip import roundtrip
from operator_kit.testing.scenario import InconsistentState, Scenario, State
from operator_kit.testing.state import Cluster

__all__ = [
    "Cluster",
    "Faults",
    "InconsistentState",
    "MemoryNomad",
    "Rates",
    "Scenario",
    "State",
    "eventually",
    "ready",
    "roundtrip",
    "running",
    "simulate",
    "status_of",
    "virtual_time",
]
