"""Reading logs and files piece by piece: where to begin, what comes next, and how to wait for more.

A task's output lies in a series of files (`<task>.stdout.0` …, see `supervisor.rotation`) that is read as one stream. A frame
names its file and the position in it *after* its data.
"""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from orchestrator.client.clock import Clock
from orchestrator.client.supervisor.rotation import indexes

Origin = Literal["start", "end"]
FRAME_SIZE: Final = 64 * 1024
HEARTBEAT_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a file, or something that happened to it. A frame without a file is a heartbeat: nothing new for a second."""

    file: str = ""
    offset: int = 0
    data: bytes = b""
    event: str = ""


async def read_logs(
    folder: Path, name: str, shown: str, *, origin: Origin, offset: int, follow: bool, clock: Clock
) -> AsyncIterator[Frame]:
    """The output of a task from a series of files, as one stream.

    `offset` counts bytes from the start of the oldest file, or back from the end (`origin`, or a negative number); `shown` is
    the folder's name in frames. With `follow` it never ends and sends heartbeats; else it ends where the logs end now.
    """
    index, position = _begin(folder, name, origin, offset)
    last = max(indexes(folder.as_posix(), name), default=0)
    waiting = _Heartbeat(clock)
    while True:
        label = f"{shown}/{name}.{index}"
        try:
            with (folder / f"{name}.{index}").open("rb") as file:
                file.seek(position)
                while True:
                    is_full = any(other > index for other in indexes(folder.as_posix(), name))
                    for frame in _frames(file, label):
                        waiting.reset()
                        yield frame
                    if is_full or not follow:
                        break
                    if await waiting.beat():
                        yield Frame()
        except FileNotFoundError:
            if follow and not indexes(folder.as_posix(), name) and await waiting.beat():
                yield Frame()
        newer = [other for other in indexes(folder.as_posix(), name) if other > index]
        if not follow and (index >= last or not newer):
            return
        if newer:
            index, position = newer[0], 0


async def read_file(file: Path, shown: str, *, origin: Origin, offset: int, follow: bool, clock: Clock) -> AsyncIterator[Frame]:
    """One file, from an offset on. With `follow` it ends only when the file is deleted, and says so."""
    waiting = _Heartbeat(clock)
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        stream.seek(min(offset, size) if origin == "start" else max(0, size - offset))
        while True:
            for frame in _frames(stream, shown):
                waiting.reset()
                yield frame
            if not follow:
                return
            if not file.exists():
                yield Frame(shown, stream.tell(), event="file deleted")
                return
            if os.fstat(stream.fileno()).st_size < stream.tell():
                stream.seek(0)
                yield Frame(shown, 0, event="file truncated")
            if await waiting.beat():
                yield Frame()


class _Heartbeat:
    """Waits for more, and tells when it is time to say that nothing came."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        self._due = self._clock.monotonic() + HEARTBEAT_SECONDS

    async def beat(self) -> bool:
        await self._clock.sleep(POLL_SECONDS)
        if self._clock.monotonic() < self._due:
            return False
        self.reset()
        return True


def _begin(folder: Path, name: str, origin: Origin, offset: int) -> tuple[int, int]:
    """The file and the position in it to begin with."""
    present = indexes(folder.as_posix(), name)
    if not present:
        return 0, 0
    if origin == "end":
        offset = -offset
    if offset == 0:
        return (present[-1] if origin == "end" else present[0]), 0
    sizes = {index: _size(folder / f"{name}.{index}") for index in present}
    for index in present if offset > 0 else reversed(present):
        if abs(offset) <= sizes[index]:
            return index, offset if offset > 0 else sizes[index] + offset
        offset += -sizes[index] if offset > 0 else sizes[index]
    return (present[-1], sizes[present[-1]]) if offset > 0 else (present[0], 0)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _frames(file: BinaryIO, label: str) -> Iterator[Frame]:
    while data := file.read(FRAME_SIZE):
        yield Frame(label, file.tell(), data)
