"""The driver of kreconciler, built by Go into the cache.

The module comes from the Go module proxy. Where that does not have it, `KRECONCILER_SOURCE` names a checkout of it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.rivals.cache import provided
from benchmarks.rivals.contestant import NotProvided

MODULE: Final = "github.com/koyeb/kreconciler"
VERSION: Final = "v1.5.0"

_SOURCES: Final = ("go.mod", "main.go")


def driver() -> str:
    """The path of the built driver.

    Raises:
        NotProvided: there is no Go, or it cannot get or compile the module.
    """
    go = shutil.which("go")
    if go is None:
        raise NotProvided("go is not on PATH")
    checkout = os.environ.get("KRECONCILER_SOURCE", "")
    texts = [Path(__file__).parent.joinpath(name).read_text() for name in _SOURCES]
    try:
        version = subprocess.run([go, "version"], check=True, capture_output=True, text=True).stdout
        folder = provided("kreconciler", "\n".join([version, checkout, *texts]), lambda folder: _build(go, checkout, folder))
    except (OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        raise NotProvided(f"go cannot build it: {said[-1] if said else error}") from error
    return str(folder / "driver")


def _build(go: str, checkout: str, folder: Path) -> None:
    print(f"building a driver for kreconciler {VERSION} in {folder} …", file=sys.stderr, flush=True)
    for name in _SOURCES:
        shutil.copy(Path(__file__).parent / name, folder)
    replacing = [["mod", "edit", "-replace", f"{MODULE}={checkout}"]] if checkout else []
    for command in (*replacing, ["mod", "tidy"], ["build", "-o", "driver", "."]):
        subprocess.run(
            [go, *command], cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, "GOWORK": "off"}
        )
