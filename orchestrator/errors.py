"""Refusals that reach the user, with the status and text that a Nomad agent answers."""


class APIError(Exception):
    """A request that is refused. `index` is sent as X-Nomad-Index where a real agent sends one, even on errors."""

    def __init__(self, status: int, message: str, *, index: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.index = index


class PermissionDenied(APIError):
    """The caller's token does not allow it."""

    def __init__(self, message: str = "Permission denied", *, index: int | None = None) -> None:
        super().__init__(403, message, index=index)


def store_error(status: int, message: str) -> APIError:
    """A refusal by the store behind the API: a real agent forwards it with a prefix and an index of 0."""
    return APIError(status, f"RPC Error:: {status},{message}", index=0)


def multiple_errors(messages: list[str]) -> str:
    """The text of several errors at once, as Go's multierror prints it."""
    count = "1 error" if len(messages) == 1 else f"{len(messages)} errors"
    return f"{count} occurred:\n" + "".join(f"\t* {message}\n" for message in messages) + "\n"
