"""One-time codes by time (TOTP, RFC 6238), and the ones to fall back on."""

import hmac
import unicodedata
from base64 import b32encode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from models.entropy import random_bytes

STEP_SECONDS = 30
DIGITS = 6

_HASH = SHA1()  # noqa: S303 - what every app knows, some nothing else; no collision helps here

SKEW_STEPS = 1
"""How far the clock of a telephone may be off, either way (RFC 6238 §5.2)."""

RECOVERY_CODES = 10

_ISSUER = "Shouli"
_SECRET_BYTES = 20
_RECOVERY_BYTES = 10
"""80 bits: nobody guesses them, and what is stored of them needs no slow hash."""
_GROUP = 4


def new_secret() -> bytes:
    """160 bits, as long as what HMAC-SHA-1 makes (RFC 4226 §4)."""
    return random_bytes(_SECRET_BYTES)


def key_text(secret: bytes) -> str:
    """A secret as people type it into an app: base32, which has no 0, 1, 8 and 9."""
    return b32encode(secret).decode()


def key_uri(secret: bytes, login: str) -> str:
    """A secret as apps read it from a picture: an otpauth URI."""
    return TOTP(secret, DIGITS, _HASH, STEP_SECONDS).get_provisioning_uri(login, _ISSUER)


def code_of(secret: bytes, step: int) -> str:
    """The code of one step of time, counted from the epoch."""
    return HOTP(secret, DIGITS, _HASH).generate(step).decode()


def step_of(secret: bytes, code: str, now: float) -> int | None:
    """The step whose code this is, of those near ``now`` (seconds since the epoch)."""
    present = int(now // STEP_SECONDS)
    for step in range(present - SKEW_STEPS, present + SKEW_STEPS + 1):
        if hmac.compare_digest(code_of(secret, step).encode(), code.encode()):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Ten codes in groups of four letters and digits."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def _recovery_code() -> str:
    text = b32encode(random_bytes(_RECOVERY_BYTES)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def plain(code: str) -> str:
    """A code of either kind as it counts, typed with blanks, full-width or in small letters."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", code))).upper()


def is_timed(code: str) -> bool:
    """Whether a ``plain`` code is one by time; else it is one to fall back on."""
    return len(code) == DIGITS and code.isascii() and code.isdecimal()
