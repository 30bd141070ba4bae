"""Our answers through Postfix's smtp-sink, which takes them, refuses them, or hangs up."""

import asyncio
import time
from typing import Any

import pytest

from channels.email import EmailChannel, create
from models.message import OutboundMessage, ReplyRoute
from tests.peers.conftest import MAILBOXES, Sink, StartSink
from tests.services import free_port


def channel(port: int) -> EmailChannel:
    relay = {"host": "127.0.0.1", "port": port, "security": "none", "timeout_seconds": 5}
    return create({"mailboxes": MAILBOXES, "relay": relay}, b"peers")


def answer(**changes: Any) -> OutboundMessage:
    values: dict[str, Any] = {
        "id": "0190",
        "conversation_id": "c",
        "conversation_key": "abcdefghijklmnop",
        "channel": "email",
        "account": "support",
        "seq": 3,
        "kind": "reply",
        "text": "王女士您好：\n.\n..\n快递今天送达。\n",
        "route": ReplyRoute(adapter="email", address="wang@customer.example"),
        "subject": "包裹",
        "in_reply_to": "m1@customer.example",
        "created_at": time.time(),
        **changes,
    }
    return OutboundMessage(**values)


async def test_an_answer_arrives_as_it_was_written(sink: StartSink) -> None:
    async with sink() as relay:
        result = await channel(relay.port).send(answer())
        assert result.state == "sent"
        (mail,) = relay.taken()
    assert mail["Message-ID"] == f"<{result.provider_id}>"
    assert mail["Subject"] == "Re: 包裹"
    assert mail["In-Reply-To"] == "<m1@customer.example>"
    assert mail["X-Mail-Args"].startswith("<support+abcdefghijklmnop.")
    assert mail["X-Rcpt-Args"] == "<wang@customer.example>"
    text = mail.get_body(("plain",)).get_content()
    assert text.splitlines() == ["王女士您好：", ".", "..", "快递今天送达。"]


async def test_an_automatic_answer_is_from_nobody(sink: StartSink) -> None:
    async with sink() as relay:
        assert (await channel(relay.port).send(answer(kind="ack"))).state == "sent"
        (mail,) = relay.taken()
    assert mail["X-Mail-Args"] == "<>"
    assert mail["Auto-Submitted"] == "auto-replied"


@pytest.mark.parametrize(
    "hostile",
    [
        {"subject": "x\r\nBcc: victim@elsewhere.example\r\n\r\nbody"},
        {"text": "a\r\n.\r\nMAIL FROM:<evil@b.example>\r\nRCPT TO:<v@c.example>\r\nDATA\r\nx"},
        {"in_reply_to": "a@b>\r\nBcc: <victim@elsewhere.example"},
    ],
)
async def test_nothing_in_an_answer_adds_a_recipient_or_a_mail(
    sink: StartSink, hostile: dict[str, str]
) -> None:
    async with sink() as relay:
        assert (await channel(relay.port).send(answer(**hostile))).state == "sent"
        (mail,) = relay.taken()
    assert mail["X-Rcpt-Args"] == "<wang@customer.example>"
    assert mail["Bcc"] is None
    assert mail["To"] == "wang@customer.example"


@pytest.mark.parametrize(
    ("options", "state"),
    [
        (("-r", "CONNECT"), "retry"),
        (("-r", "MAIL"), "retry"),
        (("-r", "RCPT"), "retry"),
        (("-r", "DATA"), "retry"),
        (("-r", "."), "retry"),
        # A relay that does not want us at all is a matter of its settings or ours.
        (("-f", "CONNECT"), "retry"),
        (("-f", "RCPT"), "failed"),
        (("-f", "DATA"), "failed"),
        (("-f", "."), "failed"),
        (("-q", "CONNECT"), "retry"),
        (("-q", "EHLO"), "retry"),
        (("-q", "RCPT"), "retry"),
        (("-Q", "RCPT"), "retry"),
        (("-Q", "."), "retry"),
        # It had everything, and did not say what became of it.
        (("-q", "."), "unknown"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
async def test_what_became_of_an_answer(
    sink: StartSink, options: tuple[str, str], state: str
) -> None:
    async with sink(*options) as relay:
        result = await channel(relay.port).send(answer())
    assert (result.state, bool(result.error)) == (state, True)
    assert (result.retry_after > 0) == (state == "retry")


async def test_refused_while_the_mail_is_being_written(sink: StartSink) -> None:
    """smtp-sink says 550 and closes upon what it has not read: the reset may overtake the 550."""
    async with sink("-A", "0") as relay:
        result = await channel(relay.port).send(answer())
    assert result.state in {"failed", "unknown"}


async def test_a_relay_that_is_not_there() -> None:
    assert (await channel(free_port()).send(answer())).state == "retry"


async def test_many_answers_at_once(sink: StartSink) -> None:
    async with sink() as relay:
        voice = channel(relay.port)
        results = await asyncio.gather(*(voice.send(answer(id=f"{n:04}")) for n in range(50)))
        assert {result.state for result in results} == {"sent"}
        assert _ids(relay) == {f"<{result.provider_id}>" for result in results}


def _ids(relay: Sink) -> set[str]:
    return {mail["Message-ID"] for mail in relay.taken()}
