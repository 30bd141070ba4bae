"""What we hand out and believe when it comes back: signed by us, or by the site's own server."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.webchat.protocol import Refused
from models import storable

_MAC = 16
_LEEWAY_SECONDS = 60.0
"""Clocks of two hosts differ; RFC 7519 §4.1.4 allows a few minutes at most."""

_LONGEST_NAME = 64

_FARTHEST = 1e12
"""Seconds since the epoch: JSON as Python reads it has infinities, too, which never expire."""


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Raises ``ValueError`` for what is no base64url."""
    try:
        return base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        )
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64url") from error


class Signer:
    """Facts in a text that only we can make, for one purpose."""

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hmac.digest(secret, f"webchat {purpose}".encode(), "sha256")

    def seal(self, facts: Mapping[str, Any]) -> str:
        body = json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()
        return f"{_encode(body)}.{_encode(self._mac(body))}"

    def open(self, token: str) -> dict[str, Any] | None:
        """The facts, or None when we did not sign this."""
        body_text, _, mac_text = token.partition(".")
        try:
            body, mac = _decode(body_text), _decode(mac_text)
        except ValueError:
            return None
        if not hmac.compare_digest(mac, self._mac(body)):
            return None
        facts: dict[str, Any] = json.loads(body)
        return facts

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC]


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who the site says this is. ``proven`` names what it vouches for besides ``sub``."""

    sub: str
    expires: float
    name: str = ""
    email: str | None = None
    phone: str | None = None
    proven: tuple[str, ...] = ()


def visitor(token: str, secret: str, site: str, now: float) -> Visitor:
    """Reads a JSON Web Token (RFC 7519) that a site's server signed with HS256.

    Claims: ``sub`` and ``exp`` are required; ``aud`` must name the site where it is given;
    ``name``, ``email``, ``email_verified``, ``phone_number`` and ``phone_number_verified`` are
    those of OpenID Connect Core 1.0 §5.1.

    Raises:
        Refused: ``identity``, with the reason.
    """
    head_text, _, rest = token.partition(".")
    body_text, _, mac_text = rest.partition(".")
    try:
        head, claims = json.loads(_decode(head_text)), json.loads(_decode(body_text))
        mac = _decode(mac_text)
    except (ValueError, RecursionError):
        raise Refused("identity", detail="not a JWT") from None
    if not isinstance(head, dict) or head.get("alg") != "HS256" or not isinstance(claims, dict):
        raise Refused("identity", detail="alg: HS256")
    signed = f"{head_text}.{body_text}".encode()
    if not hmac.compare_digest(mac, hmac.digest(secret.encode(), signed, "sha256")):
        raise Refused("identity", detail="signature")
    return _visitor(claims, site, now)


def _visitor(claims: Mapping[str, Any], site: str, now: float) -> Visitor:
    sub, expires, audience = claims.get("sub"), claims.get("exp"), claims.get("aud", site)
    # Two who differ in what no database holds would be one.
    if not isinstance(sub, str) or not 0 < len(sub) <= 255 or storable.text(sub) != sub:
        raise Refused("identity", detail="sub")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise Refused("identity", detail="exp")
    if not abs(expires) < _FARTHEST:
        raise Refused("identity", detail="exp")
    if now > expires + _LEEWAY_SECONDS:
        raise Refused("expired")
    if site not in (audience if isinstance(audience, list) else [audience]):
        raise Refused("identity", detail="aud")
    email, phone = _text(claims, "email"), _text(claims, "phone_number")
    vouched = {
        "email": email is not None and claims.get("email_verified") is True,
        "phone": phone is not None and claims.get("phone_number_verified") is True,
    }
    name = (_text(claims, "name") or "")[:_LONGEST_NAME]
    proven = tuple(what for what, so in vouched.items() if so)
    return Visitor(sub, float(expires), name, email, phone, proven)


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None
