"""A changed operator runs in a fresh process; a broken one runs not at all, until it is repaired."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

import pytest

from nomad_api.client import Settings
from operator_kit.process.hot_reload import Launch, reload_on_change
from operator_kit.process.loading import find
from operator_kit.testing import eventually

GOOD = """
import os, pathlib
from pydantic import BaseModel
from operator_kit import Context, Reconciler, Resource

class Thing(Resource, group="test", kind="thing"):
    class Spec(BaseModel):
        size: int = 1

class ThingReconciler(Reconciler[Thing]):
    async def reconcile(self, thing: Thing, ctx: Context[Thing]) -> None:
        pass

with pathlib.Path({starts!r}).open("a") as file:
    print({word!r}, os.getpid(), file=file)
"""


class Code:
    """The code of an operator, and which processes have begun with which state of it."""

    def __init__(self, folder: Path) -> None:
        (folder / "code").mkdir()
        self.file = folder / "code" / "blog.py"
        self.starts = folder / "starts"

    def write(self, word: str) -> None:
        self.file.write_text(GOOD.format(starts=str(self.starts), word=word))

    def begun(self) -> list[tuple[str, int]]:
        lines = self.starts.read_text().splitlines() if self.starts.exists() else []
        return [(word, int(pid)) for word, pid in (line.split() for line in lines)]

    async def begin(self, word: str) -> int:
        """Wait for a process with that state of the code; its number."""
        await eventually(lambda: self.begun()[-1:] != [] and self.begun()[-1][0] == word, within=30)
        return self.begun()[-1][1]


def alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


async def test_code_that_changes_breaks_and_is_repaired(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code = Code(tmp_path)
    code.write("first")
    # Nobody listens there: following Nomad is not what this is about.
    launch = Launch(Settings("http://127.0.0.1:9"), find(str(code.file)), "blog", "alice")
    work = asyncio.create_task(reload_on_change(launch))
    try:
        first = await code.begin("first")
        code.write("second")
        second = await code.begin("second")
        assert second != first
        assert not alive(first)

        code.file.write_text("def broken(:\n")
        await eventually(lambda: "SyntaxError" in capfd.readouterr().err, within=30)
        assert not alive(second)
        code.write("third")
        third = await code.begin("third")
        assert len(code.begun()) == 3
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert not alive(third)
