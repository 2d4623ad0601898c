"""The keyring: root keys encrypt variables and sign the identities of workloads.

A root key is two keys, as in Nomad: one for AES-256-GCM, and one for RSA, because that is what others who check a workload's
identity (cloud providers, Vault) understand. The state holds only what is public about them. The keys themselves lie in a
keystore, a folder of files that only the agent's user may read, so that a copy of the state alone opens nothing; without a
keystore (development mode) they live in memory. Making an RSA key takes some tens of milliseconds and happens in a thread.
"""

import asyncio
import base64
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import jwt
import jwt.types
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from nomad_api.duration import HOUR, MINUTE, SECOND
from nomad_api.models import Allocation, WorkloadIdentity
from orchestrator.state.records import RootKey, SealedVariable
from orchestrator.state.store import Store

_ALGORITHM: Final = "RS256"
_NONCE_SIZE: Final = 12
_LEEWAY: Final = 60
"""Seconds by which the clocks of those who sign and those who check may differ."""
_SIGNATURE_ONLY: Final[jwt.types.Options] = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
_ROTATION: Final = 720 * HOUR
_MIN_CACHE: Final = 15 * MINUTE
_MAX_REMEMBERED: Final = 1024
"""Tokens whose signature need not be checked again."""


class KeyringError(Exception):
    """A root key is missing or does not fit; the message says which and what to do."""


class InvalidIdentity(Exception):
    """A text is no identity that this keyring signed, or no longer valid. The message is Nomad's."""


@dataclass(frozen=True, eq=False)
class _Key:
    """The secret half of a root key."""

    id: str
    material: bytes
    rsa: RSAPrivateKey

    @classmethod
    def generate(cls) -> Self:
        return cls(str(uuid.uuid4()), AESGCM.generate_key(256), generate_private_key(65537, 2048))

    @cached_property
    def cipher(self) -> AESGCM:
        return AESGCM(self.material)

    @cached_property
    def public(self) -> RSAPublicKey:
        return self.rsa.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        numbers = self.public.public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": self.id,
            "alg": _ALGORITHM,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }


class _Keystore:
    """A folder with a file `<id>.nks.json` for each key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, key: _Key) -> None:
        """Returns when the file is on disk, whole."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        der = key.rsa.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        content = {"KeyID": key.id, "Key": _encode(key.material), "RSAKey": _encode(der)}
        path = self._path(key.id)
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(orjson.dumps(content))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(self, key_id: str) -> _Key:
        """Raises KeyringError if the key is not there or cannot be read."""
        path = self._path(key_id)
        try:
            content = orjson.loads(path.read_bytes())
            rsa = load_der_private_key(base64.b64decode(content["RSAKey"]), None)
            assert isinstance(rsa, RSAPrivateKey)
            return _Key(key_id, base64.b64decode(content["Key"]), rsa)
        except FileNotFoundError:
            raise KeyringError(
                f"the root key {key_id} is missing: restore {path} from a backup, the variables cannot be decrypted without it"
            ) from None
        except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
            raise KeyringError(f"the root key in {path} cannot be read: {error}") from error

    def _path(self, key_id: str) -> Path:
        return self._folder / f"{key_id}.nks.json"


