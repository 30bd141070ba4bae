"""The SMTP server on a real socket: what it takes, what it refuses, and when it says 250."""

import asyncio
import hashlib
import json
import socket
import struct
from typing import Any

import pytest

from channels.email.options import Options
from channels.email.smtp import Server
from channels.email.thread import Threads
from channels.email.throttle import Throttle
from models.errors import Permanent, StorageFull, Temporary
from tests.contract.email.conftest import Store, Told
from tests.fakes import FakeClock

MAIL = b"Subject: x\r\n\r\nhello\r\n"


async def test_one_mail_is_one_envelope_with_its_facts(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.begin()
    assert (await client.say(MAIL + b"..dot\r\n.\r\n")).startswith("250 2.0.0 Stored as ")
    ((envelope,),) = at.store.calls
    assert envelope.body == MAIL + b".dot\r\n"
    assert envelope.account == "support"
    assert envelope.dedupe_key == hashlib.sha256(envelope.body).hexdigest()
    assert json.loads(json.dumps(envelope.transport)) == {
        "peer": "127.0.0.1",
        "helo": "client.example",
        "mail_from": "c@customer.example",
        "sender": "c@customer.example",
        "rcpt_tos": ["support@example.com"],
        "tls": None,
    }


async def test_each_account_gets_one_envelope_in_one_commit(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.say("EHLO c")
    await client.say("MAIL FROM:<>")
    for recipient in ("support", "HELP", "sales", "support+x"):
        assert (await client.say(f"RCPT TO:<{recipient}@Example.com>")).startswith("250")
    await client.say("DATA")
    await client.say(MAIL + b".\r\n")
    ((first, second),) = at.store.calls
    assert [first.account, second.account] == ["support", "sales"]
    assert first.transport["rcpt_tos"] == [
        "support@Example.com",
        "HELP@Example.com",
        "support+x@Example.com",
    ]
    assert first.transport["mail_from"] == ""
    assert first.dedupe_key == second.dedupe_key


@pytest.mark.parametrize(
    "recipient",
    [
        "stranger@example.com",
        "support@elsewhere.example",
        "support%elsewhere.example@example.org",
        "support+a@elsewhere.example",
        "nobody+support@example.com",
    ],
)
async def test_no_open_relay(listen: Any, recipient: str) -> None:
    at = await listen()
    client = await at.connect()
    await client.say("EHLO c")
    await client.say("MAIL FROM:<a@b.example>")
    assert (await client.say(f"RCPT TO:<{recipient}>")).startswith("550 5.1.1")
    assert (await client.say("DATA")).startswith("503")


async def test_signed_and_forged_plus_addresses_and_postmaster_are_taken(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.say("EHLO c")
    await client.say("MAIL FROM:<a@b.example>")
    threads = Threads(b"secret")
    signed = threads.reply_address("support@example.com", threads.new_key("support", "x"))
    for recipient in (signed, "support+forged.token@example.com", "Postmaster"):
        assert (await client.say(f"RCPT TO:<{recipient}>")).startswith("250"), recipient


@pytest.mark.parametrize(
    ("failure", "reply"),
    [
        (Temporary("database down"), "451 4.3.0"),
        (StorageFull("disk full"), "452 4.3.1"),
        (RuntimeError("fault"), "451 4.3.0"),
    ],
)
async def test_what_is_not_stored_is_not_acknowledged(
    listen: Any, failure: Exception, reply: str
) -> None:
    at = await listen()
    at.store.failure = failure
    client = await at.connect()
    await client.begin()
    assert (await client.say(MAIL + b".\r\n")).startswith(reply)
    at.store.failure = None
    await client.begin()
    assert (await client.say(MAIL + b".\r\n")).startswith("250")


async def test_no_250_before_the_commit(listen: Any) -> None:
    at = await listen()
    at.store.gate.clear()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL + b".\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.readline(), 0.1)
    at.store.gate.set()
    assert (await client.reply()).startswith("250")


async def test_a_half_closed_client_gets_its_250(listen: Any) -> None:
    at = await listen()
    at.store.gate.clear()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL + b".\r\n")
    client.writer.write_eof()
    await asyncio.sleep(0.05)
    at.store.gate.set()
    assert (await client.rest()).startswith(b"250 2.0.0")
    assert len(at.store.calls) == 1


async def test_a_client_that_hangs_up_does_not_stop_the_commit(listen: Any) -> None:
    at = await listen()
    at.store.gate.clear()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL + b".\r\n")
    await asyncio.sleep(0.05)
    # With a linger time of zero the socket resets the connection instead of half-closing it.
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()
    await asyncio.sleep(0.05)
    assert not at.server.connections
    at.store.gate.set()
    await asyncio.sleep(0.05)
    assert len(at.store.calls) == 1


async def test_half_a_mail_is_no_mail(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL)
    client.writer.write_eof()
    assert await client.rest() == b""
    assert not at.store.calls


SMUGGLED = (
    b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<support@example.com>\r\nDATA\r\nSubject: 2\r\n\r\n"
)


@pytest.mark.parametrize(
    "ending",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r\n.\r",
        b"\r.\r\n",
        b"\n.\r",
        b"\r.\n",
        b"\r\n\x00.\r\n",
        b"\r\n.\x00\r\n",
        b"\r\n. \r\n",
    ],
)
async def test_only_crlf_dot_crlf_ends_a_mail(listen: Any, ending: bytes) -> None:
    at = await listen()
    client = await at.connect()
    await client.begin()
    replies = await client.say(MAIL[:-2] + ending + SMUGGLED + b"end\r\n.\r\n")
    assert replies.startswith("250")
    client.writer.write(b"QUIT\r\n")
    assert await client.rest() == b"221 Bye\r\n"
    assert len(at.store.calls) == 1


