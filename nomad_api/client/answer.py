"""`Answer`: what a request brings back, whole. Its headers stay bytes until somebody asks for one; most are never looked at."""

import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from nomad_api.errors import Unreachable


class Headers(Mapping[str, str]):
    """The headers of an answer, found without regard to case; a name that comes twice has its values joined by commas."""

    __slots__ = ("_fields", "_values")

    def __init__(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        self._fields = fields
        self._values = {name.lower(): value for name, value in fields}
        if len(self._values) < len(fields):
            for key in self._values:  # RFC 9110 §5.3: several are as one with all values
                self._values[key] = b", ".join(value for name, value in fields if name.lower() == key)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower().encode()].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        """The names as the server wrote them, each once."""
        return iter({name.lower(): name.decode("utf-8", "surrogateescape") for name, _ in reversed(self._fields)}.values())

    def __len__(self) -> int:
        return len(self._values)


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
