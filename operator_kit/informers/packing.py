"""What a cache keeps of an object: its JSON, in few bytes.

An operator of ten thousand resources keeps twenty thousand texts and looks at one of them now and then, so bytes count more
than the microseconds of unpacking. Two things make the difference:

* orjson hands its buffer out as it has grown, in powers of two: 4 KiB and more for a resource of 600 bytes. So the text is
  copied into a buffer of its own size.
* What is longer than most people's resources is deflated. Statuses are, and they say the same in the same words, which a
  dictionary given beforehand makes all but free: a status of 1.3 KB takes 0.3 KB. The window is no larger than such texts: the
  usual one costs five times as much to set up as the whole of the work.
"""

import zlib
from typing import Any, Final

import orjson

LONG: Final = 1024
"""Bytes from which on a text is deflated: below it saves less than it costs."""

_DEFLATED: Final = b"\0"
"""What stands before deflated text, and never begins JSON."""

_WINDOW: Final = -12
"""How far back deflated text points: 4 KiB, as bits; negative for bare text without a header of its own (RFC 1951)."""

_MEMORY: Final = 4
"""How much memory deflating may take, from 1 to 9."""

_WORDS: Final = (
    b'"retry":"{\\"attempts\\":1,\\"since\\":\\"2026-01-01T00:00:00Z\\",\\"nextAt\\":\\"2026-01-01T00:00:00Z\\",\\"reason\\":\\"'
    b'\\",\\"lastError\\":\\"\\",\\"firstError\\":\\""}"events":"[{\\"type\\":\\"Warning\\",\\"reason\\":\\"\\",\\"message\\":\\"'
    b'\\",\\"count\\":1,\\"firstSeen\\":\\"2026-01-01T00:00:00Z\\",\\"lastSeen\\":\\"2026-01-01T00:00:00Z\\"},{\\"type\\":'
    b'\\"Normal\\",\\"reason\\":\\"JobCreated\\",\\"message\\":\\"job created\\",\\"count\\":1,"owned":"[{\\"kind\\":\\"Job\\",'
    b'\\"id\\":\\"\\",\\"namespace\\":\\"default\\",\\"fingerprint\\":\\"\\",\\"index\\":}]","lastApplied":"{\\"generation\\":'
    b',\\"version\\":\\"v1\\",\\"writtenAs\\":\\"v1\\",\\"labels\\":{},\\"spec\\":{\\"}}","lastHandledReconcile":"","events":"[]",'
    b'"owned":"[]","observedGeneration":"","uid":"","conditions":"[{\\"type\\":\\"Stalled\\",\\"status\\":\\"Unknown\\",'
    b'\\"reason\\":\\"Pending\\",\\"message\\":\\"the first reconcile has begun\\",\\"observedGeneration\\":,'
    b'\\"lastTransitionTime\\":\\"2026-01-01T00:00:00Z\\"},{\\"type\\":\\"Accepted\\",\\"status\\":\\"False\\",\\"reason\\":'
    b'\\"Valid\\",\\"message\\":\\"\\",\\"observedGeneration\\":1,\\"lastTransitionTime\\":\\"2026-01-01T00:00:00Z\\"},{\\"type\\":'
    b'\\"Reconciled\\",\\"status\\":\\"True\\",\\"reason\\":\\"Success\\",\\"message\\":\\"\\",\\"observedGeneration\\":1,'
    b'\\"lastTransitionTime\\":\\"2026-01-01T00:00:00Z\\"},{\\"type\\":\\"Ready\\",\\"status\\":\\"True\\",\\"reason\\":'
    b'\\"Reconciled\\",\\"message\\":\\"\\",\\"observedGeneration\\":1,\\"lastTransitionTime\\":\\"2026-01-01T00:00:00Z\\"}]"'
)
"""What statuses say in variables, the most frequent last, where it costs least to point to. It may change at any time: what is
packed never leaves the process."""


def packed(value: Any) -> bytes:
    """The JSON of a value, for `unpacked`."""
    text = orjson.dumps(value)
    if len(text) < LONG:
        return bytes(memoryview(text))
    deflate = zlib.compressobj(1, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=_WORDS)
    return _DEFLATED + deflate.compress(text) + deflate.flush()


def unpacked(data: bytes) -> Any:
    """The value that was packed."""
    if data.startswith(_DEFLATED):
        data = zlib.decompressobj(_WINDOW, zdict=_WORDS).decompress(memoryview(data)[1:])
    return orjson.loads(data)
