"""The fixtures work in a suite that does nothing but name the plugin."""

import pytest

pytest_plugins = ["pytester"]

SUITE = """
from pydantic import BaseModel
from nomad_api.client import Nomad
from operator_kit import Reconciler, Resource
from operator_kit.testing import ready, virtual_time


class Note(Resource, group="test", kind="note"):
    class Spec(BaseModel):
        text: str = ""


class NoteReconciler(Reconciler[Note]):
    async def reconcile(self, note, ctx):
        pass


@virtual_time
async def test_an_operator_in_memory(memory_nomad, operator):
    await memory_nomad.declare("resources/test/note/one", text="x")
    async with operator(NoteReconciler()) as manager:
        await ready(memory_nomad, Note, "one")
        assert manager.leading.is_set()


async def test_a_real_agent(agent):
    async with agent as nomad:
        await nomad.variables.put("fixture", {"k": "v"})
        assert (await nomad.variables.get("fixture")).items == {"k": "v"}
"""


def test_a_suite_with_the_plugin_passes(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["operator_kit.testing.pytest_plugin"]')
    pytester.makepyfile(SUITE)
    pytester.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error")
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=2)