class Keyring:
    """Encrypts and signs with the active root key; decrypts and checks with any."""

    def __init__(self, store: Store, clock: Callable[[], int], keystore: Path | None = None) -> None:
        """`clock` gives nanoseconds since the epoch; `keystore` is the folder of the keys, None to keep them in memory."""
        self._store = store
        self._clock = clock
        self._keystore = _Keystore(keystore) if keystore else None
        self._keys: dict[str, _Key] = {}
        self._active: _Key | None = None
        # To check a signature takes longer than to answer a request, and a workload sends the same token with each of its own.
        # A signature that was good once is good for ever: keys are never taken away.
        self._signed_claims = lru_cache(maxsize=_MAX_REMEMBERED)(self._check_signature)

    async def start(self) -> None:
        """Load the keys, or make the first one.

        Raises:
            KeyringError: a key that the state names is not in the keystore.
        """
        for row in self._store.state.root_keys:
            if self._keystore is None:
                raise KeyringError(f"the root key {row.id} is missing: no keystore is configured")
            self._use(await asyncio.to_thread(self._keystore.load, row.id), active=row.state == "active")
        if self._active is None:
            await self._create()

    async def _create(self) -> None:
        key = await asyncio.to_thread(_Key.generate)
        if self._keystore:
            await asyncio.to_thread(self._keystore.save, key)
        self._use(key, active=True)
        await self._store.write("WrappedRootKeysUpsert", lambda tx: tx.put(RootKey(id=key.id, create_time=tx.now)))

    def _use(self, key: _Key, *, active: bool) -> None:
        self._keys[key.id] = key
        if active:
            self._active = key

    @property
    def _signing_key(self) -> _Key:
        if self._active is None:
            raise KeyringError("there is no active root key: the keyring has not been started")
        return self._active

    def seal(self, items: bytes) -> tuple[str, str]:
        """Encrypt the items of a variable, given as JSON. Returns the ciphertext (base64) and the ID of the key, which is part
        of what is authenticated. Sealing the same items again gives another text."""
        key, nonce = self._signing_key, os.urandom(_NONCE_SIZE)
        return _encode(nonce + key.cipher.encrypt(nonce, items, key.id.encode())), key.id

    def open(self, sealed: SealedVariable) -> bytes:
        """Decrypt the items of a variable: the JSON that was sealed.

        Raises:
            KeyringError: the key is unknown, or the ciphertext has been tampered with.
        """
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise KeyringError(f"the variable {sealed.path} is encrypted with the unknown root key {sealed.key_id}")
        data = base64.b64decode(sealed.data)
        try:
            return key.cipher.decrypt(data[:_NONCE_SIZE], data[_NONCE_SIZE:], key.id.encode())
        except InvalidTag:
            raise KeyringError(f"the variable {sealed.path} cannot be decrypted: its data has been changed") from None

    def sign(self, claims: dict[str, Any]) -> str:
        """Claims as a signed JSON Web Token."""
        key = self._signing_key
        return jwt.encode(claims, key.rsa, _ALGORITHM, headers={"kid": key.id})

    def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that this keyring signed.

        Raises:
            InvalidIdentity: it did not, or the token is not valid now.
        """
        claims = self._signed_claims(token)
        self._check_times(claims)
        return claims

    def _check_signature(self, token: str) -> Mapping[str, Any]:
        if token.count(".") != 2:
            raise InvalidIdentity("failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts")
        try:
            key_id = str(jwt.get_unverified_header(token).get("kid", ""))
        except jwt.InvalidTokenError:
            raise InvalidIdentity("failed to parse signed token: illegal base64 data at input byte 0") from None
        key = self._keys.get(key_id)
        if key is None:
            raise InvalidIdentity("no such key")
        try:
            return MappingProxyType(jwt.decode(token, key.public, [_ALGORITHM], options=_SIGNATURE_ONLY))
        except jwt.InvalidTokenError:
            raise InvalidIdentity("invalid signature: go-jose/go-jose: error in cryptographic primitive") from None

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock() / SECOND
        if claims.get("nbf", 0) > now + _LEEWAY:
            raise InvalidIdentity("invalid claims: go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)")
        if "exp" in claims and claims["exp"] < now - _LEEWAY:
            raise InvalidIdentity("invalid claims: go-jose/go-jose/jwt: validation failed, token is expired (exp)")

    async def sign_identity(self, allocation: Allocation, task: str, identity: WorkloadIdentity) -> str:
        """The identity of a task as a token; one with a TTL (nanoseconds) expires. Signing happens in a thread."""
        return await asyncio.to_thread(self.sign, self._claims(allocation, task, identity))

    def _claims(self, allocation: Allocation, task: str, identity: WorkloadIdentity) -> dict[str, Any]:
        now = self._clock() // SECOND
        job = allocation.job
        job_id = (job and job.parent_id) or allocation.job_id
        subject = (
            (job.region if job else None) or "global",
            allocation.namespace,
            job_id,
            allocation.task_group,
            task,
            identity.name,
        )
        audience = identity.audience or []
        claims = {
            "aud": audience[0] if len(audience) == 1 else audience,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "sub": ":".join(subject),
            "nomad_namespace": allocation.namespace,
            "nomad_job_id": job_id,
            "nomad_allocation_id": allocation.id,
            "nomad_task": task,
        }
        return {**claims, "exp": now + identity.ttl // SECOND} if identity.ttl else claims

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys, as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [self._keys[row.id].jwk for row in self._store.state.root_keys if row.id in self._keys]}

    @property
    def max_age(self) -> int:
        """For how many seconds others may keep the public keys: half of the time until the newest is due to be replaced."""
        newest = max((row.create_time for row in self._store.state.root_keys), default=0)
        return max(_MIN_CACHE, (newest + _ROTATION - self._clock()) // 2) // SECOND


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
