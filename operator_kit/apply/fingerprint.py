"""Fingerprints: whether the same thing is asked for again is answered by a short hash of all that is asked for."""

import hashlib


def fingerprint(content: bytes) -> str:
    """A short hash; the same for the same bytes, on every machine."""
    return hashlib.sha256(content).hexdigest()[:16]
