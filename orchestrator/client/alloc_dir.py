"""The folders of an allocation.

    <root>/<allocation>/alloc/{data,logs,tmp}           shared by its tasks
    <root>/<allocation>/<task>/{local,secrets,tmp}      of one task

A task on the host sees them where they are; a container gets `alloc`, `local` and `secrets` mounted below `/`. Secrets are
the task's alone: on the host the folder opens only for the task's user; that of a container, whose users the host does not
know, is open inside and lies in a folder that is closed.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

OPEN = 0o777
CLOSED = 0o700


@dataclass(frozen=True)
class TaskDir:
    """The folders of one task."""

    root: Path
    shared: Path

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def local(self) -> Path:
        return self.root / "local"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def logs(self) -> Path:
        return self.shared / "logs"

    def build(self, *, isolated: bool, owner: tuple[int, int] | None = None) -> None:
        """Make the folders. `isolated`: the task sees them as mounts; `owner`: user and group of a task on the host."""
        _folder(self.root, CLOSED if isolated else 0o755)
        _folder(self.local, OPEN)
        _folder(self.tmp, OPEN | 0o1000)
        _folder(self.secrets, OPEN if isolated else CLOSED)
        if owner and not isolated:
            os.chown(self.secrets, *owner)


@dataclass(frozen=True)
class AllocDir:
    """All folders of one allocation."""

    root: Path

    @property
    def shared(self) -> Path:
        return self.root / "alloc"

    @property
    def logs(self) -> Path:
        return self.shared / "logs"

    def task(self, name: str) -> TaskDir:
        return TaskDir(self.root / name, self.shared)

    def build(self) -> None:
        """Make the shared folders."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        for folder in (self.shared, self.shared / "data", self.logs, self.shared / "tmp"):
            _folder(folder, OPEN)

    def destroy(self) -> None:
        """Remove everything, as far as it can be removed."""
        shutil.rmtree(self.root, ignore_errors=True)


def _folder(path: Path, mode: int) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(mode)
