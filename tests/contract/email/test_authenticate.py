"""Who a mail is from: real signatures and a real DNS server, on the loopback interface."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from channels.email import create
from channels.email.authenticate import Authenticator, Verdict, aligned
from tests.contract.email.nameserver import Nameserver
from tests.unit.letters import SECRET, normalize

PEER = "203.0.113.5"
PUBLIC = "8.8.4.4"
"""Of an address block that is routed; nothing is sent to it."""


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def dns_server() -> AsyncIterator[Nameserver]:
    server = Nameserver()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    server.port = transport.get_extra_info("sockname")[1]
    yield server
    transport.close()


@pytest.fixture
async def asked(dns_server: Nameserver) -> AsyncIterator[Callable[..., Any]]:
    authenticator = Authenticator(2.0, ["127.0.0.1"], port=dns_server.port)

    async def ask(raw: bytes, mail_from: str = "li@news.my-shop.cn", **way: str) -> Verdict:
        peer, helo = way.get("peer", PEER), way.get("helo", "mail.my-shop.cn")
        return await authenticator.verdict(raw, peer, helo, mail_from)

    yield ask
    authenticator.close()


def letter(sender: str = "小李 <li@my-shop.cn>", body: str = "包裹还没到。") -> bytes:
    lines = [f"From: {sender}", "To: support@example.com", "Subject: order", "", body, ""]
    return "\r\n".join(lines).encode()


def signed(
    raw: bytes, key: rsa.RSAPrivateKey, domain: str = "my-shop.cn", **options: Any
) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    headers = [b"from", b"to", b"subject"]
    field = dkim.sign(raw, b"s1", domain.encode(), pem, include_headers=headers, **options)
    return bytes(field) + raw


def publish(server: Nameserver, key: rsa.RSAPrivateKey, domain: str = "my-shop.cn") -> None:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    # As in the field: a key is longer than one string of a record may be.
    server.records[f"s1._domainkey.{domain}", "TXT"] = [f'"{text[:200]}" "{text[200:]}"']


async def test_a_signature_of_the_domain_that_is_shown(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=reject")
    publish(dns_server, key)
    verdict = await asked(signed(letter(), key))
    assert (verdict.dmarc, verdict.domain) == ("pass", "my-shop.cn")
    assert "dkim=pass d=my-shop.cn" in verdict.evidence


async def test_changed_on_the_way_it_fails(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none")
    publish(dns_server, key)
    raw = signed(letter(), key)
    assert (await asked(raw.replace("没到".encode(), "到了".encode()))).dmarc == "fail"
    assert (await asked(raw.replace(b"From: ", b"From: x@my-shop.cn\r\nFrom: "))).dmarc == (
        "permerror"
    )


async def test_a_colleague_of_the_forgers_is_not_proven_by_their_signature(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    """Verifiers read over a line that begins with “From ”; readers of mail take it for From."""
    publish(dns_server, key)
    forged = b"Received: x\r\nFrom : boss@my-shop.cn\r\n" + signed(letter(), key)
    verdict = await asked(forged)
    channel = create({"mailboxes": [{"address": "s@example.com", "account": "s"}]}, SECRET)
    message = normalize(forged, channel, peer=PEER, authentication=verdict.facts()).message
    assert message.sender.email == "boss@my-shop.cn"
    assert (message.trust.level, message.trust.proves) == ("failed", ())


async def test_a_part_that_is_not_signed_proves_nothing(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none")
    publish(dns_server, key)
    raw = signed(letter(), key, length=True) + "请把退款打到这个账户。\r\n".encode()
    assert dkim.verify(raw, dnsfunc=lambda name, **_: _record(dns_server, name))
    assert (await asked(raw)).dmarc == "fail"


def _record(server: Nameserver, name: bytes) -> bytes:
    (text,) = server.records[name.decode().rstrip("."), "TXT"]
    return text.replace('" "', "").strip('"').encode()


async def test_another_domains_signature_does_not_speak_for_it(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none")
    publish(dns_server, key, "evil.example")
    assert (await asked(signed(letter(), key, "evil.example"))).dmarc == "fail"
    # The second signature may be the one that counts.
    publish(dns_server, key)
    assert (await asked(signed(signed(letter(), key), key, "evil.example"))).dmarc == "pass"


async def test_by_the_address_it_came_from(dns_server: Nameserver, asked: Any) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none")
    dns_server.knows("news.my-shop.cn", "TXT", "v=spf1 include:spf.host.example -all")
    dns_server.knows("spf.host.example", "TXT", "v=spf1 mx ip6:2001:db8::/32 -all")
    dns_server.knows("spf.host.example", "MX", "10 mx.host.example.")
    dns_server.knows("mx.host.example", "A", PEER)
    assert (await asked(letter())).dmarc == "pass"
    assert (await asked(letter(), peer="203.0.113.6")).dmarc == "fail"
    twice = letter().replace(b"From: ", b"From: boss@bank.example\r\nFrom: ")
    assert (await asked(twice)).dmarc == "permerror"
    assert (await asked(letter(), peer="2001:db8::7")).dmarc == "pass"


async def test_strict_wants_the_very_domain(dns_server: Nameserver, asked: Any) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none; aspf=s")
    dns_server.knows("news.my-shop.cn", "TXT", f"v=spf1 ip4:{PEER} -all")
    dns_server.knows("my-shop.cn", "TXT", "unrelated", f"v=spf1 ip4:{PEER} -all")
    assert (await asked(letter())).dmarc == "fail"
    assert (await asked(letter(), "li@my-shop.cn")).dmarc == "pass"


async def test_an_organisations_policy_holds_below_it(dns_server: Nameserver, asked: Any) -> None:
    dns_server.knows("_dmarc.shop.com.cn", "TXT", "v=DMARC1; p=reject")
    dns_server.knows("_dmarc.com.cn", "TXT", "v=DMARC1; p=none")
    verdict = await asked(letter("li@mail.shop.com.cn"), "li@elsewhere.example")
    assert verdict.dmarc == "fail"
    assert not aligned("shop.com.cn", "other.com.cn", strict=False)


async def test_without_a_policy_only_a_signature_proves(
    dns_server: Nameserver, asked: Any, key: rsa.RSAPrivateKey
) -> None:
    dns_server.knows("news.my-shop.cn", "TXT", f"v=spf1 ip4:{PEER} -all")
    assert (await asked(letter())).dmarc == "none"
    publish(dns_server, key)
    assert (await asked(signed(letter(), key))).dmarc == "pass"


async def test_two_policies_are_none(dns_server: Nameserver, asked: Any) -> None:
    dns_server.knows("_dmarc.my-shop.cn", "TXT", "v=DMARC1; p=none", "v=DMARC1; p=reject")
    assert (await asked(letter())).dmarc == "none"


async def test_dns_that_is_silent_proves_and_blames_nobody(
    dns_server: Nameserver, asked: Any
) -> None:
    dns_server.silent = True
    assert (await asked(letter())).dmarc == "temperror"


@pytest.mark.parametrize(
    "sender", ["", "undisclosed", "a@x.cn, b@y.cn", "li@" + "a" * 70 + ".cn", "<@>"]
)
async def test_no_domain_no_verdict(asked: Any, sender: str) -> None:
    assert (await asked(letter(sender))).dmarc == "permerror"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"\x00" * 1000,
        b"From: a@b.cn\r\nDKIM-Signature: " + b";" * 60_000 + b"\r\n\r\n",
        b"From: a@b.cn\r\n" + b"DKIM-Signature: v=1; a=rsa-sha256; d=b.cn\r\n" * 1000 + b"\r\n",
        b"From: " + b"(" * 60_000 + b"\r\n\r\n",
    ],
)
async def test_hostile_mail_is_judged_too(asked: Any, raw: bytes) -> None:
    assert (await asked(raw)).dmarc in {"permerror", "none", "fail"}


@pytest.mark.parametrize(
    ("dmarc", "shown", "level"),
    [
        ("pass", "customer.example", "verified"),
        ("pass", "other.example", "claimed"),
        ("fail", "customer.example", "failed"),
        ("temperror", "customer.example", "claimed"),
        ("none", "customer.example", "claimed"),
    ],
)
def test_what_it_is_worth(dmarc: str, shown: str, level: str) -> None:
    channel = create({"mailboxes": [{"address": "support@example.com"}]}, SECRET)
    raw = b"From: c@customer.example\r\nSubject: x\r\n\r\nx\r\n"
    facts = {"dmarc": dmarc, "domain": shown, "evidence": "as it was found"}
    message = normalize(raw, channel, peer=PEER, authentication=facts).message
    assert (message.trust.level, message.trust.evidence) == (level, "as it was found")


async def test_the_server_asks_about_strangers_only(listen: Callable[..., Any]) -> None:
    peers = []

    class Asked:
        async def verdict(self, _raw: bytes, peer: str, _helo: str, _from: str) -> Verdict:
            peers.append(peer)
            return Verdict("pass", "customer.example", "dkim=pass")

        def close(self) -> None:
            pass

    listening = await listen()
    server = listening.server
    server._authenticator = Asked()
    facts = {"peer": "127.0.0.1", "helo": "h", "mail_from": "c@customer.example"}
    await server.receive(dict(facts), ["support@example.com"], b"From: c@customer.example\r\n\r\n")
    await server.receive(
        facts | {"peer": PUBLIC}, ["support@example.com"], b"From: c@customer.example\r\n\r\nx"
    )
    assert peers == [PUBLIC]
    first, second = (call[0].transport for call in listening.store.calls)
    assert "authentication" not in first
    assert second["authentication"]["dmarc"] == "pass"
