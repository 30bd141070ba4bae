"""Signatures of WeChat and WeCom, and the envelope in which both put a message.

Both are those of the platform's page on encryption of pushed messages.
"""

import base64
import binascii
import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

WINDOW_SECONDS = 300
"""How far a timestamp may be from our clock, before or after."""

_BLOCK = 32
"""Of the padding: twice that of AES."""

_RANDOM, _LENGTH = 16, 4


def sign(*parts: str) -> str:
    """SHA-1 of token, timestamp, nonce and what is sealed, in the order of their bytes."""
    joined = b"".join(sorted(part.encode(errors="surrogateescape") for part in parts))
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()


def signed(given: str, now: float, token: str, timestamp: str, *more: str) -> bool:
    """Whether ``given`` is the signature of these, and the timestamp within the window."""
    right = sign(token, timestamp, *more)
    matches = hmac.compare_digest(given.encode(errors="surrogateescape"), right.encode())
    plain = timestamp.isascii() and timestamp.isdigit()
    return matches and plain and abs(now - int(timestamp[:12])) <= WINDOW_SECONDS


def unseal(key: str, sealed: str, owner: str) -> bytes | None:
    """The message in ``sealed``; None where it has another key, or is for another account.

    ``key`` is an EncodingAESKey. Inside are 16 random bytes, the length, the message, and whose
    it is: an AppID, or a company's.
    """
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw or len(raw) % _RANDOM:
        return None
    secret = base64.b64decode(f"{key}=")
    decryptor = Cipher(algorithms.AES(secret), modes.CBC(secret[:16])).decryptor()
    padded = decryptor.update(raw) + decryptor.finalize()
    pad = padded[-1]
    if not 1 <= pad <= _BLOCK or padded[-pad:] != bytes([pad]) * pad:
        return None
    inner = padded[_RANDOM:-pad]
    size = int.from_bytes(inner[:_LENGTH], "big")
    message, named = inner[_LENGTH : _LENGTH + size], inner[_LENGTH + size :]
    whole = len(inner) >= _LENGTH and len(message) == size
    return message if whole and hmac.compare_digest(named, owner.encode()) else None
