"""Room on the interpreter's stack for deeply nested documents.

Parsing and evaluating are recursive, with some ten frames for each of the at most `MAX_DEPTH` levels of a document;
the interpreter's own limit of 1000 frames is a guard against endless recursion, not a measure of the memory there is
(since Python 3.11 a call of Python by Python takes no C stack).
"""

from __future__ import annotations

import sys

_FRAMES = 8_000


def allow_deep_recursion() -> None:
    """Raise the limit of this interpreter, once; it is never lowered, so threads do not disturb each other."""
    if sys.getrecursionlimit() < _FRAMES:
        sys.setrecursionlimit(_FRAMES)
