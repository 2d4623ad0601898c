"""Where what the rivals need is kept, following the XDG base directory specification."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def provided(name: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder made by `make`, of that name and key: made once, whole or not at all, by one process at a time."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nomad-operator-framework" / "benchmarks"
    folder = root / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    root.mkdir(parents=True, exist_ok=True)
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        finished = folder / "finished"
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder
