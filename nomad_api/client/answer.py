"""`Answer`: what a request brings back, whole. Its headers stay bytes until one is asked for; most are never looked at."""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from nomad_api.errors import Unreachable


class Headers(Mapping[str, str]):
    """The headers of an answer, found without regard to case; a name that comes twice has its values joined by commas."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        # There are few, and of them one or two are asked for: to search is cheaper than to sort.
        key = name.lower().encode()
        values = [value for field, value in self._fields if field.lower() == key]
        if not values:
            raise KeyError(name)
        return _text(b", ".join(values))  # as RFC 9110 §5.3 has it

    def __iter__(self) -> Iterator[str]:
        """The names as the server wrote them, each once."""
        return iter({name.lower(): _text(name) for name, _ in self._fields}.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self._fields})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: its status, headers and whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def index(self) -> int:
        """The answer's `X-Nomad-Index`, 0 without one."""
        return index_of(self.headers)

    @property
    def next_token(self) -> str:
        """Where the next page begins, empty when this was the last one."""
        return self.headers.get("X-Nomad-NextToken", "")

    def json(self) -> Any:
        """The decoded body; None where Nomad sends none (many writes)."""
        return orjson.loads(self.body) if self.body else None

    def unzipped(self) -> "Answer":
        """The answer with its body as it was before it was compressed for the way.

        Raises:
            Unreachable: the body is damaged.
        """
        if not self.body or self.headers.get("Content-Encoding", "").lower() != "gzip":
            return self
        try:
            return Answer(self.status, self.headers, gzip.decompress(self.body))
        except (OSError, EOFError, zlib.error) as error:
            raise Unreachable(f"the answer's compressed body is damaged: {error}") from error


def index_of(headers: Mapping[str, str]) -> int:
    """The `X-Nomad-Index` among headers, 0 without one."""
    text = headers.get("X-Nomad-Index", "0")
    return int(text) if text.isdigit() else 0


def _text(field: bytes) -> str:
    return field.decode("utf-8", "surrogateescape")
