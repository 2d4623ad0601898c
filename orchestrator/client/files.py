"""Files of an allocation, as the `fs` routes give them: nothing outside its folder, no contents of secrets."""

import mimetypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orchestrator.client.alloc_dir import AllocDir
from orchestrator.client.errors import MissingFile, PathError
from orchestrator.timestamps import format_time

_SNIFFED: Final = 512
_CONTROL: Final = frozenset(range(32)) - {9, 10, 12, 13, 27}


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file or folder; `mode` is the text that `ls -l` shows, `modified` RFC 3339."""

    name: str
    is_dir: bool
    size: int
    mode: str
    modified: str
    content_type: str = ""

    def to_wire(self) -> dict[str, object]:
        wire: dict[str, object] = {
            "Name": self.name,
            "IsDir": self.is_dir,
            "Size": self.size,
            "FileMode": self.mode,
            "ModTime": self.modified,
        }
        if self.content_type:
            wire["ContentType"] = self.content_type
        return wire


class AllocFiles:
    """The files of one allocation. Paths are relative to its folder; a leading slash is that folder.

    All methods raise PathError if there is no such file or it may not be had.
    """

    def __init__(self, directory: AllocDir, tasks: list[str]) -> None:
        self._root = directory.root
        self._secret = tuple(directory.task(name).secrets for name in tasks)

    def list(self, path: str) -> list[FileInfo]:
        """What is in a folder, by name."""
        folder = self._resolve(path)
        try:
            with os.scandir(folder) as entries:
                return [_info(Path(entry.path), entry.stat(follow_symlinks=False)) for entry in sorted(entries, key=_name)]
        except NotADirectoryError:
            raise PathError(f'"{path}" is not a directory') from None
        except OSError as error:
            raise _path_error(error, "open", folder) from None

    def stat(self, path: str) -> FileInfo:
        file = self._resolve(path)
        return _info(file, _stat(file), sniff=True)

    def read(self, path: str, offset: int = 0, limit: int | None = None) -> bytes:
        """The contents, or `limit` bytes of them from an offset on."""
        file = self.readable(path)
        with file.open("rb") as stream:
            stream.seek(offset)
            return stream.read() if limit is None else stream.read(limit)

    def readable(self, path: str) -> Path:
        """Where a file is that may be read."""
        file = self._resolve(path)
        if stat.S_ISDIR(_stat(file).st_mode):
            raise PathError(f'file "{path}" is a directory')
        if any(file.resolve().is_relative_to(folder.resolve()) for folder in self._secret):
            raise PathError(f"Reading secret file prohibited: {path}")
        return file

    def _resolve(self, path: str) -> Path:
        file = Path(os.path.normpath(self._root / path.lstrip("/")))
        if not file.resolve().is_relative_to(self._root.resolve()):
            raise PathError("Path escapes the alloc directory")
        return file


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _stat(file: Path) -> os.stat_result:
    try:
        return file.stat()
    except OSError as error:
        raise _path_error(error, "stat", file) from None


def _path_error(error: OSError, operation: str, file: Path) -> PathError:
    kind = MissingFile if isinstance(error, FileNotFoundError | NotADirectoryError) else PathError
    return kind(f"{operation} {file}: {(error.strerror or str(error)).lower()}")


def _info(file: Path, status: os.stat_result, *, sniff: bool = False) -> FileInfo:
    folder = stat.S_ISDIR(status.st_mode)
    kind = _content_type(file) if sniff and stat.S_ISREG(status.st_mode) else ""
    return FileInfo(file.name, folder, status.st_size, stat.filemode(status.st_mode), format_time(status.st_mtime_ns), kind)


def _content_type(file: Path) -> str:
    """By the name, or else by the first bytes, as Go's `http.DetectContentType` tells text from the rest."""
    guessed, _ = mimetypes.guess_type(file.name)
    if not guessed:
        try:
            with file.open("rb") as stream:
                text = _CONTROL.isdisjoint(stream.read(_SNIFFED))
        except OSError:
            return ""
        guessed = "text/plain" if text else "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed
