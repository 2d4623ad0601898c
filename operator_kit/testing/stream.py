"""A subscriber of the in-memory Nomad's event stream: what was asked for, as lines of JSON."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import orjson

Deliver = Callable[[bytes], Sequence[tuple[float, bytes]]]
"""What becomes of a line on its way: lines, each after so many seconds. The honest way is one line, at once."""


def at_once(line: bytes) -> Sequence[tuple[float, bytes]]:
    return ((0.0, line),)


class Stream:
    """One connection; also the `content` of its answer, as `aiohttp.StreamReader` has it."""

    def __init__(self, topics: list[str], namespace: str, deliver: Deliver = at_once) -> None:
        self._topics = [topic.partition(":")[::2] for topic in topics] or [("*", "*")]
        self._namespace = namespace
        self._deliver = deliver
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._chunks.put_nowait(b"{}\n")

    def offer(self, batch: dict[str, Any]) -> None:
        """Send what of the batch was asked for."""
        if events := [event for event in batch["Events"] if self._wants(event)]:
            for seconds, line in self._deliver(orjson.dumps({**batch, "Events": events}) + b"\n"):
                if seconds > 0:
                    asyncio.get_running_loop().call_later(seconds, self._chunks.put_nowait, line)
                else:
                    self._chunks.put_nowait(line)

    def close(self) -> None:
        """End the stream, after what has been sent already."""
        self._chunks.put_nowait(None)

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The bytes as they come."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk

    def _wants(self, event: dict[str, Any]) -> bool:
        if event["Namespace"] not in ("", self._namespace) and self._namespace != "*":
            return False
        keys = (event["Key"], *(event["FilterKeys"] or ()), "*")
        return any(topic in (event["Topic"], "*") and (key or "*") in keys for topic, key in self._topics)
