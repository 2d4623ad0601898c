"""How a command fails: one exception with a message and an exit code, and the words for what the API answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from nomad_api.errors import NomadError


class Failure(Exception):
    """The end of a command: the message goes to stderr, the code is the exit code (None: the command's usual one)."""

    def __init__(self, message: str, *, code: int | None = None, hint: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint
        """Whether the line that points at the help text follows."""


@contextmanager
def failing(doing: str, *, code: int | None = None) -> Iterator[None]:
    """Turn an error of the API into a failure whose message begins with what was being done."""
    from nomad_api.errors import NomadError

    try:
        yield
    except NomadError as error:
        raise Failure(f"{doing}: {wording(error)}", code=code) from error


def wording(error: "NomadError") -> str:
    """An error of the API in the words of `nomad`, which scripts look for."""
    from nomad_api.errors import APIError, Unreachable

    match error:
        case APIError():
            return f"Unexpected response code: {error.status} ({error.message})"
        case Unreachable() if error.url:
            where = urlsplit(error.url)
            dial = f"dial tcp {where.hostname}:{where.port or 80}: connect: " if not error.connected else ""
            return f'{error.method.title()} "{error.url}": {dial}{error.reason}'
        case _:
            return str(error)
