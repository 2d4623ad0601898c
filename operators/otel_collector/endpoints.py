"""Endpoints, the `host:port` under which a component listens.

A part may be an expansion such as `${env:PORT}`, which the collector replaces when it starts; what it stands for is
not known here.
"""

import re
from dataclasses import dataclass

_ENDPOINT = re.compile(
    r"(?P<host>\[[0-9a-fA-F:.%\w]*\]|(?:\$\{[^}]*\}|[^:\[\]{}\s])*)(?::(?P<port>\$\{[^}]*\}|[^:\[\]{}\s]*))?"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`host` as written, empty when there is none; `port` as written, None when there is no port at all."""

    host: str
    port: str | None

    @property
    def number(self) -> int | None:
        """The port's number; None when the port is missing, an expansion, a service's name or 0 (any free port)."""
        return int(self.port) or None if self.port is not None and _is_number(self.port) else None

    @property
    def is_known(self) -> bool:
        """Whether nothing is left to an expansion."""
        return "${" not in self.host and "${" not in (self.port or "")

    @property
    def is_loopback(self) -> bool:
        return self.host in ("localhost", "[::1]") or self.host.startswith("127.")

    @property
    def is_wildcard(self) -> bool:
        return self.host in ("", "0.0.0.0", "[::]")

    def __str__(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"


def parse_endpoint(value: object) -> Endpoint | None:
    """The endpoint in a configuration's value; None for what is no network address: a URL or a socket's path.

    A number alone is a port. Raises `ValueError` with a message that says how to write it.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError("expected text such as 0.0.0.0:4317")
    if "://" in value or value.startswith(("/", "@")):
        return None
    match = _ENDPOINT.fullmatch(value)
    if match is None:
        raise ValueError(f'"{value}" is not host:port, and an IPv6 address needs brackets, as in [::]:4317')
    endpoint = Endpoint(match["host"], match["port"])
    if endpoint.port is None and _is_number(endpoint.host):
        endpoint = Endpoint("", endpoint.host)
    if endpoint.port == "":
        endpoint = Endpoint(endpoint.host, None)
    if (endpoint.number or 0) > 65535:
        raise ValueError(f'"{value}" has a port above 65535')
    return endpoint


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", text) is not None
