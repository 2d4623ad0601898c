"""Hashes, secrets and identifiers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from jobspec.functions.declaration import CallError, Function, function
from jobspec.functions.whole_numbers import whole_number
from jobspec.values import NUMBER, STRING, Value, string

_NAMESPACES = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}
_BCRYPT_COST = 10


def _hash(digest: Callable[[bytes], Any]) -> Function:
    @function(str=STRING)
    def hexadecimal(text: Value) -> Value:
        return string(digest(text.raw.encode("utf-8", "surrogatepass")).hexdigest())

    return hexadecimal


@function(str=STRING, rest={"cost": NUMBER})
def bcrypt(text: Value, *cost: Value) -> Value:
    try:
        import bcrypt as library
    except ImportError:
        raise CallError("the Python package bcrypt is not installed") from None
    if len(cost) > 1:
        raise CallError("bcrypt() takes no more than two arguments")
    rounds = whole_number(cost[0]) if cost else _BCRYPT_COST
    if rounds > 31:
        reason = f"crypto/bcrypt: cost {rounds} is outside allowed inclusive range 4..31"
        raise CallError(f"error occured generating password {reason}")
    secret = text.raw.encode("utf-8", "surrogatepass")
    if len(secret) > 72:
        raise CallError("error occured generating password bcrypt: password length exceeds 72 bytes")
    rounds = rounds if rounds >= 4 else _BCRYPT_COST
    return string(library.hashpw(secret, library.gensalt(rounds, prefix=b"2a")).decode())


@function(ciphertext=STRING, privatekey=STRING)
def rsadecrypt(ciphertext: Value, private_key: Value) -> Value:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        encrypted = base64.b64decode(ciphertext.raw, validate=True)
    except (binascii.Error, ValueError):
        reason = f'failed to decode input "{ciphertext.raw}": cipher text must be base64-encoded'
        raise CallError(reason) from None
    if "-----BEGIN" not in private_key.raw:
        raise CallError("failed to parse key: no key found")
    try:
        key = load_pem_private_key(private_key.raw.encode("utf-8", "surrogatepass"), None)
    except (ValueError, TypeError) as error:
        raise CallError(f"failed to parse key: {error}") from None
    if not isinstance(key, RSAPrivateKey):
        raise CallError("failed to parse key: this is no RSA key")
    try:
        return string(key.decrypt(encrypted, padding.PKCS1v15()).decode("utf-8", "replace"))
    except ValueError:
        raise CallError("crypto/rsa: decryption error") from None


@function()
def uuidv4() -> Value:
    return string(str(uuid.uuid4()))


@function(namespace=STRING, name=STRING)
def uuidv5(namespace: Value, name: Value) -> Value:
    known = _NAMESPACES.get(namespace.raw)
    if known is None:
        try:
            known = uuid.UUID(namespace.raw)
        except ValueError:
            reason = f"invalid UUID length: {len(namespace.raw)}"
            raise CallError(f"uuidv5() doesn't support namespace {namespace.raw} ({reason})") from None
    digest = hashlib.sha1(known.bytes + name.raw.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
    return string(str(uuid.UUID(bytes=digest[:16], version=5)))


FUNCTIONS: dict[str, Function] = {
    "bcrypt": bcrypt,
    "md5": _hash(lambda data: hashlib.md5(data, usedforsecurity=False)),
    "rsadecrypt": rsadecrypt,
    "sha1": _hash(lambda data: hashlib.sha1(data, usedforsecurity=False)),
    "sha256": _hash(hashlib.sha256),
    "sha512": _hash(hashlib.sha512),
    "uuidv4": uuidv4,
    "uuidv5": uuidv5,
}
