"""Compare two answers to the same request: what the in-memory Nomad says must be what the agent says.

It says less, so its answer must be found within the other. Indexes are compared by their order, IDs by where they come up
again, times not at all.
"""

import re
from typing import Any

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_CHILD = re.compile(r"(dispatch|periodic)-\d+(-[0-9a-f]{8})?")
_INDEX_IN_TEXT = re.compile(r"(index:?) [1-9]\d*")
_TIMES = ("CreateTime", "ModifyTime", "SubmitTime", "Time")


class Side:
    """One of the two: knows which IDs have come up in its answers."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def plain(self, answer: Any) -> Any:
        """An answer without what differs from one Nomad to the next."""
        indexes = sorted(set(_indexes(answer)))
        return self._plain(answer, {index: position + 1 for position, index in enumerate(indexes)})

    def _plain(self, value: Any, ranks: dict[int, int]) -> Any:
        if isinstance(value, dict):
            return {
                self._plain(key, ranks): ranks.get(inner, inner) if key.endswith("Index") else self._plain(inner, ranks)
                for key, inner in value.items()
                if key not in _TIMES and inner not in (None, "", [], {})
            }
        if isinstance(value, list):
            return [self._plain(inner, ranks) for inner in value]
        if isinstance(value, str):
            text = _UUID.sub(lambda match: self._ids.setdefault(match[0], f"<id {len(self._ids)}>"), value)
            return _INDEX_IN_TEXT.sub(r"\1 N", _CHILD.sub(r"\1-N", text))
        return value


def _indexes(value: Any) -> list[int]:
    if isinstance(value, list):
        return [index for inner in value for index in _indexes(inner)]
    if isinstance(value, dict):
        own = [inner for key, inner in value.items() if key.endswith("Index") and isinstance(inner, int) and inner]
        return own + [index for inner in value.values() for index in _indexes(inner)]
    return []


def missing(fake: Any, real: Any, path: str = "") -> list[str]:
    """What of the one answer is not in the other."""
    if isinstance(fake, dict) and isinstance(real, dict):
        return [
            problem
            for key, value in fake.items()
            for problem in (
                [f"{path}.{key} is {value!r} here only"] if key not in real else missing(value, real[key], f"{path}.{key}")
            )
        ]
    if isinstance(fake, list) and isinstance(real, list) and len(fake) == len(real):
        return [problem for n, pair in enumerate(zip(fake, real, strict=True)) for problem in missing(*pair, f"{path}[{n}]")]
    return [] if fake == real else [f"{path} is {fake!r} here and {real!r} there"]
