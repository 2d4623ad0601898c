"""Log files that are cut at a size: `<task>.stdout.0`, `<task>.stdout.1` …, of which the newest few are kept.

Used by the agent and, without any package around it, by the supervisor; so it needs nothing but the standard library.
"""

import contextlib
import os


class RotatingFile:
    """Appends to the newest file of a series and begins the next when that is full.

    A line is not cut where a file ends unless it is longer than a file. Writes that fail (disk full, folder removed) are
    dropped: a task must not stop because its log cannot be kept.
    """

    def __init__(self, directory: str, name: str, max_files: int, max_bytes: int) -> None:
        self._base = os.path.join(directory, name)
        self._directory = directory
        self._name = name
        self._max_files = max(max_files, 1)
        self._max_bytes = max(max_bytes, 1)
        self.index = max(indexes(directory, name), default=0)
        self.size = 0
        self._file = -1
        self._open()

    def write(self, data: bytes) -> None:
        """Append, in as many files as it takes."""
        while data:
            if self.size >= self._max_bytes:
                self._next()
            room = self._max_bytes - self.size
            count = len(data)
            if count > room:
                newline = data.rfind(b"\n", 0, room) + 1
                fits_in_next = b"\n" in data[: self._max_bytes] or count <= self._max_bytes
                count = newline or (0 if self.size and fits_in_next else room)
            if count:
                self._append(data[:count])
                data = data[count:]
            if data:
                self._next()

    def rotated(self) -> None:
        """Called when a file was begun, before the oldest is removed."""

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, data: bytes) -> None:
        self.size += len(data)
        with contextlib.suppress(OSError):
            while data and self._file >= 0:
                data = data[os.write(self._file, data) :]

    def _next(self) -> None:
        self.close()
        self.index += 1
        self._open()
        self.rotated()
        for index in indexes(self._directory, self._name):
            if index <= self.index - self._max_files:
                with contextlib.suppress(OSError):
                    os.unlink(f"{self._base}.{index}")

    def _open(self) -> None:
        try:
            self._file = os.open(f"{self._base}.{self.index}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self.size = os.fstat(self._file).st_size
        except OSError:
            self.size = 0


def indexes(directory: str, name: str) -> list[int]:
    """The numbers of the files of a series, in order; none if the folder is missing."""
    prefix = name + "."
    try:
        names = os.listdir(directory)
    except OSError:
        return []
    return sorted(int(entry[len(prefix) :]) for entry in names if entry.startswith(prefix) and entry[len(prefix) :].isdigit())
