import pytest

from nomad_api.client import Settings
from nomad_api.client.request import Requests, encoded, target
from nomad_api.errors import ConfigurationError
from nomad_api.models import Job

PLAIN = b"Host: nomad:4646\r\nUser-Agent: nomad_api\r\nAccept-Encoding: gzip\r\n"


def test_a_request_as_it_goes_over_the_wire() -> None:
    requests = Requests(Settings("http://nomad:4646"))
    assert requests.encode("GET", "/v1/jobs?prefix=a", None) == b"GET /v1/jobs?prefix=a HTTP/1.1\r\n" + PLAIN + b"\r\n"
    written = requests.encode("PUT", "/v1/jobs", b"{}")
    assert written == b"PUT /v1/jobs HTTP/1.1\r\n" + PLAIN + b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(("method", "told"), [("PUT", True), ("POST", True), ("DELETE", False), ("GET", False)])
def test_that_there_is_no_body_is_told_where_one_is_usual(method: str, told: bool) -> None:
    assert (b"Content-Length: 0\r\n" in Requests(Settings()).encode(method, "/", None)) is told


@pytest.mark.parametrize(
    ("address", "host", "line"),
    [
        ("https://nomad.example/", b"nomad.example", b"GET /v1/jobs HTTP/1.1"),
        ("http://[::1]:4646", b"[::1]:4646", b"GET /v1/jobs HTTP/1.1"),
        ("https://proxy/nomad/", b"proxy", b"GET /nomad/v1/jobs HTTP/1.1"),
        ("unix:///secrets/api.sock", b"127.0.0.1", b"GET /v1/jobs HTTP/1.1"),
    ],
)
def test_the_address_is_host_and_prefix(address: str, host: bytes, line: bytes) -> None:
    request = Requests(Settings(address)).encode("GET", "/v1/jobs", None)
    assert request.startswith(line + b"\r\nHost: " + host + b"\r\n")


def test_who_is_asking() -> None:
    request = Requests(Settings(token="secret", http_auth="me:p:q")).encode("GET", "/", None)
    assert b"X-Nomad-Token: secret\r\n" in request
    assert b"Authorization: Basic bWU6cDpx\r\n" in request
    assert b"Authorization: Basic bWU6cA==\r\n" in Requests(Settings("http://me:p@nomad:4646")).encode("GET", "/", None)


def test_own_headers_stand_instead_of_the_common_ones() -> None:
    request = Requests(Settings(token="secret")).encode(
        "GET", "/", None, {"x-nomad-token": "other", "Accept": "text/plain, */*"}
    )
    assert (b"secret" in request, request.count(b"oken: "), b"Accept: text/plain, */*\r\n" in request) == (False, 1, True)


@pytest.mark.parametrize("where", ["v1/jobs", "", "/v1/a b", "/v1/ä", "/a\r\nX: y", "/a\n", "/a#b", "/a\0", "/a\x7f"])
def test_what_is_not_percent_encoded_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded"):
        Requests(Settings()).encode("GET", where, None)


@pytest.mark.parametrize("method", ["", "GET /x HTTP/1.1\r\n\r\nGET", "G T"])
def test_what_is_no_method_is_refused(method: str) -> None:
    with pytest.raises(ValueError, match="cannot be requested"):
        Requests(Settings()).encode(method, "/", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X", "a\r\nY: b"), ("X", "a\n"), ("X", "ä"), ("X", " a"), ("X: y\r\nZ", "a"), ("", "a"), ("content-length", "9")],
)
def test_a_header_that_could_end_early_or_move_the_end_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        Requests(Settings()).encode("GET", "/", None, {name: value})


def test_a_token_with_a_line_break_is_told() -> None:
    with pytest.raises(ConfigurationError, match="token"):
        Requests(Settings(token="secret\n"))


def test_parameters() -> None:
    assert target("/v1/jobs") == "/v1/jobs"
    assert target("/v1/jobs", {"namespace": None}) == "/v1/jobs"
    query = {"prefix": "a b&c", "index": 5, "stale": True, "purge": False, "topic": ["Job:*", "Node:ä"], "none": None, "no": []}
    assert target("/v1/x", query) == "/v1/x?prefix=a+b%26c&index=5&stale=true&purge=false&topic=Job%3A%2A&topic=Node%3A%C3%A4"


def test_bodies() -> None:
    assert encoded(None) is None
    assert encoded(b"as it is") == b"as it is"
    assert encoded({"Job": Job(id="web")}).startswith(b'{"Job":{"ID":"web"')  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="object"):
        encoded({"x": object()})
