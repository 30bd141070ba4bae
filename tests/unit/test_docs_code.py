"""The code that pages offer to copy does what they say; see also the client of the HTTP door."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from channels.ingest.signing import KEY, SIGNATURE, TIMESTAMP, WINDOW_SECONDS, sign
from channels.webchat.signed import visitor

DOCS = Path(__file__).resolve().parents[2] / "docs"


def _names(page: str) -> dict[str, Any]:
    """What the page's Python defines."""
    names: dict[str, Any] = {}
    text = (DOCS / page).read_text("utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(block, names)
    return names


BODY = '{"id": 48213, "text": "发票"}'.encode()


def _headers(**changes: str) -> dict[str, str]:
    now = str(int(time.time()))
    signature = sign(b"secret", now, "evt_48213", BODY)
    return {TIMESTAMP: now, KEY: "evt_48213", SIGNATURE: signature} | changes


def _signed_at(seconds: int) -> dict[str, str]:
    stamp = str(int(time.time()) + seconds)
    return _headers(**{TIMESTAMP: stamp, SIGNATURE: sign(b"secret", stamp, "evt_48213", BODY)})


def test_the_receiver_of_webhooks_knows_our_signature() -> None:
    assert _names("webhooks.md")["genuine"]("secret", _headers(), BODY)


@pytest.mark.parametrize(
    ("secret", "headers", "body"),
    [
        ("another", _headers(), BODY),
        ("secret", _headers(), BODY + b" "),
        ("secret", _headers(**{KEY: "evt_48214"}), BODY),
        ("secret", _headers(**{SIGNATURE: "v1=签名"}), BODY),
        ("secret", {}, BODY),
        ("secret", _headers(**{TIMESTAMP: "now"}), BODY),
        ("secret", _signed_at(-WINDOW_SECONDS - 60), BODY),
        ("secret", _signed_at(WINDOW_SECONDS + 60), BODY),
    ],
)
def test_the_receiver_of_webhooks_refuses_what_is_not_ours_or_old(
    secret: str, headers: dict[str, str], body: bytes
) -> None:
    assert not _names("webhooks.md")["genuine"](secret, headers, body)


def test_the_token_of_a_visitor_who_is_signed_in_is_believed() -> None:
    secret = "a secret of the site and of ours, long enough"
    make = _names("channels/webchat.md")["visitor_token"]
    token = make(secret, "u-17", name="王女士", email="wang@example.com", email_verified=True)
    seen = visitor(token, secret, "", time.time())
    assert (seen.sub, seen.name, seen.email) == ("u-17", "王女士", "wang@example.com")
    assert "email" in seen.proven
