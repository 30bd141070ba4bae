"""Signed threading: what proves a conversation, and what does not."""

import pytest

from channels.email.thread import Threads, plain_mailbox
from models.message import OutboundMessage, ReplyRoute

THREADS = Threads(b"secret")
KEY = THREADS.new_key("support", "digest")


def outbound(key: str = KEY, seq: int = 7) -> OutboundMessage:
    route = ReplyRoute(adapter="email", address="c@example.com")
    return OutboundMessage("i", "c", key, "email", "support", seq, "reply", "t", route)


def test_the_key_depends_on_account_mail_and_secret() -> None:
    assert THREADS.new_key("support", "digest") == KEY
    others = {
        THREADS.new_key("sales", "digest"),
        THREADS.new_key("support", "other"),
        Threads(b"else").new_key("support", "digest"),
    }
    assert len(others | {KEY}) == 4


def test_an_address_leads_back_whatever_its_case() -> None:
    address = THREADS.reply_address("customer.service@example.com", KEY)
    assert len(address.rpartition("@")[0]) <= 64
    assert THREADS.key_of_address(address) == KEY
    assert THREADS.key_of_address(address.upper()) == KEY
    assert plain_mailbox(address) == "customer.service@example.com"
    assert THREADS.key_of_address(address.rpartition("+")[2]) is None  # it is no mailbox of ours


def test_what_was_sent_years_ago_leads_back_today() -> None:
    """By openssl: printf 'reply\\0KEY' | openssl dgst -sha256 -hmac secret -binary, in base 32."""
    a16 = "a" * 16
    address, message_id = f"s+{a16}.h5rl57cazpjjxfry@x.example", f"{a16}.7.qhbtp53mfgwii3rw@x"
    assert THREADS.reply_address("s@x.example", a16) == address
    assert THREADS.key_of_address(address) == a16
    assert THREADS.message_id(outbound(a16), "x") == message_id
    assert THREADS.key_of_message_id(message_id) == a16
    assert KEY == "c3c5zgx7wy4stef7"
    assert THREADS.loop_mark() == "xsthlvgr3xtp6l7e"
    chat = "lic4zoh37gljr2uk.7.64vzbijokiqymhtl@x"
    assert THREADS.message_id(outbound("webchat:session/1"), "x") == chat


def test_a_local_part_may_hold_what_parts_addresses() -> None:
    """RFC 5321 §4.1.2: quoted, it may hold an “@”; unquoted, more than one plus sign."""
    odd = THREADS.reply_address('"s@s"@x.example', KEY)
    assert odd.endswith("@x.example")
    assert THREADS.key_of_address(odd) == KEY
    assert THREADS.key_of_address(THREADS.reply_address("s+vip@x.example", KEY)) == KEY
    assert plain_mailbox("S+vip+1@X.example") == "s@x.example"
    assert plain_mailbox('"s@s+1"@x.example') == '"s@s@x.example'


def test_a_message_id_leads_back() -> None:
    message_id = THREADS.message_id(outbound(), "example.com")
    assert THREADS.key_of_message_id(message_id) == KEY
    assert THREADS.key_of_message_id(message_id.upper()) == KEY
    assert THREADS.message_id(outbound(), "example.com") == message_id
    assert THREADS.message_id(outbound(seq=8), "example.com") != message_id


def test_every_changed_character_is_a_forgery() -> None:
    address = THREADS.reply_address("s@example.com", KEY)
    token_start, token_end = address.index("+") + 1, address.index("@")
    for place in range(token_start, token_end):
        changed = "b" if address[place] == "a" else "a"
        forged = address[:place] + changed + address[place + 1 :]
        assert THREADS.key_of_address(forged) is None, forged


def test_an_addresses_mac_is_no_message_ids_mac() -> None:
    token = THREADS.reply_address("s@example.com", KEY).partition("+")[2].partition("@")[0]
    key, _, mac = token.partition(".")
    assert THREADS.key_of_message_id(f"{key}.1.{mac}@example.com") is None


@pytest.mark.parametrize(
    "address", ["", "s@example.com", "s+@example.com", "s+vip@example.com", "+.@x", "é+é@x"]
)
def test_other_addresses_prove_nothing(address: str) -> None:
    assert THREADS.key_of_address(address) is None


def test_address_goes_before_reference() -> None:
    other = THREADS.new_key("support", "other")
    address = THREADS.reply_address("s@example.com", KEY)
    reference = THREADS.message_id(outbound(other), "example.com")
    assert THREADS.find(["x@y.example", address], [reference]) == (KEY, "address")
    assert THREADS.find(["x@y.example"], ["a@b", reference]) == (other, "reference")
    assert THREADS.find(["x@y.example"], ["a@b"]) is None


def test_a_conversation_of_another_channel_has_no_address_of_its_own() -> None:
    assert THREADS.reply_address("s@example.com", "webchat:session/1") == "s@example.com"
    assert "@" in THREADS.message_id(outbound("webchat:session/1"), "example.com")
