"""Webchat's pure parts: frames, messages, tokens, limits, options."""

import asyncio
import json
import re
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from channels import registry, webchat
from channels.webchat import assets, http, protocol
from channels.webchat.hub import Room
from channels.webchat.limits import Buckets, Seats
from channels.webchat.options import Options
from channels.webchat.protocol import Msg, Refused, parse
from channels.webchat.reading import normalize
from channels.webchat.reception import Tokens, clean
from channels.webchat.sockets import Connection
from models.addresses import client_address
from models.errors import Permanent
from models.ids import uuid7
from models.message import Envelope, Lane
from models.rate_limit import whole_seconds
from models.store.dialogue.conversations import Entry
from tests.fakes import FakeClock

CLIENT_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
KEY = "ab" * 32


def envelope(text: str = "你好", **transport: Any) -> Envelope:
    frame = Msg(type="msg", client_id=CLIENT_ID, text=text)
    return Envelope(
        id=uuid7(1_800_000_000.5),
        channel="webchat",
        account="web",
        dedupe_key=f"{KEY}:{CLIENT_ID}",
        body=frame.body,
        received_at=1_800_000_000.5,
        lane=Lane.LIVE,
        transport={"conversation": KEY, "lang": "zh"} | transport,
    )


def test_normalize_is_pure_and_complete() -> None:
    raw = envelope("我的\u0000快递\r\n丢了\u202e", page="https://shop.example/order")
    (one,) = normalize(raw)
    (two,) = normalize(raw)
    assert one == two
    message = one.message
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", message.id
    )
    assert message.id[:13] == raw.id[:13]
    assert message.id != raw.id
    assert message.text == message.text_full == "我的快递\n丢了"
    assert message.external_id == f"{KEY}:{CLIENT_ID}"
    assert message.conversation_key == message.sender.external_id == KEY
    assert message.sender.name == ""
    assert (message.trust.level, message.trust.method) == ("platform", "session token")
    assert message.reply_route is not None
    assert (message.reply_route.adapter, message.reply_route.address) == ("webchat", KEY)
    assert message.meta == {"page": "https://shop.example/order"}
    assert message.received_at.timestamp() == 1_800_000_000.5


def test_order_keys_sort_as_their_times() -> None:
    times = [9.0, 10.0, 1_800_000_000.1, 1_800_000_000.2, 9_999_999_999.0]
    keys = []
    for at in times:
        raw = envelope()
        later = Envelope(
            id=raw.id, channel="webchat", account="web", dedupe_key="k", body=raw.body,
            received_at=at, lane=Lane.LIVE, transport=raw.transport,
        )  # fmt: skip
        keys.append(normalize(later)[0].message.order_key)
    assert keys == sorted(keys)


@pytest.mark.parametrize("body", [b"{", b'{"type":"ping"}', b"\xff"])
def test_what_is_no_message_is_permanent(body: bytes) -> None:
    raw = envelope()
    bad = Envelope(
        id=raw.id, channel="webchat", account="web", dedupe_key="k", body=body,
        received_at=1.0, lane=Lane.LIVE, transport=raw.transport,
    )  # fmt: skip
    with pytest.raises(Permanent):
        normalize(bad)


def test_the_body_has_one_spelling() -> None:
    spellings = [
        f'{{"type":"msg","client_id":"{CLIENT_ID}","text":"\\u4f60好"}}',
        f'{{ "text": "你好", "client_id": "{CLIENT_ID}", "type": "msg" }}',
    ]
    first, second = (parse(text) for text in spellings)
    assert isinstance(first, Msg)
    assert isinstance(second, Msg)
    assert first.body == second.body
    assert json.loads(first.body)["text"] == "你好"


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_parse_refuses_or_reads_but_never_breaks(raw: str | bytes) -> None:
    with suppress(Refused):
        parse(raw)


