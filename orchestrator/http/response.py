"""From an answer to bytes on the wire.

All of an answer is known when it is made, so its head is a text and leaves with its body by one write. aiohttp's own response
would carry the headers through two multidicts first, which takes longer than everything else that a plain read does.
"""

import gzip
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any

import orjson
from aiohttp import HttpVersion10, web

from nomad_api.models.base import Wire
from orchestrator.http.route import Answer


def respond(request: web.BaseRequest, answer: Answer, *, consistent: bool = False) -> web.StreamResponse:
    """The response that carries an answer. `consistent` says by headers that what was read is the newest there is."""
    headers = {"Vary": "Accept-Encoding", **answer.headers}
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    if answer.index is not None:
        headers["X-Nomad-Index"] = str(answer.index)
        if consistent:
            headers.setdefault("X-Nomad-LastContact", "0")
            headers.setdefault("X-Nomad-KnownLeader", "true")
    if answer.next_token:
        headers["X-Nomad-NextToken"] = answer.next_token.replace("\r", " ").replace("\n", " ")  # as Go does
    body = _encode(answer.body, request.query.get("pretty"))
    if body and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, 1)
    return _Whole(request, answer.status, headers, body)


class _Whole(web.StreamResponse):
    """A response of which everything is known: one write, and it is sent."""

    def __init__(self, request: web.BaseRequest, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status=status)
        self._request = request
        self._bytes = self._head(headers, len(body)) + (b"" if request.method == "HEAD" else body)

    def _head(self, headers: Mapping[str, str], length: int) -> bytes:
        keep, version = self._request.keep_alive, self._request.version
        lines = [f"HTTP/{version[0]}.{version[1]} {self.status} {self.reason}", f"Date: {_date(int(time()))}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {length}")
        if not keep or version == HttpVersion10:
            lines.append("Connection: keep-alive" if keep else "Connection: close")
        return "\r\n".join((*lines, "\r\n")).encode()

    @property
    def keep_alive(self) -> bool:
        return self._request.keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """There is nothing to send before the end."""

    async def write_eof(self, data: bytes = b"") -> None:
        await self._request.writer.write(self._bytes)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _encode(body: Any, pretty: str | None) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str) and pretty is None:
        return body.encode()
    text = orjson.dumps(body, default=_fragment, option=orjson.OPT_SORT_KEYS)
    return text if pretty in (None, "0") else _indented(text)


def _fragment(value: Any) -> orjson.Fragment:
    """A model within a body. Its JSON is kept with it, so what is shown again is not encoded again."""
    if isinstance(value, Wire):
        return orjson.Fragment(value.to_json())
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def _indented(text: bytes) -> bytes:
    """With four spaces for each level and a line end, as Go writes what people shall read."""
    lines = orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).split(b"\n")
    return b"\n".join(b" " * (len(line) - len(line.lstrip(b" "))) + line for line in lines) + b"\n"
