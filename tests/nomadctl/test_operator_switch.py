"""`operator pause` and `operator resume`."""

from operator_kit.process.pause import developing
from operator_kit.testing import MemoryNomad, virtual_time
from tests.nomadctl.in_memory import invoke


@virtual_time
async def test_an_operator_is_paused_and_goes_on() -> None:
    nomad = MemoryNomad()
    assert (await invoke(nomad, "operator", "pause", "-reason", "disks", "website")).out == 'Operator "website" is paused\n'
    assert nomad.items("operators/website") == {"paused": "true", "reason": "disks"}
    assert (await invoke(nomad, "operator", "pause", "website")).out == 'Operator "website" was paused already\n'
    assert (await invoke(nomad, "operator", "resume", "website")).out == 'Operator "website" goes on\n'
    assert (await invoke(nomad, "operator", "resume", "website")).out == 'Operator "website" was not paused\n'


@virtual_time
async def test_an_operator_that_a_developer_runs_is_left_to_him() -> None:
    nomad = MemoryNomad()
    async with developing(nomad, "website", "alice"):
        result = await invoke(nomad, "operator", "pause", "website")
        assert (result.code, "is run by a developer" in result.err) == (1, True)
