"""Whose word on a sender counts, and for what."""

from typing import Any

import pytest

from channels.email import create
from tests.unit.test_email_mime import SECRET, mail, normalize

MTA = "mx.example.com"
CHANNEL = create(
    {
        "mailboxes": [{"address": "support@example.com", "account": "support"}],
        "verifying_peers": ["192.0.2.0/24"],
        "authserv_id": MTA,
    },
    SECRET,
)
OURS = {"peer": "192.0.2.7"}


def level(*results: str, **transport: Any) -> str:
    raw = b"".join(b"Authentication-Results: " + r.encode() + b"\r\n" for r in results) + mail()
    return normalize(raw, CHANNEL, **(OURS | transport)).message.trust.level


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (f"{MTA}; spf=pass; dkim=pass; dmarc=pass header.from=customer.example", "verified"),
        (f"{MTA} 1; dmarc=pass (p=reject) header.from=Customer.Example", "verified"),
        (f'"{MTA}";\r\n dmarc=pass', "verified"),
        (f"{MTA}; dmarc=fail (p=none) header.from=customer.example", "failed"),
        (f"{MTA}; dmarc=none", "claimed"),
        (f"{MTA}; dmarc=temperror", "claimed"),
        (f"{MTA}; spf=pass smtp.mailfrom=customer.example", "claimed"),
        (f"{MTA}; none", "claimed"),
        (MTA, "claimed"),
        (f"{MTA}; dmarc=pass header.from=evil.example", "claimed"),
        (f"{MTA}; x=y (dmarc=pass)", "claimed"),
        (f"{MTA}.evil.example; dmarc=pass header.from=customer.example", "claimed"),
        ("", "claimed"),
    ],
)
def test_a_verdict(result: str, wanted: str) -> None:
    assert level(result) == wanted


def test_the_topmost_of_our_server_counts() -> None:
    good, bad = f"{MTA}; dmarc=pass", f"{MTA}; dmarc=fail"
    assert level(bad, good) == "failed"
    assert level("other.example; dmarc=pass", bad) == "failed"
    assert level() == "claimed"


def test_from_elsewhere_nobodys_word_counts() -> None:
    assert level(f"{MTA}; dmarc=pass", peer="198.51.100.1") == "claimed"
    assert level(f"{MTA}; dmarc=pass", peer=None) == "claimed"


def test_a_mailbox_elsewhere_has_its_providers_name() -> None:
    facts = {"peer": None, "imap": "imap.163.com", "authserv_id": "mx.163.com"}
    assert level("mx.163.com; dmarc=pass header.from=customer.example", **facts) == "verified"
    assert level(f"{MTA}; dmarc=pass header.from=customer.example", **facts) == "claimed"


def test_hostile_results_take_no_time() -> None:
    for piece in ("(", ";", "dmarc=", "dmarc/", '"'):
        assert level(f"{MTA};" + piece * (60_000 // len(piece))) == "claimed"
