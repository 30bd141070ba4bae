"""Answers through a relay that behaves, refuses, or vanishes."""

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from channels.email import EmailChannel, create
from models.message import OutboundMessage, ReplyRoute
from tests.certificate import write_pair

SECRET = b"outbound secret"
KEY = "abcdefghijklmnop"


class Relay:
    """A relay told what to answer to each command, or verb; “drop” hangs up instead."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = {"": "220 relay", "DATA": "354 go", ".": "250 queued", **answers}
        self.commands: list[str] = []
        self.mail = b""
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await self._answer(writer, ""):
                while await self._command(reader, writer):
                    pass
        finally:
            writer.close()

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = (await reader.readline()).decode().strip()
        self.commands.append(line)
        verb = line.upper().partition(" ")[0]
        if not line or not await self._answer(writer, line if line in self.answers else verb):
            return False
        if verb == "DATA" and self.answers["DATA"].startswith("354"):
            self.mail = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
            return await self._answer(writer, ".")
        return True

    async def _answer(self, writer: asyncio.StreamWriter, verb: str) -> bool:
        answer = self.answers.get(verb, "250 ok")
        if answer == "drop":
            return False
        writer.write(answer.encode() + b"\r\n")
        await writer.drain()
        return True

    @property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.mail, policy=email.policy.default)


@pytest.fixture
async def relay() -> AsyncIterator[Callable[..., Any]]:
    servers: list[asyncio.Server] = []

    async def start(**answers: str) -> tuple[Relay, EmailChannel]:
        fake = Relay({**answers, **({".": answers["end"]} if "end" in answers else {})})
        server = await asyncio.start_server(fake, "127.0.0.1", 0)
        servers.append(server)
        fake.port = server.sockets[0].getsockname()[1]
        return fake, channel(fake.port)

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


def channel(port: int, plus: bool = True, **login: str) -> EmailChannel:
    return create(
        {
            "mailboxes": [{"address": "support@example.com", "account": "support", "plus": plus}],
            "relay": {"host": "127.0.0.1", "port": port, "security": "none", **login},
        },
        SECRET,
    )


def answer(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "id": "0190",
        "conversation_id": "c",
        "conversation_key": KEY,
        "channel": "email",
        "account": "support",
        "seq": 3,
        "kind": "reply",
        "text": "您好，\n已为您退款。\n.\n",
        "route": ReplyRoute(adapter="email", address="zhang@customer.example"),
        "subject": "退款",
        "in_reply_to": "m1@customer.example#0123456789abcdef0123456789abcdef",
        "references": ["m0@customer.example", "bad id\r\nBcc: x@y.example"],
        "created_at": 1_700_000_000.0,
        **changes,
    }
    return OutboundMessage(**values)


async def test_an_answer_arrives_whole(relay: Any) -> None:
    fake, sender = await relay()
    result = await sender.send(answer())
    assert result.state == "sent"
    mail = fake.parsed
    assert mail["Subject"] == "Re: 退款"
    assert mail["To"] == "zhang@customer.example"
    assert mail["In-Reply-To"] == "<m1@customer.example>"
    assert mail["References"] == "<m0@customer.example> <m1@customer.example>"
    assert mail["Message-ID"] == f"<{result.provider_id}>"
    assert mail["Reply-To"].startswith(f"support+{KEY}.")
    assert mail["Auto-Submitted"] is None
    assert mail["Date"].datetime.timestamp() == 1_700_000_000
    assert mail.get_body(("plain",)).get_content().splitlines() == ["您好，", "已为您退款。", "."]
    assert fake.commands[1] == f"MAIL FROM:<{mail['Reply-To']}>"
    assert [line for line in fake.commands if line.startswith("RCPT")] == [
        "RCPT TO:<zhang@customer.example>"
    ]


async def test_an_automatic_answer_is_from_nobody_and_says_so(relay: Any) -> None:
    fake, sender = await relay()
    assert (await sender.send(answer(kind="ack"))).state == "sent"
    assert fake.commands[1] == "MAIL FROM:<>"
    assert fake.parsed["Auto-Submitted"] == "auto-replied"
    assert fake.parsed["X-Shouli-Loop"]


LI, BO = "Li@firm.example", "bo@firm.example"


def named(fake: Relay) -> list[str]:
    return [line for line in fake.commands if line.startswith("RCPT")]


@pytest.mark.parametrize("kind", ["reply", "ack"])
async def test_a_provider_without_plus_addresses_sees_the_mailbox_alone(
    relay: Any, kind: str
) -> None:
    """It would refuse whoever sends by another address than that of the login, or by none."""
    fake, _ = await relay()
    sender = channel(fake.port, plus=False)
    result = await sender.send(answer(kind=kind))
    assert result.state == "sent"
    assert fake.commands[1] == "MAIL FROM:<support@example.com>"
    assert fake.parsed["Reply-To"] is None
    assert fake.parsed["From"].addresses[0].addr_spec == "support@example.com"
    assert fake.parsed["Message-ID"].startswith(f"<{KEY}."), "by which the reply is known"


async def test_a_login_that_the_relay_refuses_is_tried_again_and_says_where_it_is_set(
    relay: Any,
) -> None:
    fake, _ = await relay(EHLO="250-relay\r\n250 AUTH PLAIN", AUTH="535 5.7.8 wrong password")
    sender = channel(fake.port, username="support", password="not this one")
    result = await sender.send(answer())
    assert result.state == "retry"
    assert result.error.startswith("发信服务器拒绝登录（535 5.7.8 wrong password）")
    assert "check username and password under channels.email.relay" in result.error
    assert "not this one" not in result.error


async def test_one_mail_goes_to_all_of_them(relay: Any) -> None:
    """Not twice to anybody, nor to an address that has become ours."""
    fake, sender = await relay()
    cc = [LI, BO, "LI@firm.example", "Zhang@customer.example", "Support+x@example.com", "no"]
    result = await sender.send(answer(cc=cc))
    assert result.state == "sent"
    assert named(fake) == [
        "RCPT TO:<zhang@customer.example>", f"RCPT TO:<{LI}>", f"RCPT TO:<{BO}>",
    ]  # fmt: skip
    assert (fake.parsed["To"], fake.parsed["Cc"]) == ("zhang@customer.example", f"{LI}, {BO}")
    assert fake.commands.count("DATA") == 1
    assert "n***（地址无效" in result.error
    assert (await sender.send(answer())).error == ""
    assert fake.parsed["Cc"] is None


@pytest.mark.parametrize("code", ["550 <li@FIRM.example> unknown", "450 4.7.1 greylisted"])
async def test_who_is_refused_in_copy_is_told_and_holds_up_nobody(relay: Any, code: str) -> None:
    """Sent again for them it would come twice to all the others."""
    fake, sender = await relay(**{f"RCPT TO:<{LI}>": code})
    result = await sender.send(answer(cc=[LI, BO]))
    assert (result.state, result.retry_after) == ("sent", 0.0)
    assert "L***@firm.example" in result.error
    assert code[:3] in result.error
    assert "b***" not in result.error
    assert "li@firm" not in result.error.lower()
    assert fake.parsed["Cc"] == BO
    assert fake.mail


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"RCPT TO:<zhang@customer.example>": "550 unknown"}, "failed"),
        ({"RCPT TO:<zhang@customer.example>": "450 later"}, "retry"),
        ({f"RCPT TO:<{BO}>": "421 closing"}, "retry"),
        ({f"RCPT TO:<{BO}>": "drop"}, "retry"),
        ({"DATA": "554 no"}, "failed"),
    ],
)
async def test_nobody_in_copy_has_what_the_customer_has_not(
    relay: Any, answers: dict[str, str], state: str
) -> None:
    fake, sender = await relay(**answers)
    assert (await sender.send(answer(cc=[LI, BO]))).state == state
    assert fake.mail == b""


async def test_a_name_abroad_in_copy_needs_a_relay_that_knows_it(relay: Any) -> None:
    fake, sender = await relay(EHLO="250-relay\r\n250-8BITMIME\r\n250 SMTPUTF8")
    assert (await sender.send(answer(cc=["用户@firm.example", BO]))).error == ""
    assert "Cc: 用户@firm.example, bo@firm.example".encode() in fake.mail.splitlines()
    plain, sender = await relay()
    result = await sender.send(answer(cc=["用户@firm.example", BO]))
    assert (result.state, "SMTPUTF8" in result.error) == ("sent", True)
    assert plain.parsed["Cc"] == BO
    assert plain.mail.partition(b"\r\n\r\n")[0].isascii()


ABROAD = ReplyRoute(adapter="email", address="用户@customer.example")


async def test_a_name_that_is_not_ascii_is_sent_to_where_the_relay_knows_how(relay: Any) -> None:
    fake, sender = await relay(EHLO="250-relay\r\n250-8BITMIME\r\n250 SMTPUTF8")
    assert (await sender.send(answer(route=ABROAD))).state == "sent"
    assert fake.commands[1].endswith("> SMTPUTF8 BODY=8BITMIME")
    assert fake.commands[2] == "RCPT TO:<用户@customer.example>"
    assert f"To: {ABROAD.address}".encode() in fake.mail.splitlines()
    assert "Subject: Re: 退款".encode() in fake.mail.splitlines()
    await sender.send(answer())
    assert "SMTPUTF8" not in " ".join(fake.commands[5:])


async def test_elsewhere_it_is_failed_at_once_and_says_why(relay: Any) -> None:
    fake, sender = await relay()
    result = await sender.send(answer(route=ABROAD))
    assert (result.state, "SMTPUTF8" in result.error) == ("failed", True)
    assert not [line for line in fake.commands if line.startswith("MAIL")]
    assert "SMTPUTF8" in sender.doubt(ABROAD.address)
    assert sender.doubt("zhang@例子.公司") is None


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"MAIL": "451 later"}, "retry"),
        ({"MAIL": "530 5.7.0 Authentication required"}, "retry"),
        ({"RCPT": "450 busy"}, "retry"),
        ({"RCPT": "550 no such user"}, "failed"),
        ({"DATA": "554 no"}, "failed"),
        ({"end": "451 later"}, "retry"),
        ({"end": "554 spam"}, "failed"),
        ({"": "421 full"}, "retry"),
        ({"": "554 not you"}, "retry"),
        ({"": "drop"}, "retry"),
        ({"RCPT": "drop"}, "retry"),
        ({"end": "drop"}, "unknown"),
    ],
)
async def test_what_a_relay_says_is_what_became_of_it(
    relay: Any, answers: dict[str, str], state: str
) -> None:
    _, sender = await relay(**answers)
    result = await sender.send(answer())
    assert result.state == state
    assert result.error
    assert (result.retry_after > 0) == (state == "retry")


async def test_no_relay_there_is_retried() -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert (await channel(port).send(answer())).state == "retry"


async def test_a_relay_may_be_away_for_a_day(relay: Any) -> None:
    _, sender = await relay(MAIL="451 later")
    pauses = [(await sender.send(answer(attempts=number))).retry_after for number in range(1, 20)]
    assert pauses[:3] == [300.0, 600.0, 1200.0]
    assert max(pauses) <= 2 * 3600.0
    assert sum(pauses) > 86_400.0


async def test_the_certificate_of_a_private_authority_is_trusted_where_it_is_named(
    tmp_path: Path,
) -> None:
    pair = write_pair(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair["certificate"], pair["key"])
    fake = Relay({})
    server = await asyncio.start_server(fake, "127.0.0.1", 0, ssl=context)
    relay = {"host": "localhost", "port": server.sockets[0].getsockname()[1], "security": "tls"}
    boxes = [{"address": "support@example.com", "account": "support"}]
    async with server:
        stranger = await create({"mailboxes": boxes, "relay": relay}, SECRET).send(answer())
        missing = relay | {"ca_file": str(tmp_path / "gone.pem")}
        unread = await create({"mailboxes": boxes, "relay": missing}, SECRET).send(answer())
        known = relay | {"ca_file": str(pair["certificate"])}
        sent = await create({"mailboxes": boxes, "relay": known}, SECRET).send(answer())
    assert stranger.state == "retry"
    assert stranger.error.startswith("发信服务器的证书不受信任（self")
    assert "needs ca_file under channels.email.relay" in stranger.error
    assert unread.state == "retry"
    assert "gone.pem）读不出：No such file" in unread.error
    assert (sent.state, bool(fake.mail)) == ("sent", True)
