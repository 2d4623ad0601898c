"""kopf's own environment: made by pip, once, in the cache; never a part of ours."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.rivals.cache import provided
from benchmarks.rivals.contestant import NotProvided

VERSION: Final = "1.45.2"


def interpreter() -> str:
    """The path of a Python that has kopf.

    Raises:
        NotProvided: pip cannot get it.
    """
    try:
        folder = provided("kopf", f"{VERSION} {sys.version} {sys.executable}", _make)
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NotProvided(f"pip cannot get it: {said[-1] if said else error}") from error
    return str(folder / "bin" / "python")


def _make(folder: Path) -> None:
    print(f"making an environment for kopf {VERSION} in {folder} …", file=sys.stderr, flush=True)
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"kopf=={VERSION}"],
    ):
        subprocess.run(command, check=True, capture_output=True, text=True)
