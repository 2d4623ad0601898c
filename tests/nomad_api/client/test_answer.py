import gzip

import pytest

from nomad_api.client.answer import Answer, Headers
from nomad_api.errors import Unreachable


def test_headers_are_found_whatever_their_case() -> None:
    headers = Headers([(b"X-Nomad-Index", b"7"), (b"vary", b"Origin")])
    assert (headers["x-nomad-index"], headers.get("VARY"), "Vary" in headers) == ("7", "Origin", True)
    assert ("Date" in headers, headers.get("Date")) == (False, None)
    assert list(headers.items()) == [("X-Nomad-Index", "7"), ("vary", "Origin")]


def test_a_header_that_comes_twice_has_both_values() -> None:
    headers = Headers([(b"Vary", b"Origin"), (b"Date", b"now"), (b"vary", b"Accept")])
    assert (headers["Vary"], headers["Date"]) == ("Origin, Accept", "now")
    assert len(headers) == 2


def test_an_answer_without_an_index_has_none() -> None:
    assert Answer(200, Headers([(b"X-Nomad-Index", b"12")]), b"").index == 12
    assert Answer(200, {}, b"").index == 0
    assert Answer(200, {"X-Nomad-Index": "soon"}, b"").index == 0


def test_what_was_compressed_for_the_way_is_unzipped() -> None:
    body = gzip.compress(b"[1]") + gzip.compress(b"\n")
    assert Answer(200, {"Content-Encoding": "gzip"}, body).unzipped().json() == [1]
    assert Answer(200, {"Content-Encoding": "gzip"}, b"").unzipped().json() is None
    assert Answer(200, {}, body).unzipped().body == body


@pytest.mark.parametrize("body", [b"no gzip", gzip.compress(b"cut off")[:-4], gzip.compress(b"x" * 99)[:-12] + b"x" * 12])
def test_a_damaged_body_is_no_answer(body: bytes) -> None:
    with pytest.raises(Unreachable, match="damaged"):
        Answer(200, {"Content-Encoding": "gzip"}, body).unzipped()
