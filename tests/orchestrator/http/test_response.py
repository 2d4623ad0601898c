"""From an answer to bytes on the wire."""

import gzip
import json
from typing import Any

import pytest
from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, web
from aiohttp.test_utils import make_mocked_request

from nomad_api.models import Namespace
from orchestrator.http.response import respond
from orchestrator.http.route import Answer, empty


class Wire:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    async def write(self, data: bytes) -> None:
        self.writes.append(data)


async def sent(
    answer: Answer, path: str = "/", *, consistent: bool = False, **request: Any
) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body that leave, by one write."""
    wire = Wire()
    asked = make_mocked_request(request.pop("method", "GET"), path, writer=wire, **request)  # type: ignore[arg-type]
    response = respond(asked, answer, consistent=consistent)
    await response.prepare(asked)
    await response.write_eof()
    (data,) = wire.writes
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), body


async def test_an_answer_is_sent_whole() -> None:
    status, headers, body = await sent(Answer({"b": 1, "a": [Namespace(name="x")]}, 7), consistent=True)
    assert status == "HTTP/1.1 200 OK"
    assert headers.pop("Date").endswith("GMT")
    assert headers == {
        "Vary": "Accept-Encoding",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Nomad-Index": "7",
        "X-Nomad-LastContact": "0",
        "X-Nomad-KnownLeader": "true",
    }
    assert list(json.loads(body)) == ["a", "b"]
    assert json.loads(body)["a"][0]["Name"] == "x"


async def test_a_body_is_compressed_for_whom_that_suits() -> None:
    _, headers, body = await sent(Answer(["x"]), headers={"Accept-Encoding": "deflate, gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Length"] == str(len(body))
    assert gzip.decompress(body) == b'["x"]'


@pytest.mark.parametrize(
    ("query", "body"), [("pretty", b'{\n    "a": {\n        "b": 1\n    }\n}\n'), ("pretty=0", b'{"a":{"b":1}}')]
)
async def test_people_get_lines_and_indentation(query: str, body: bytes) -> None:
    assert (await sent(Answer({"a": {"b": 1}}), f"/?{query}"))[2] == body


async def test_a_question_for_the_head_alone_gets_the_length_of_the_body() -> None:
    _, headers, body = await sent(Answer("abc"), method="HEAD")
    assert (headers["Content-Length"], body) == ("3", b"")


async def test_an_answer_without_content_tells_no_length() -> None:
    status, headers, body = await sent(empty(3, status=204))
    assert status == "HTTP/1.1 204 No Content"
    assert "Content-Length" not in headers
    assert body == b""


async def test_a_line_break_cannot_end_a_header() -> None:
    _, headers, _ = await sent(Answer([], next_token="a\r\nX-Evil: b"))
    assert headers["X-Nomad-NextToken"] == "a  X-Evil: b"
    assert "X-Evil" not in headers


@pytest.mark.parametrize(
    ("version", "closing", "told"),
    [
        (HttpVersion11, False, None),
        (HttpVersion11, True, "close"),
        (HttpVersion10, True, "close"),
        (HttpVersion10, False, "keep-alive"),
    ],
)
async def test_a_connection_stays_open_as_its_client_wishes(
    monkeypatch: pytest.MonkeyPatch, version: HttpVersion, closing: bool, told: str | None
) -> None:
    monkeypatch.setattr(web.BaseRequest, "keep_alive", not closing)
    assert respond(make_mocked_request("GET", "/"), Answer([])).keep_alive is not closing
    status, headers, _ = await sent(Answer([]), version=version)
    assert status == f"HTTP/1.{version.minor} 200 OK"
    assert headers.get("Connection") == told
