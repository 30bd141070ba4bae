"""What shows that a request is Feishu's, and how an encrypted one is opened."""

import base64
import binascii
import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from models.errors import Rejected

WINDOW_SECONDS = 8 * 3600
"""How far the timestamp of a signature may be from our clock, before or after.

Feishu tries again for seven hours, and does not say whether it then signs anew: a shorter window
could refuse what has to be taken. What is replayed within it is known by its ``event_id``.
"""

_TIMESTAMP = re.compile("[0-9]{1,12}")
_BLOCK = 16


def signature(timestamp: str, nonce: str, encrypt_key: str, raw: bytes) -> str:
    """SHA-256 over timestamp, nonce, key and the body as it came, in hex."""
    head = f"{timestamp}{nonce}{encrypt_key}".encode(errors="surrogateescape")
    return hashlib.sha256(head + raw).hexdigest()


def signed(
    given: str, timestamp: str, nonce: str, encrypt_key: str, raw: bytes, now: float
) -> bool:
    """Whether the holder of ``encrypt_key`` signed this, within the window."""
    wanted = signature(timestamp, nonce, encrypt_key, raw)
    fresh = bool(_TIMESTAMP.fullmatch(timestamp)) and abs(now - int(timestamp)) <= WINDOW_SECONDS
    return same(given, wanted) and fresh


def same(given: str, wanted: str) -> bool:
    """Compares in constant time, whatever stands in ``given``."""
    told = given.encode(errors="surrogatepass")
    return hmac.compare_digest(told, wanted.encode(errors="surrogatepass"))


def opened(encrypt_key: str, sealed: str) -> bytes:
    """What is in ``{"encrypt": sealed}``.

    AES-256-CBC under the key's SHA-256; the first block is the IV, the padding PKCS#7.

    Raises:
        Rejected: it was not sealed with this key.
    """
    try:
        whole = base64.b64decode(sealed, validate=True)
        if len(whole) < 2 * _BLOCK or len(whole) % _BLOCK:
            raise ValueError("not whole blocks")
        key = hashlib.sha256(encrypt_key.encode()).digest()
        decryptor = Cipher(algorithms.AES(key), modes.CBC(whole[:_BLOCK])).decryptor()
        padded = decryptor.update(whole[_BLOCK:]) + decryptor.finalize()
        unpadder = PKCS7(8 * _BLOCK).unpadder()
        return unpadder.update(padded) + unpadder.finalize()
    except (ValueError, binascii.Error) as error:
        raise Rejected("it was not encrypted with our Encrypt Key") from error
