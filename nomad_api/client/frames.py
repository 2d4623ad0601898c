"""Frames of log and file streams: JSON objects written one after the other, with nothing between them."""

import base64
import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

_JSON: Final = json.JSONDecoder()


class FrameDecoder:
    """Cuts a stream of bytes into its JSON objects, however the network has sliced it."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""

    def feed(self, data: bytes) -> Iterator[dict[str, Any]]:
        """The objects completed by these bytes; a heartbeat is an empty one."""
        self._rest += self._utf8.decode(data)
        position = 0
        try:
            while position < len(self._rest):
                frame, position = _JSON.raw_decode(self._rest, position)
                yield frame
        except json.JSONDecodeError:
            pass  # the object goes on in the next bytes
        finally:
            self._rest = self._rest[position:]


def frame_data(frame: dict[str, Any]) -> bytes:
    """The bytes a frame carries; heartbeats and file events carry none."""
    return base64.b64decode(frame.get("Data") or "")
