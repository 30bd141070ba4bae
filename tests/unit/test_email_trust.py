"""Whose word on a sender counts, and for what."""

from typing import Any

import pytest

from channels.email import create
from tests.unit.letters import SECRET, mail, normalize

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


@pytest.mark.parametrize(
    "said",
    [
        'smtp.mailfrom="x; dmarc=pass header.from=customer.example; y"@evil.example',
        r'smtp.mailfrom="x\"; dmarc=pass header.from=customer.example; y"@evil.example',
        "(helo=(a) ; dmarc=pass header.from=customer.example ;) smtp.mailfrom=evil.example",
        r"(helo=a\) ; dmarc=pass header.from=customer.example ;) smtp.mailfrom=evil.example",
        "(never closed; dmarc=pass header.from=customer.example",
        '"never closed; dmarc=pass header.from=customer.example',
    ],
)
def test_the_senders_own_words_within_a_result_are_no_result(said: str) -> None:
    assert level(f"{MTA}; spf=pass {said}") == "claimed"
    assert level(f"{MTA}; dmarc=fail header.from=customer.example; spf=pass {said}") == "failed"


@pytest.mark.parametrize(
    "head",
    [
        b"From: boss@customer.example\r\nFrom: z@evil.example\r\n",
        b"Received: x\r\nFrom : boss@customer.example\r\nFrom: z@customer.example\r\n",
        b"From: boss@customer.example, z@evil.example\r\n",
        # So many that the reader of addresses stops before the one that is proven.
        b"From: " + b"boss@customer.example, " * 50 + b"\r\nFrom: z@customer.example\r\n",
    ],
)
def test_several_senders_are_a_forgery_whoever_vouches_for_one(head: bytes) -> None:
    passed = b"Authentication-Results: " + MTA.encode() + b"; dmarc=pass\r\n"
    raw = passed + head + b"Subject: x\r\n\r\nx"
    trust = normalize(raw, CHANNEL, **OURS).message.trust
    assert (trust.level, trust.proves) == ("failed", ())


def test_a_field_that_was_doubled_on_the_way_is_one() -> None:
    raw = b"From: z@customer.example\r\n" * 2 + b"\r\nx"
    passed = f"Authentication-Results: {MTA}; dmarc=pass\r\n".encode()
    assert normalize(passed + raw, CHANNEL, **OURS).message.trust.level == "verified"


def test_hostile_results_take_no_time() -> None:
    for piece in ("(", ";", "dmarc=", "dmarc/", '"'):
        assert level(f"{MTA};" + piece * (60_000 // len(piece))) == "claimed"
