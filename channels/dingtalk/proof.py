"""What shows that a post is DingTalk's: the signature in its headers."""

import base64
import hashlib
import hmac
import re

WINDOW_SECONDS = 3600
"""How far a timestamp may be from our clock, before or after: an hour, as DingTalk documents."""

_TIMESTAMP = re.compile("[0-9]{1,16}")


def signature(timestamp: str, secret: str) -> str:
    """HMAC-SHA256 over timestamp, line break and secret, with the secret as key, in Base64.

    It says nothing of the body: who has one pair of headers could send other words for an hour.
    """
    told = f"{timestamp}\n{secret}".encode(errors="surrogateescape")
    return base64.b64encode(hmac.digest(secret.encode(), told, hashlib.sha256)).decode()


def signed(given: str, timestamp: str, secret: str, now: float) -> bool:
    """Whether the holder of ``secret`` signed this ``timestamp``, and within the window.

    ``timestamp`` is in milliseconds, ``now`` in seconds since the epoch.
    """
    wanted = signature(timestamp, secret)
    same = hmac.compare_digest(given.encode(errors="surrogatepass"), wanted.encode())
    fresh = bool(_TIMESTAMP.fullmatch(timestamp))
    return same and fresh and abs(now - int(timestamp) / 1000) <= WINDOW_SECONDS
