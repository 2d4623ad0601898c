"""One request in the hands of a handler: its parameters as Nomad reads them, its caller, and the agent behind it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from nomad_api.duration import SECOND, parse_duration
from nomad_api.models.base import Wire
from orchestrator.acl.permissions import ACL
from orchestrator.acl.resolver import Caller
from orchestrator.errors import APIError
from orchestrator.http import go_json
from orchestrator.http.go_bool import bool_error, parse_bool
from orchestrator.state.schema import State
from orchestrator.state.store import Store

if TYPE_CHECKING:
    from orchestrator.services import Services

W = TypeVar("W", bound=Wire)
MAX_WAIT = 300 * SECOND


def secret_of(request: web.BaseRequest) -> str:
    """The secret that a request carries: X-Nomad-Token wins over a bearer token. Empty if there is none."""
    secret: str = request.headers.get("X-Nomad-Token", "")
    if secret:
        return secret
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


@dataclass(eq=False)
class Call:
    """One request. `path` holds the values of the pattern's placeholders, percent-decoded."""

    request: web.BaseRequest
    path: dict[str, str]
    services: "Services"
    parameter_error: str = ""
    """What a route adds to the text of an error in the parameters common to all reads."""
    body: bytes = b""
    _caller: Caller | None = None

    def __post_init__(self) -> None:
        self.query = self.request.query

    @property
    def secret(self) -> str:
        """The secret of a token, or a workload identity; empty if there is none."""
        return secret_of(self.request)

    @property
    def caller(self) -> Caller:
        """Who asks. Raises InvalidCredentials for a bad token."""
        if self._caller is None:
            self._caller = self.services.resolver.resolve(self.secret)
        return self._caller

    @caller.setter
    def caller(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def store(self) -> Store:
        return self.services.store

    @property
    def state(self) -> State:
        return self.services.store.state

    @property
    def acl(self) -> ACL:
        return self.caller.acl

    def ask_again(self) -> None:
        """Find out anew who calls and what they may: tokens, policies and allocations change while a stream is open.

        Raises:
            PermissionDenied: the secret is not valid any more.
        """
        self.caller = self.services.resolver.resolve(self.secret)

    def text(self, name: str, default: str = "") -> str:
        """A query parameter; the first one if it is repeated."""
        value: str = self.query.get(name, default)
        return value

    def given(self, name: str) -> bool:
        """Whether a query parameter is there at all."""
        return name in self.query

    @property
    def namespace(self) -> str:
        """The namespace of the request: `default` unless asked otherwise; `*` means all, in lists."""
        return self.text("namespace") or "default"

    @property
    def prefix(self) -> str:
        return self.text("prefix")

    def boolean(self, name: str) -> bool:
        """A boolean parameter; absent or empty is false.

        Raises:
            APIError: 500, as Nomad answers to a boolean it cannot read.
        """
        text = self.text(name)
        value = parse_bool(text) if text else False
        if value is None:
            raise APIError(500, f'Failed to parse value of "{name}" ({text}) as a bool: {bool_error(text)}')
        return value

    def flag(self, name: str) -> bool:
        """A boolean parameter that Nomad does not mind: what cannot be read is false."""
        return parse_bool(self.text(name)) is True

    def number(self, name: str, message: str) -> int:
        """A parameter that is a number not below 0; absent or empty is 0.

        Raises:
            APIError: 400 with that message.
        """
        value = self.text(name)
        if not value:
            return 0
        if not (value.isascii() and value.isdigit()):
            raise APIError(400, message)
        return int(value)

    def bad_parameter(self, message: str) -> APIError:
        """400 for one of the parameters common to all reads."""
        return APIError(400, message + self.parameter_error)

    def check_parameters(self) -> None:
        """Refuse a read whose common parameters cannot be read, whether they would be used or not. Raises APIError 400."""
        if not self.query:
            return
        _ = self.wait, self.min_index
        stale = self.text("stale")
        if stale and parse_bool(stale) is None:
            raise self.bad_parameter("Expect `true` or `false` for `stale` query string parameter")

    @property
    def min_index(self) -> int:
        """Blocking queries: wait until the index is beyond this. 0 does not wait."""
        index = self.number("index", "Invalid index" + self.parameter_error)
        if index >= 2**64:
            raise self.bad_parameter("Invalid index")
        return index

    @property
    def wait(self) -> float:
        """Blocking queries: how many seconds to wait at most; Nomad's default and maximum are five minutes."""
        text = self.text("wait")
        try:
            wait = parse_duration(text) if text else 0
        except ValueError:
            raise self.bad_parameter("Invalid wait time") from None
        return (min(wait, MAX_WAIT) or MAX_WAIT) / SECOND

    def json(self) -> Any:
        """The body as JSON. Raises APIError 400 with Go's texts."""
        return go_json.decode(self.body)

    def model(self, model: type[W]) -> W:
        """The body as a model. Raises APIError 400."""
        return go_json.decode_as(self.body, model)
