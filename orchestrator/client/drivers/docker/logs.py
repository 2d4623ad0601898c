"""Copies what a container says into the task's log files: all of it, once, whatever happens to the agent meanwhile.

The engine keeps the output with a timestamp for each message. How far copying has come is told by the log files themselves:
an *anchor*, written when a run begins and at each new file, names a point in the output (a time, and how many bytes from that
time on) and the place in the files that it corresponds to. What lies behind that place was copied after the anchor, so an
agent that comes back skips just as many bytes, and nothing has to be written down for each message.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from orchestrator.client.drivers.base import LogLimits
from orchestrator.client.drivers.docker.engine import STDERR, STDOUT, Engine, frames
from orchestrator.client.supervisor.rotation import RotatingFile, indexes

STREAMS = {STDOUT: "stdout", STDERR: "stderr"}


class ContainerLog:
    """The output of one run of a container, on its way into files."""

    def __init__(self, engine: Engine, container: str, folder: Path, name: str, limits: LogLimits, anchors: Path) -> None:
        self._engine = engine
        self._container = container
        self._anchors = anchors
        self._streams = {
            number: _Stream(folder, f"{name}.{kind}", limits, anchors / f"{kind}.anchor") for number, kind in STREAMS.items()
        }

    async def copy(self, *, tty: bool, follow: bool) -> None:
        """Copy what is new; with `follow` until the container ends. Raises EngineError if the engine breaks off."""
        for stream in self._streams.values():
            stream.resume()
        oldest = min(stream.since for stream in self._streams.values())
        params = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow)), "since": _whole_seconds(oldest)}
        async for content in self._engine.stream("GET", f"/containers/{self._container}/logs", params=params):
            async for number, message in _lines(content) if tty else frames(content):
                timestamp, _, payload = message.partition(b" ")
                if number in self._streams:
                    self._streams[number].take(timestamp.decode(), payload)

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()


class _Stream(RotatingFile):
    """One of the two streams."""

    def __init__(self, folder: Path, name: str, limits: LogLimits, anchor: Path) -> None:
        super().__init__(str(folder), name, limits.max_files, limits.max_bytes)
        self._folder = folder
        self._stream = name
        self._anchor = anchor
        self.since = ""
        self._skip = 0
        self._before = 0
        """Bytes of messages with the timestamp `since` that came before the one in hand."""
        self._done = 0
        self._start = ""
        if not anchor.exists():
            self._save(0)

    def resume(self) -> None:
        """Find out how far copying has come, from the anchor and the files."""
        anchor: dict[str, Any] = json.loads(self._anchor.read_bytes())
        copied = 0
        for index in indexes(str(self._folder), self._stream):
            if index >= anchor["index"]:
                size = (self._folder / f"{self._stream}.{index}").stat().st_size
                copied += size - (anchor["offset"] if index == anchor["index"] else 0)
        self._start = self.since = anchor["since"]
        self._skip = anchor["skip"] + copied
        self._before = 0

    def take(self, timestamp: str, payload: bytes) -> None:
        """Write a message, or what is new of it."""
        if timestamp < self._start:
            return
        if timestamp != self.since:
            self.since, self._before = timestamp, 0
        skipped = min(self._skip, len(payload))
        self._skip -= skipped
        self._done = self._before + skipped
        self.write(payload[skipped:])
        self._before += len(payload)

    def rotated(self) -> None:
        self._save(self._done)

    def _append(self, data: bytes) -> None:
        super()._append(data)
        self._done += len(data)

    def _save(self, skip: int) -> None:
        anchor = {"since": self.since, "skip": skip, "index": self.index, "offset": self.size}
        new = self._anchor.with_suffix(".new")
        with contextlib.suppress(FileNotFoundError):  # the run was released
            new.write_text(json.dumps(anchor))
            new.replace(self._anchor)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[tuple[int, bytes]]:
    """The messages of a container with a terminal: there is one stream, and its messages are lines."""
    while line := await content.readline():
        yield STDOUT, line


def _whole_seconds(timestamp: str) -> str:
    """The time a log is asked from: not later than the timestamp, since only whole seconds are sure to be understood."""
    return str(int(datetime.fromisoformat(timestamp[:19] + "+00:00").timestamp())) if timestamp else "0"