async def test_pipelined_mails_on_one_connection(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    one = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n%d\r\n.\r\n"
    client.writer.write(b"EHLO c\r\n" + b"".join(one % n for n in range(50)) + b"QUIT\r\n")
    replies = await client.rest()
    assert replies.count(b"250 2.0.0 Stored") == 50
    assert replies.endswith(b"221 Bye\r\n")
    assert at.store.bodies == [b"%d\r\n" % n for n in range(50)]


async def test_one_long_line_is_taken(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.begin()
    line = b"y" * 3_000_000
    assert (await client.say(line + b"\r\n.\r\n")).startswith("250")
    assert at.store.bodies == [line + b"\r\n"]


async def test_over_the_cap_552_and_the_connection_lives(listen: Any) -> None:
    at = await listen(max_bytes=100_000)
    client = await at.connect()
    await client.begin()
    assert (await client.say(b"z" * 150_000 + b"\r\n.\r\n")).startswith("552 5.3.4")
    await client.begin()
    assert (await client.say(MAIL + b".\r\n")).startswith("250")
    assert len(at.store.calls) == 1


async def test_an_endless_line_is_cut_off_without_being_kept(listen: Any) -> None:
    at = await listen(max_bytes=100_000)
    client = await at.connect()
    await client.begin()
    (connection,) = at.server.connections
    largest = 0
    refusal = asyncio.create_task(client.reply())
    while not refusal.done():
        client.writer.write(b"z" * 10_000)
        await asyncio.sleep(0.002)
        largest = max(largest, len(connection._input))
    assert largest <= 110_000
    assert (await refusal).startswith("552")
    assert not at.store.calls


async def test_declared_size_over_the_cap_is_refused_at_once(listen: Any) -> None:
    at = await listen(max_bytes=100_000)
    client = await at.connect()
    assert "250-SIZE 100000" in await client.say("EHLO c")
    assert (await client.say("MAIL FROM:<a@b.example> SIZE=100001")).startswith("552")


async def test_silence_and_dribbling_are_ended(listen: Any) -> None:
    at = await listen(idle_seconds=0.1, absolute_seconds=0.4)
    silent = await at.connect()
    assert (await silent.reply()).startswith("421 4.4.2")
    slow = await at.connect()
    await slow.begin()
    ended = asyncio.create_task(slow.reply())
    for _ in range(40):
        if not ended.done():
            slow.writer.write(b"x\r\n")
            await asyncio.sleep(0.03)
    assert ended.done()
    assert ended.result().startswith("421 4.4.2")
    assert not at.store.calls


async def test_who_reads_no_replies_keeps_no_place(listen: Any) -> None:
    at = await listen(idle_seconds=0.3)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", at.server.port))

        async def ask() -> None:
            while True:
                await loop.sock_sendall(deaf, b"EHLO client.example\r\n" * 1000)

        asking = asyncio.create_task(ask())
        async with asyncio.timeout(10):
            while not at.server.connections:
                await asyncio.sleep(0.01)
            while at.server.connections:
                await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_slow_commit_is_not_the_clients_fault(listen: Any) -> None:
    at = await listen(idle_seconds=0.05, absolute_seconds=0.1)
    at.store.gate.clear()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL + b".\r\n")
    await asyncio.sleep(0.3)
    at.store.gate.set()
    assert (await client.reply()).startswith("250")


async def test_too_many_connections_and_recipients(listen: Any) -> None:
    at = await listen(max_connections=3, max_connections_per_peer=2, max_recipients=2)
    first = await at.connect()
    await at.connect()
    third = await at.connect(greet=False)
    assert (await third.reply()).startswith("421 4.3.2")
    await first.say("EHLO c")
    await first.say("MAIL FROM:<a@b.example>")
    for expected in ("250", "250", "452 4.5.3"):
        assert (await first.say("RCPT TO:<support@example.com>")).startswith(expected)
    first.writer.close()
    await first.writer.wait_closed()
    await asyncio.sleep(0.02)
    await at.connect()


def test_a_host_with_many_addresses_is_one_peer() -> None:
    options, clock = Options(max_connections=5, max_connections_per_peer=2), FakeClock()
    server = Server(options, Store(), clock, Throttle(options, clock, Told()))
    at: list[tuple[Any, str]] = [(object(), f"2001:db8:1:2::{number}") for number in range(3)]
    assert [server.admit(*each) for each in at] == [True, True, False]
    other: Any = object()
    assert server.admit(other, "2001:db8:1:3::1")
    server.release(*at[0])
    assert server.admit(*at[2])


async def test_hostile_commands_do_no_harm(listen: Any) -> None:
    at = await listen()
    client = await at.connect()
    await client.say("EHLO c")
    for line in (
        b"MAIL FROM:" + b"(" * 450 + b"\r\n",
        b"MAIL FROM:<\xff\xfe@b>\r\n",
        b"RCPT TO:<support+\xff@example.com>\r\n",
        b"x" * 100_000 + b"\r\n",
    ):
        assert (await client.say(line))[0] in "45", line
    for line in ("VRFY root", "EXPN staff", "HELP", "AUTH PLAIN eA=="):
        assert (await client.say(line)).startswith("502"), line
    assert (await client.say("NOOP")).startswith("250")


async def test_what_is_no_address_is_refused_for_good_and_fills_no_log(
    listen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    at = await listen()
    client = await at.connect()
    await client.say("EHLO c")
    assert (await client.say("MAIL FROM:<x@[>")).startswith("553")
    assert caplog.records == []


async def test_stop_answers_the_mail_under_way(listen: Any) -> None:
    at = await listen()
    at.store.gate.clear()
    client = await at.connect()
    await client.begin()
    client.writer.write(MAIL + b".\r\n")
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(at.server.stop())
    await asyncio.sleep(0.02)
    at.store.gate.set()
    await stopping
    assert (await client.rest()).startswith(b"250 2.0.0 Stored")


async def test_a_port_that_is_taken_says_what_to_change(listen: Any) -> None:
    at = await listen()
    with pytest.raises(Permanent, match="change host or port"):
        await listen(port=at.server.port)


async def test_a_certificate_that_is_missing_says_which(listen: Any) -> None:
    with pytest.raises(Permanent, match="no-such-cert"):
        await listen(certificate="no-such-cert.pem", key="no-such-key.pem")


async def test_lmtp_has_a_reply_for_each_recipient(listen: Any) -> None:
    at = await listen(lmtp=True)
    client = await at.connect()
    assert (await client.say("EHLO mta.example")).startswith("500")
    assert (await client.say("HELO mta.example")).startswith("500")
    assert (await client.say("LHLO mta.example")).startswith("250")
    for _ in range(2):
        await client.say("MAIL FROM:<c@customer.example>")
        assert (await client.say("RCPT TO:<support@example.com>")).startswith("250")
        assert (await client.say("RCPT TO:<stranger@example.com>")).startswith("550")
        assert (await client.say("RCPT TO:<sales@example.com>")).startswith("250")
        await client.say("DATA")
        assert (await client.say(MAIL + b".\r\n")).startswith("250 2.0.0 Stored as ")
        assert (await client.reply()).startswith("250 2.0.0 Stored as ")
    assert (await client.say("NOOP")).startswith("250")
    assert len(at.store.calls) == 2


async def test_lmtp_refuses_for_each_recipient_too(listen: Any) -> None:
    at = await listen(lmtp=True, max_bytes=1_024)
    client = await at.connect()
    await client.say("LHLO mta.example")
    await client.say("MAIL FROM:<c@customer.example>")
    await client.say("RCPT TO:<support@example.com>")
    await client.say("RCPT TO:<sales@example.com>")
    await client.say("DATA")
    assert (await client.say(b"x" * 2_000 + b"\r\n.\r\n")).startswith("552")
    assert (await client.reply()).startswith("552")
    assert (await client.say("RSET")).startswith("250")
