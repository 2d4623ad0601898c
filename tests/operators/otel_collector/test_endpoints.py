import pytest

from operators.otel_collector.endpoints import Endpoint, parse_endpoint


@pytest.mark.parametrize(
    ("value", "host", "port", "number"),
    [
        ("0.0.0.0:4317", "0.0.0.0", "4317", 4317),
        (":4317", "", "4317", 4317),
        ("4317", "", "4317", 4317),
        (4317, "", "4317", 4317),
        ("localhost", "localhost", None, None),
        ("localhost:", "localhost", None, None),
        ("[::1]:4317", "[::1]", "4317", 4317),
        ("[::]", "[::]", None, None),
        ("0.0.0.0:${env:PORT}", "0.0.0.0", "${env:PORT}", None),
        ("${env:HOST}:4317", "${env:HOST}", "4317", 4317),
        ("${env:ENDPOINT}", "${env:ENDPOINT}", None, None),
        ("localhost:http", "localhost", "http", None),
        ("localhost:0", "localhost", "0", None),
    ],
)
def test_splits_host_and_port(value: object, host: str, port: str | None, number: int | None) -> None:
    endpoint = parse_endpoint(value)
    assert endpoint == Endpoint(host, port)
    assert endpoint.number == number


@pytest.mark.parametrize("value", ["unix:///run/docker.sock", "http://db:3306", "/run/x.sock", "@abstract"])
def test_what_is_no_network_address_is_none(value: str) -> None:
    assert parse_endpoint(value) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("::1:4317", "brackets"),
        ("a b:1", "not host:port"),
        ("h:99999", "port above 65535"),
        (True, "expected text"),
        ([], "expected text"),
        (None, "expected text"),
    ],
)
def test_malformed_endpoints_say_how_to_write_them(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_endpoint(value)


def test_tells_loopback_wildcard_and_unknown_apart() -> None:
    assert [Endpoint(host, "1").is_loopback for host in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "h")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert Endpoint("", "1").is_wildcard
    assert Endpoint("[::]", "1").is_wildcard
    assert not Endpoint("10.0.0.1", "1").is_wildcard
    assert not Endpoint("h", "${env:P}").is_known
