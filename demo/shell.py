"""Runs the commands of the demo: each is shown as a user would type it, with what it prints."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

NOMADCTL = Path(sys.executable).parent / "nomadctl"


class StepFailed(Exception):
    """A step of the demo did not do what it should; the message says which and why."""


class Shell:
    """Runs `nomadctl` with one environment, shows commands and output, and keeps all of it in a log file."""

    def __init__(self, log: Path) -> None:
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("NOMAD_")}
        self._log: TextIO = log.open("w")

    def say(self, text: str) -> None:
        """A line of the story."""
        print(text, flush=True)
        self._log.write(text + "\n")
        self._log.flush()

    def title(self, text: str) -> None:
        """The heading of a step."""
        self.say(f"\n── {text} " + "─" * max(0, 100 - len(text)))

    def run(self, command: str, *, show: bool = True, check: bool = True) -> str:
        """Run `nomadctl …` and return what it printed on standard output.

        Raises:
            StepFailed: it exited with an error.
        """
        if show:
            self.say(f"$ nomadctl {command}")
        done = subprocess.run(
            [NOMADCTL, *shlex.split(command)], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        if show:
            for line in (done.stdout + done.stderr).rstrip().splitlines():
                self.say(f"  {line}")
        if check and done.returncode:
            if not show:
                self.say(done.stdout + done.stderr)
            raise StepFailed(f"`nomadctl {command}` ended with exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def wait(self, what: str, probe: Callable[[], object], *, seconds: float = 60) -> float:
        """Ask until `probe` gives something true; returns how many seconds it took.

        Raises:
            StepFailed: it did not in time.
        """
        began = time.monotonic()
        while not probe():
            if time.monotonic() - began > seconds:
                raise StepFailed(f"{what} did not happen within {seconds:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began
