"""`Requests`: from a method, a path and parameters to the bytes of a request. What all of them have in common is written once.

Whatever could end a line early is refused, so that no ID or header of a user can become a request of its own.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import orjson
from yarl import URL

from nomad_api.client.settings import Settings
from nomad_api.errors import ConfigurationError
from nomad_api.models.base import Wire

Params = Mapping[str, str | int | bool | list[str] | None]
"""Query parameters: None is left out, a boolean is `true` or `false`, a list repeats its name."""

_TARGET: Final = re.compile(r"/[!\"$-~]*")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[!-~]+(?:[ \t]+[!-~]+)*|")
_FRAMING: Final = frozenset({"content-length", "transfer-encoding", "expect", "upgrade"})
_WITH_LENGTH: Final = frozenset({"POST", "PUT", "PATCH"})


class Requests:
    """Writes the requests to one server."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is sent yet.

        Raises:
            ConfigurationError: the token cannot be the value of a header.
        """
        url = URL(settings.base_url)
        self._prefix = url.raw_path.rstrip("/")
        self._headers = {"Host": url.host_port_subcomponent or "", "User-Agent": "nomad_api"}
        if url.user:
            self._headers["Authorization"] = _basic(url.user, url.password or "")
        self._headers |= common_headers(settings)
        self._common = _lines(self._headers)

    def encode(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> bytes:
        """A whole request.

        Args:
            target: path and query, percent-encoded.
            headers: beside those that all requests have, or instead of them.

        Raises:
            ValueError: the target is not percent-encoded, or a header is none that a caller may give.
        """
        if not _TARGET.fullmatch(target) or not _NAME.fullmatch(method):
            raise ValueError(f'"{method} {target}" cannot be requested: the path must begin with / and be percent-encoded')
        common = _lines(_merged(self._headers, headers)) if headers else self._common
        length = ""
        if body is not None or method in _WITH_LENGTH:
            length = f"Content-Length: {len(body or b'')}\r\n"
        return f"{method} {self._prefix}{target} HTTP/1.1\r\n{common}{length}\r\n".encode("ascii") + (body or b"")


def common_headers(settings: Settings) -> dict[str, str]:
    """The headers that every request of a client has.

    Raises:
        ConfigurationError: the token cannot be the value of a header.
    """
    # To compress costs both sides more than to copy, where no network lies between.
    headers = {"Accept-Encoding": "identity" if settings.on_this_machine else "gzip"}
    if settings.token:
        if not _VALUE.fullmatch(settings.token):
            raise ConfigurationError("the token has a line break, or another character in it that no token has")
        headers["X-Nomad-Token"] = settings.token
    if settings.http_auth:
        user, _, password = settings.http_auth.partition(":")
        headers["Authorization"] = _basic(user, password)
    return headers


def target(path: str, params: Params | None = None) -> str:
    """The path, which is percent-encoded already, with the query."""
    pairs = [(name, _text(item)) for name, value in (params or {}).items() if value is not None for item in _items(value)]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def encoded(body: object) -> bytes | None:
    """A body as it is sent: bytes as they are, anything else as JSON."""
    if body is None or isinstance(body, bytes):
        return body
    return orjson.dumps(body, default=_wire)


def _basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def _merged(common: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in own}
    for name, value in own.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _FRAMING:
            raise ValueError(f"the header {name!r}: {value!r} cannot be sent")
    return {**{name: value for name, value in common.items() if name.lower() not in names}, **own}


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _items(value: str | int | list[str]) -> Sequence[str | int]:
    return value if isinstance(value, list) else (value,)


def _text(item: str | int) -> str:
    return str(item) if not isinstance(item, bool) else "true" if item else "false"


def _wire(value: object) -> object:
    if isinstance(value, Wire):
        return value.to_wire()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