@given(st.text())
def test_clean_text_is_stable_and_storable(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\0" not in once
    assert "\r" not in once


def test_lone_surrogates_are_refused() -> None:
    with pytest.raises(Refused):
        parse(f'{{"type":"msg","client_id":"{CLIENT_ID}","text":"\\ud800"}}')


def test_tokens_are_ours_or_refused() -> None:
    tokens = Tokens(b"k" * 32)
    one, two = tokens.make(), tokens.make()
    assert one != two
    assert tokens.open(one) == tokens.open(one) != tokens.open(two)
    flipped = ("B" if one[0] == "A" else "A") + one[1:]
    for bad in ("", "x", flipped, one[:-1], one + "A", one + "=", "é" * 64, "+" * 64):
        with pytest.raises(Refused, match="hello"):
            tokens.open(bad)
    with pytest.raises(Refused):
        Tokens(b"K" * 32).open(one)


def test_buckets_refill_and_say_when() -> None:
    clock = FakeClock(1000.0)
    buckets = Buckets(clock, per_minute=30, burst=2)
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(Refused) as caught:
        buckets.take("a")
    assert caught.value.retry_after == pytest.approx(2.0)
    buckets.take("b")
    clock.now += 2.0
    buckets.take("a")
    clock.now -= 500.0
    with pytest.raises(Refused):
        buckets.take("a")
    clock.now += 1000.0
    buckets.take("a")
    buckets.take("a")
    with pytest.raises(Refused):
        buckets.take("a")  # A long silence saves up no more than the burst.


def test_full_buckets_are_forgotten() -> None:
    clock = FakeClock(1000.0)
    buckets = Buckets(clock, per_minute=60, burst=10)
    for i in range(10_000):
        clock.now += 1.0
        buckets.take(str(i))
    assert len(buckets) < 4200


def test_seats_in_all_and_by_address() -> None:
    seats = Seats(total=3, per_address=2)
    seats.take("a")
    seats.take("a")
    with pytest.raises(Refused):
        seats.take("a")
    seats.take("b")
    with pytest.raises(Refused):
        seats.take("c")
    seats.leave("a")
    seats.take("c")


@pytest.mark.parametrize("when", ["read", "shown"])
async def test_a_line_that_comes_while_the_log_is_shown_is_shown_too(when: str) -> None:
    log = [Entry(seq, "us", f"{seq}", None, 0.0, "reply", "好") for seq in (1, 2)]
    known, shown = log[:1], list[int]()

    def comes(now: str) -> None:
        if now == when and len(known) == 1:
            known.append(log[1])
            connection.wake(None)  # it could not be read: look for yourself

    async def read(_room: Room, after: int) -> list[Entry]:
        found = [entry for entry in known if entry.seq > after]
        comes("read")
        return found

    async def show(frame: str) -> None:
        shown.append(json.loads(frame)["seq"])
        comes("shown")

    service: Any = SimpleNamespace(
        hub=SimpleNamespace(log=read, attendance=SimpleNamespace(told=None)), link=str
    )
    connection = Connection(
        cast("Any", SimpleNamespace(send_str=show)), service, FakeClock(1000.0)
    )
    connection.room = Room(("web", KEY))
    connection.start(0, 1, None, seen=0, here=False)
    for _ in range(10):
        await asyncio.sleep(0)
    assert shown == [1, 2]


PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.1.1.1"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6", "1.1.1.1", "10.0.0.2"], "1.1.1.1"),
        ("10.0.0.1", ["6.6.6.6, 1.1.1.1", " , 10.0.0.2"], "1.1.1.1"),
        ("fd00::1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["1.1.1.1, nonsense"], "nonsense"),
        ("10.0.0.1", ["no" * 40], "no" * 32),
        ("a socket's name", ["1.1.1.1"], "a socket's name"),
        ("fd00::1", ["1.1.1.1, 10.0.0.2"], "1.1.1.1"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_the_visitor_is_behind_trusted_proxies_only(
    peer: str, forwarded: list[str], address: str
) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


def test_retry_after_is_whole_and_never_zero() -> None:
    assert [whole_seconds(s) for s in (0.01, 1.0, 1.2)] == ["1", "1", "2"]


@pytest.mark.parametrize(
    "options",
    [
        {"origins": ["*"]},
        {"origins": ["https://shop.example/"]},
        {"origins": ["HTTPS://shop.example"]},
        {"origins": ["null"]},
        {"desk_url": "javascript:alert(1)"},
        {"mail_address": "a'b@c"},
        {"smtp_address": "127.0.0.1"},
        {"colour": "red"},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        webchat.create(options, b"s" * 32)


def test_options_explain_themselves_in_both_languages() -> None:
    for name, field in Options.model_fields.items():
        assert " / " in (field.description or ""), name


def test_the_registry_finds_it() -> None:
    assert registry.options_model("webchat") is Options
    assert registry.create("webchat", {}, b"s" * 32).name == "webchat"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_without_desk_and_mail(lang: str) -> None:
    page = assets.demo_page(Options(), lang).plain.decode()
    assert "None" not in page
    assert "smtplib" not in page
    assert page.count("<h2>") == 1, "what is not there is not promised"


DOCUMENT = Path(__file__).parents[2] / "docs" / "channels" / "webchat.md"


def test_the_documented_frames_are_read() -> None:
    block = DOCUMENT.read_text("utf-8").split("```json\n")[1].split("```")[0]
    kinds = [type(parse(line)).__name__ for line in block.splitlines()]
    assert kinds[:3] == ["Hello", "Msg", "Msg"]
    assert set(kinds) == {frame.__name__ for frame in get_args(protocol.ClientFrame)}


def test_every_refusal_is_documented_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    documented = {
        code: int(status) for status, words in rows for code in re.findall(r"`(\w+)`", words)
    }
    assert documented == {code: http.STATUS.get(code, 422) for code in protocol.SENTENCES}
