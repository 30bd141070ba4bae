"""Signatures of both directions: HMAC-SHA256 over ``timestamp.idempotency-key.body``."""

import hashlib
import hmac
from collections.abc import Sequence

SIGNATURE, TIMESTAMP, KEY = "Shouli-Signature", "Shouli-Timestamp", "Idempotency-Key"

WINDOW_SECONDS = 300
"""How far a timestamp may be from our clock, before or after."""

_NOBODY = b"\0" * 32


def sign(secret: bytes, timestamp: str, key: str, body: bytes) -> str:
    """The value of ``Shouli-Signature``.

    ``key`` holds no full stop (the door sees to it), or two requests could share a signature.
    """
    signed = f"{timestamp}.{key}.".encode() + body
    return "v1=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()


def verified(
    secrets: Sequence[bytes], given: str, timestamp: str, key: str, body: bytes, now: float
) -> bool:
    """Whether one of ``secrets`` signed this, within the window; takes the same time for all.

    Without secrets (an unknown source) the same work is done in vain. ``timestamp`` is digits
    (the door sees to it): seconds since the epoch.
    """
    fresh = abs(now - int(timestamp)) <= WINDOW_SECONDS
    matches = [
        hmac.compare_digest(sign(secret, timestamp, key, body).encode(), given.encode())
        for secret in secrets or (_NOBODY,)
    ]
    return bool(secrets) and fresh and any(matches)
