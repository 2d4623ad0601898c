"""What can go wrong with a request: one tree of exceptions under `NomadError`.

NomadError
├── Unreachable            no answer: connection refused, broken off, timed out (retryable)
├── StreamClosed           an event stream, log stream or exec session ended before its time (retryable)
├── ConfigurationError     the client's own settings make no sense
└── APIError               an answer that is not a success; the class tells the status
    ├── BadRequest         400
    ├── Forbidden          401, 403
    ├── NotFound           404
    ├── Conflict           409, a failed check-and-set or a lock that another holds
    ├── TooManyRequests    429 (retryable)
    └── ServerError        5xx; Nomad also reports many invalid requests as 500, so only a few are retryable
"""

from typing import Final

from nomad_api.models.variable import VariableMetadata


class NomadError(Exception):
    """The root of everything this package raises about a request."""

    retryable: bool = False
    """Whether the same request may succeed when it is simply sent again a little later."""


class ConfigurationError(NomadError):
    """An address, certificate or other setting of the client is unusable."""


class Unreachable(NomadError):
    """The agent gave no answer: nothing listens there, the connection broke, or it took too long.

    Attributes:
        reason: what happened, `connection refused` for example.
        method, url: the request.
        connected: whether there was a connection at all.
    """

    def __init__(self, reason: str, *, method: str = "", url: str = "", connected: bool = True, retryable: bool = True) -> None:
        super().__init__(f"{method} {url}: {reason}" if url else reason)
        self.reason = reason
        self.method = method
        self.url = url
        self.connected = connected
        self.retryable = retryable


class StreamClosed(NomadError):
    """A stream ended, or fell silent, before its time."""

    retryable = True


class APIError(NomadError):
    """Nomad answered with an error.

    Attributes:
        status: the HTTP status.
        message: Nomad's text, which is the whole body of its answer.
        index: the answer's `X-Nomad-Index`, 0 if there is none; a missing object can be waited for from here.
    """

    def __init__(self, status: int, message: str, method: str, path: str, *, index: int = 0) -> None:
        super().__init__(f"{method} {path}: {message or 'no reason given'} ({status})")
        self.status = status
        self.message = message
        self.method = method
        self.path = path
        self.index = index


class BadRequest(APIError):
    """400: Nomad does not understand or accept the request."""


class Forbidden(APIError):
    """401 or 403: the token is missing, unknown, or does not allow this."""


class NotFound(APIError):
    """404: the object does not exist."""


class Conflict(APIError):
    """409: the object has changed since it was read, or another holds its lock.

    Attributes:
        current: the variable as it is now; its items only if the token may read them, zero values if it does not exist
            or is locked by another; None where Nomad sent only a text.
    """

    current: VariableMetadata | None = None

    def __str__(self) -> str:
        """Without the items of the variable: exceptions end up in logs."""
        if self.current is None:
            return super().__str__()
        return f"{self.method} {self.path}: the variable has changed, or another holds its lock ({self.status})"


class TooManyRequests(APIError):
    """429: too many connections from this address."""

    retryable = True


class ServerError(APIError):
    """5xx. Nomad uses 500 for many requests that are merely wrong; those are not retryable."""

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        return self.status > 501 or any(text in self.message for text in _PASSING)


_PASSING: Final = ("No cluster leader", "not ready to serve consistent reads", "rpc error: EOF", "leadership lost")
"""Texts of a 500 that tell of the state of the servers, not of the request."""

_BY_STATUS: Final[dict[int, type[APIError]]] = {
    400: BadRequest,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: TooManyRequests,
}


def error_for(status: int, message: str, method: str, path: str, *, index: int = 0) -> APIError:
    """The exception for an answer of that status."""
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else APIError)
    return kind(status, message, method, path, index=index)
