"""`docs/first-operator.md` is run as it stands: its blocks in order, in one shell, against a real agent.

```python PATH      is written to that file
```sh               is run; it must succeed
```sh agent         is the agent, which the test has started already
```sh background    is run until the page says <!-- stop -->, as by Ctrl+C
```text             is what the block before it prints, `…` being anything; until it does so, it is run again
"""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path
from typing import Final

import pytest

from tests.contract.conftest import Agent, open_agent
from tests.docs.pages import DOCS, ROOT, Block, blocks

__all__ = ["open_agent"]

pytestmark = pytest.mark.timeout(480)  # half a minute on an idle machine

PATIENCE: Final = 60.0
"""Seconds until a block must print what the page says."""


class Terminal:
    """A shell whose working directory outlives its commands."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        self._running: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "background.log").open("wb")

    def run(self, text: str) -> tuple[int, str]:
        """Run commands; the exit code, and what they print."""
        script = f"set -e\ntrap 'pwd >{self._log.name}.pwd' EXIT\n{text}"
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.folder = Path(Path(f"{self._log.name}.pwd").read_text().strip())
        return done.returncode, done.stdout.decode()

    def start(self, text: str) -> None:
        """Run a command in the background."""
        command = ["bash", "-c", f"exec {text}"]
        process = subprocess.Popen(command, cwd=self.folder, env=self._environment, stdout=self._log, stderr=self._log)
        self._running.append(process)

    def stop(self) -> list[int]:
        """Press Ctrl+C in all that runs; the exit codes."""
        running, self._running = self._running, []
        for process in running:
            process.send_signal(signal.SIGINT)
        return [process.wait(timeout=30) for process in running]

    def close(self) -> None:
        self.stop()
        self._log.close()


def test_every_step_of_the_page_does_what_it_says(open_agent: Agent, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, environment_of_a_reader(tmp_path, open_agent))
    page = blocks((DOCS / "first-operator.md").read_text())
    try:
        for block, following in zip(page, [*page[1:], None], strict=True):
            follow(terminal, block, following if following and following.language == "text" else None)
    finally:
        terminal.close()


def follow(terminal: Terminal, block: Block, printed: Block | None) -> None:
    """Do what one block of the page says."""
    where = f"docs/first-operator.md, line {block.line}"
    match block.language, block.note:
        case "python", path:
            (terminal.folder / path).write_text(block.text)
        case "sh", "agent":
            assert block.text == "nomadctl agent -dev\n", where
        case "sh", "background":
            terminal.start(block.text)
        case "sh", "":
            code, output = terminal.run(block.text)
            assert printed or code == 0, f"{where}:\n{output}"
            deadline = time.monotonic() + PATIENCE
            pause = 0.5
            while printed and not matches(printed.text, output):
                assert time.monotonic() < deadline, f"{where} prints:\n{output}"
                time.sleep(pause := min(2 * pause, 4.0))
                output = terminal.run(block.text)[1]
        case "comment", "stop":
            assert set(terminal.stop()) == {0}, where
        case "text", _:
            pass
        case _:
            pytest.fail(f"{where}: nobody knows what to do with this block")


def matches(expected: str, output: str) -> bool:
    """Whether the output is as the page has it; runs of spaces are one."""
    pattern = re.escape(_spaced(expected)).replace("…", "(?:.|\n)*")
    return re.fullmatch(pattern, _spaced(output)) is not None


def _spaced(text: str) -> str:
    return "\n".join(re.sub(r" +", " ", line).strip() for line in text.strip().splitlines())


def environment_of_a_reader(folder: Path, agent: Agent) -> dict[str, str]:
    """What a reader has in the terminal: an interpreter that has the framework, and `nomadctl`, on the path."""
    made = folder / "environment"
    venv.create(made, with_pip=False, symlinks=True)
    [site] = made.glob("lib/python*/site-packages")
    (site / "framework.pth").write_text(f"{ROOT}\n{sysconfig.get_paths()['purelib']}\n")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("NOMAD_", "PYTEST_", "PIP_"))}
    path = os.pathsep.join([str(made / "bin"), str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "NOMAD_ADDR": agent.address}


def test_what_is_printed_is_compared_but_for_what_changes() -> None:
    assert matches("Name   Age\nhello  …\n", "Name Age\nhello 3s\n")
    assert matches("one\n…", "one\ntwo\nthree\n")
    assert not matches("Name  Ready\nhello  True\n", "Name  Ready\nhello  False\n")
