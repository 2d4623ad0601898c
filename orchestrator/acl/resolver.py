"""From the secret of a request to its caller: anonymous, a token, or a workload with its identity."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from nomad_api.models import ACLPolicy, ACLToken, Allocation
from nomad_api.models.deployment import ZERO_TIME
from orchestrator.acl import policy
from orchestrator.acl.permissions import ACL, WorkloadClaims
from orchestrator.errors import APIError, PermissionDenied
from orchestrator.keyring import InvalidIdentity, Keyring
from orchestrator.state.store import Store
from orchestrator.timestamps import parse_time

ANONYMOUS: Final = ACLToken(
    accessor_id="anonymous",
    name="Anonymous Token",
    type="client",
    policies=["anonymous"],
    create_time=ZERO_TIME,
    expiration_ttl="",
)
"""Stands for requests without a token. They may do what the policy `anonymous` says, nothing if there is none."""

DISABLED: Final = ACLToken(
    accessor_id="acls-disabled", name="ACLs disabled token", type="client", create_time=ZERO_TIME, expiration_ttl=""
)
"""Stands for every request to an agent without ACLs."""

_EVERYTHING: Final = ACL.management()
_MAX_COMPILED: Final = 1024
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


Kind = Literal["disabled", "anonymous", "token", "workload"]


class InvalidCredentials(PermissionDenied):
    """The secret belongs to nobody. Nomad answers 403 nearly everywhere; `cause` is what those answer that tell why."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.cause = APIError(403 if reason.endswith(("Permission denied", "ACL token not found")) else 500, reason)


@dataclass(frozen=True)
class Caller:
    """Who makes a request. `token` is set unless it is a workload; then `claims` is. `policies` are the names of the policies
    that it has, whether they exist or not; a management token has all of them and names none."""

    kind: Kind
    acl: ACL
    token: ACLToken | None = None
    claims: WorkloadClaims | None = None
    policies: tuple[str, ...] = ()


_ANYBODY: Final = Caller("disabled", _EVERYTHING, DISABLED)


def is_uuid(text: str) -> bool:
    """Whether a text has the form of a token's IDs."""
    return _UUID.fullmatch(text) is not None


class Resolver:
    """Finds the caller. What policies grant is compiled once for each set of them, until one of them changes."""

    def __init__(self, store: Store, keyring: Keyring, *, enabled: bool, clock: Callable[[], int]) -> None:
        """Without `enabled` every caller may do everything. `clock` gives nanoseconds since the epoch."""
        self._state = store.state
        self._keyring = keyring
        self._enabled = enabled
        self._clock = clock
        self._compiled: dict[tuple[tuple[str, int], ...], ACL] = {}

    def resolve(self, secret: str | None, *, required: bool = False) -> Caller:
        """The caller with that secret: the secret of a token, or a workload identity.

        Args:
            required: refuse callers without a secret, also where ACLs are off: the task API is open to whoever reaches its
                socket. Its refusals differ.

        Raises:
            InvalidCredentials: the secret is unknown, expired, or the identity of an allocation that has ended.
            APIError: the refusals of the task API.
        """
        if not required:
            return self._resolve(secret or "")
        if not secret:
            raise APIError(401, "Unauthorized")
        try:
            return self._resolve(secret)
        except InvalidCredentials as refusal:
            if refusal.cause.status == 403:
                raise APIError(403, "Forbidden") from None
            raise APIError(500, "Server error authenticating request\n") from None

    def _resolve(self, secret: str) -> Caller:
        if not self._enabled:
            return _ANYBODY
        if not secret:
            return self._with_token("anonymous", ANONYMOUS)
        if is_uuid(secret):
            return self._with_token("token", self._token(secret))
        return self._with_identity(secret)

    def workload(self, allocation: Allocation, task: str) -> Caller:
        """The caller that a task of this allocation is."""
        if not self._enabled:
            return _ANYBODY
        job_id = (allocation.job and allocation.job.parent_id) or allocation.job_id
        claims = WorkloadClaims(allocation.namespace, job_id, allocation.id, allocation.task_group, task)
        names = tuple(bound.name for bound in self._state.acl_policies if _binds(bound, claims))
        return Caller("workload", self._acl(names), claims=claims, policies=names)

    def still_valid(self, caller: Caller) -> bool:
        """Whether a caller found earlier would be found again, with the same rights: for requests that go on for long."""
        if caller.kind == "disabled":
            return True
        if caller.claims:
            allocation = self._state.allocations.get(caller.claims.allocation_id)
            if allocation is None or allocation.client_terminal:
                return False
            return self.workload(allocation, caller.claims.task).acl is caller.acl
        token = caller.token
        if caller.kind == "token" and token:
            token = self._state.acl_tokens.get(token.accessor_id)
        return token is not None and not self._expired(token) and self._with_token(caller.kind, token).acl is caller.acl

    def _token(self, secret: str) -> ACLToken:
        found = self._state.acl_tokens.by("secret", secret)
        if not found:
            raise InvalidCredentials("Permission denied")
        if self._expired(found[0]):
            raise InvalidCredentials("ACL token expired")
        return found[0]

    def _expired(self, token: ACLToken) -> bool:
        expires = parse_time(token.expiration_time)
        return bool(expires) and expires < self._clock()

    def _with_token(self, kind: Kind, token: ACLToken) -> Caller:
        if token.type == "management":
            return Caller(kind, _EVERYTHING, token)
        names = tuple(token.policies or ())
        return Caller(kind, self._acl(names), token, policies=names)

    def _with_identity(self, secret: str) -> Caller:
        try:
            claims = self._keyring.verify(secret)
        except InvalidIdentity as refusal:
            raise InvalidCredentials(str(refusal)) from None
        allocation = self._state.allocations.get(claims.get("nomad_allocation_id"))
        if allocation is None:
            raise InvalidCredentials("allocation does not exist")
        if allocation.client_terminal:
            raise InvalidCredentials("allocation is terminal")
        return self.workload(allocation, claims.get("nomad_task", ""))

    def _acl(self, names: tuple[str, ...]) -> ACL:
        """What policies grant together; those that do not exist grant nothing."""
        rows = [row for name in names if (row := self._state.acl_policies.get(name))]
        key = tuple((row.name, row.modify_index) for row in rows)
        if key not in self._compiled:
            if len(self._compiled) >= _MAX_COMPILED:
                self._compiled.clear()
            self._compiled[key] = ACL.compile(policy.parse(row.rules) for row in rows)
        return self._compiled[key]


def _binds(bound: ACLPolicy, claims: WorkloadClaims) -> bool:
    """Whether a policy is bound to a workload: to its whole namespace, or to its job, group or task."""
    to = bound.job_acl
    if to is None or not to.namespace or to.namespace != claims.namespace:
        return False
    wanted = ((to.job_id, claims.job_id), (to.group, claims.group), (to.task, claims.task))
    return all(name in ("", own) for name, own in wanted)
