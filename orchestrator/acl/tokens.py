"""Changes of tokens, as functions for the store's `write`."""

import base64
import hashlib
import uuid
from typing import Final

from nomad_api.duration import HOUR, MINUTE, format_duration, parse_duration
from nomad_api.models import ACLToken, ACLTokenStub
from orchestrator.acl.resolver import is_uuid
from orchestrator.errors import APIError, multiple_errors
from orchestrator.state.records import Setting
from orchestrator.state.store import Transaction
from orchestrator.timestamps import format_time, parse_time

UPSERTED: Final = "ACLTokenUpserted"
DELETED: Final = "ACLTokenDeleted"
MIN_LIFE: Final = MINUTE
MAX_LIFE: Final = 24 * HOUR
_MAX_NAME: Final = 256
_BOOTSTRAP: Final = "acl_bootstrap_index"


def bootstrap(tx: Transaction, secret: str = "", *, reset_index: int = 0) -> ACLToken:
    """Make the first management token, with a secret of the caller's choice or a random one. That works once, and again for
    whoever can say the index of the last time: it proves access to the machine.

    Raises:
        APIError: 400; it has been done already, or the secret is no UUID.
    """
    done = tx.state.settings.get(_BOOTSTRAP)
    if done and not reset_index:
        raise APIError(400, f"ACL bootstrap already done (reset index: {done.value})")
    if done and str(reset_index) != done.value:
        raise APIError(400, f"Invalid bootstrap reset index (specified {reset_index}, reset index: {done.value})")
    if secret and not is_uuid(secret):
        raise APIError(400, "invalid acl token")
    tx.put(Setting(name=_BOOTSTRAP, value=str(tx.index)))
    token = _new(tx, ACLToken(name="Bootstrap Token", type="management", global_=True))
    return _put(tx, token.evolve(secret_id=secret) if secret else token)


def upsert(tx: Transaction, wanted: ACLToken) -> ACLToken:
    """Create a token (without an accessor) or change one. Its IDs, times and secret never change.

    A token whose accessor is new, but that brings a secret too, is taken over from elsewhere.

    Raises:
        APIError: 400, naming everything that is wrong with it.
    """
    existing = tx.state.acl_tokens.get(wanted.accessor_id) if wanted.accessor_id else None
    if wanted.accessor_id and existing is None:
        uploaded = is_uuid(wanted.accessor_id) and is_uuid(wanted.secret_id) and wanted.type != "management"
        if not uploaded:
            raise APIError(400, f"cannot find token {wanted.accessor_id}")
    token = _with_times(tx, wanted) if wanted.accessor_id else _new(tx, wanted)
    errors = [*_errors(token), *(_change_errors(token, existing) if existing else _life_errors(token))]
    if errors:
        raise APIError(400, f"token 0 invalid: {multiple_errors(errors)}")
    for role in token.roles or ():
        raise APIError(400, f"cannot find role {role.id or role.name}")
    if existing:
        kept = ("secret_id", "create_time", "expiration_time")
        token = token.evolve(**{name: getattr(existing, name) for name in kept})
    return _put(tx, token)


def delete(tx: Transaction, accessor: str) -> None:
    """Remove a token. Raises APIError 400 if there is none."""
    if not is_uuid(accessor):
        raise APIError(400, f"token lookup failed: {malformed(accessor)}")
    if not tx.delete("acl_tokens", accessor):
        raise APIError(400, f"Cannot delete nonexistent tokens: {accessor}")


def malformed(accessor: str) -> str:
    """What Nomad says of an accessor that is no UUID."""
    if len(accessor) != 36:
        return "acl token lookup failed: index error: UUID must be 36 characters"
    return "acl token lookup failed: index error: Invalid UUID"


def stub(token: ACLToken) -> ACLTokenStub:
    """A token as it stands in lists, without its secret."""
    return ACLTokenStub(**{name: getattr(token, name) for name in ACLTokenStub.model_fields})


def _new(tx: Transaction, wanted: ACLToken) -> ACLToken:
    ids = {"accessor_id": str(uuid.uuid4()), "secret_id": str(uuid.uuid4())}
    return _with_times(tx, wanted.evolve(**ids, create_time=""))


def _with_times(tx: Transaction, wanted: ACLToken) -> ACLToken:
    ttl = _ttl(wanted)
    token = wanted.evolve(expiration_ttl=format_duration(ttl) if ttl else "")
    if parse_time(token.create_time):
        return token
    token = token.evolve(create_time=format_time(tx.now))
    return token.evolve(expiration_time=format_time(tx.now + ttl)) if ttl and not token.expiration_time else token


def _put(tx: Transaction, token: ACLToken) -> ACLToken:
    return tx.put(token.evolve(hash=_hash(token)))


def _errors(token: ACLToken) -> list[str]:
    errors = ["token name too long"] if len(token.name.encode()) > _MAX_NAME else []
    granted = bool(token.policies or token.roles)
    if token.type not in ("client", "management"):
        errors.append("token type must be client or management")
    elif token.type == "client" and not granted:
        errors.append("client token missing policies or roles")
    elif token.type == "management" and granted:
        errors.append("management token cannot be associated with policies or roles")
    return errors


def _life_errors(token: ACLToken) -> list[str]:
    ttl, expires = _ttl(token), parse_time(token.expiration_time)
    errors = [f"token expiration TTL '{format_duration(ttl)}' should not be negative"] if ttl < 0 else []
    if not expires:
        return errors
    life = expires - parse_time(token.create_time)
    if life < 0:
        errors.append("expiration time cannot be before create time")
    if life > MAX_LIFE:
        errors.append(_bound("more", MAX_LIFE, life))
    elif life < MIN_LIFE:
        errors.append(_bound("less", MIN_LIFE, life))
    return errors


def _bound(than: str, limit: int, life: int) -> str:
    return f"expiration time cannot be {than} than {format_duration(limit)} in the future (was {format_duration(life)})"


def _change_errors(token: ACLToken, existing: ACLToken) -> list[str]:
    errors = ["cannot toggle global mode"] if token.global_ != existing.global_ else []
    if _ttl(token) != _ttl(existing):
        errors.append("cannot update expiration TTL")
    if token.expiration_time and parse_time(token.expiration_time) != parse_time(existing.expiration_time):
        errors.append("cannot update expiration time")
    return errors


def _ttl(token: ACLToken) -> int:
    return parse_duration(token.expiration_ttl) if token.expiration_ttl else 0


def _hash(token: ACLToken) -> str:
    scope = "global" if token.global_ else "local"
    text = "".join((token.name, token.type, *(token.policies or ()), scope, *(role.id for role in token.roles or ())))
    return base64.b64encode(hashlib.blake2b(text.encode(), digest_size=32).digest()).decode()
