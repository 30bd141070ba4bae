"""Who may post to the account's address, and what is made of posts that no account gets."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from channels.tencent.fields import MAX_BYTES
from models.message import Envelope
from tests.contract.channels.drivers.wechat import (
    AES_KEY,
    OPENID,
    TOKEN,
    WechatPlain,
    WechatSealed,
    sealed,
    sign,
    wrapped,
    xml,
)
from tests.contract.channels.house import House, house
from tests.contract.channels.kit import Driver, payloads

NEW_KEY = "anotherkeythatnobodylogs456789ABCDEFGHIJKLM"

Opening = Callable[..., Awaitable[House]]


@pytest.fixture
async def opening(tmp_path: Path) -> AsyncIterator[Opening]:
    async with AsyncExitStack() as stack:

        async def start(driver: Driver, **options: object) -> House:
            channel = driver.create("http://127.0.0.1:9", **options)
            return await stack.enter_async_context(house(tmp_path, channel))

        yield start


async def posted(lent: House, body: bytes, **query: str) -> int:
    """The status that WeChat hears; its signatures are right where they are not given."""
    now = str(int(time.time()))
    asked = {"timestamp": now, "nonce": "42", "signature": sign(TOKEN, now, "42"), **query}
    url = f"{lent.url}/wechat/callback"
    async with lent.http.post(url, params=asked, data=body) as response:
        return response.status


async def posted_sealed(lent: House, encrypt: str, **query: str) -> int:
    now = str(int(time.time()))
    right = {"timestamp": now, "msg_signature": sign(TOKEN, now, "42", encrypt)}
    return await posted(lent, wrapped(encrypt), **{**right, **query})


async def greeted(lent: House, echo: str, token: str = TOKEN, age: int = 0) -> tuple[int, str]:
    now = str(int(time.time()) - age)
    query = {"timestamp": now, "nonce": "42", "signature": sign(token, now, "42"), "echostr": echo}
    async with lent.http.get(f"{lent.url}/wechat/callback", params=query) as response:
        # What somebody wanted to hear back is no page for a browser.
        assert ("X-Content-Type-Options" in response.headers) is (response.status == 200)
        return response.status, await response.text()


# -- setting up ------------------------------------------------------------------------


@pytest.mark.parametrize("driver", [WechatPlain(), WechatSealed()], ids=lambda d: d.label)
async def test_it_shows_that_it_knows_the_token(opening: Opening, driver: Driver) -> None:
    lent = await opening(driver)
    assert await greeted(lent, "5887654321987654321") == (200, "5887654321987654321")
    for status, text in [
        await greeted(lent, "588", token="Another"),
        await greeted(lent, "588", age=301),
        await greeted(lent, "<script>alert(1)</script>"),
        await greeted(lent, ""),
    ]:
        assert status == 401
        assert "588" not in text
        assert "script" not in text


def test_the_signature_is_that_of_the_documentation() -> None:
    """The example on the platform's page about encryption: what is sorted are the strings."""
    wanted = "899cf89e464efb63f54ddac96b0a0a235f53aa78"
    assert sign("AAAAA", "1714037059", "486452656") == wanted
    from channels.tencent import encryption

    assert encryption.sign("AAAAA", "1714037059", "486452656") == wanted


# -- the secure mode -------------------------------------------------------------------


async def test_with_a_key_only_what_is_sealed_is_taken(opening: Opening) -> None:
    lent = await opening(WechatSealed())
    both = xml(1, Encrypt=sealed(xml(2)))  # compatible mode: both, and only one is proven
    assert await posted(lent, xml(1)) == 401
    assert await posted(lent, both) == 401
    assert lent.accepted == []
    encrypt = sealed(xml(2))
    now = str(int(time.time()))
    right = sign(TOKEN, now, "42", encrypt)
    assert await posted(lent, xml(1, Encrypt=encrypt), timestamp=now, msg_signature=right) == 200
    assert [envelope.body for envelope in lent.accepted] == [xml(2)]


async def test_what_is_sealed_otherwise_is_refused(opening: Opening) -> None:
    lent = await opening(WechatSealed())
    good = sealed(xml(1))
    assert await posted_sealed(lent, sealed(xml(1), key=NEW_KEY)) == 400
    assert await posted_sealed(lent, sealed(xml(1), appid="wxfedcba9876543210")) == 400
    assert await posted_sealed(lent, good[:-4]) == 400
    assert await posted_sealed(lent, good[:64]) == 400
    assert await posted_sealed(lent, "!" + good) == 400
    assert await posted_sealed(lent, sealed(xml(1), padding=0)) == 400
    assert await posted_sealed(lent, "") == 401
    assert await posted_sealed(lent, good, msg_signature=sign(TOKEN, "42", good)) == 401
    assert await posted_sealed(lent, good, timestamp="") == 401
    assert await posted_sealed(lent, good, msg_signature="\u00e9") == 401
    assert lent.accepted == []
    assert await posted_sealed(lent, good) == 200


async def test_a_key_can_be_changed(opening: Opening) -> None:
    lent = await opening(WechatSealed(), encoding_aes_keys=[NEW_KEY, AES_KEY])
    assert await posted_sealed(lent, sealed(xml(1), key=NEW_KEY)) == 200
    assert await posted_sealed(lent, sealed(xml(2))) == 200
    assert [envelope.body for envelope in lent.accepted] == [xml(1), xml(2)]


async def test_an_account_that_is_set_to_json_is_read_as_well(opening: Opening) -> None:
    lent = await opening(WechatSealed())
    inner = {"FromUserName": OPENID, "CreateTime": 1764036000, "MsgType": "text", "MsgId": 7}
    encrypt = sealed(json.dumps({**inner, "Content": "你好", "nested": {"a": 1}}).encode())
    now = str(int(time.time()))
    right = {"timestamp": now, "msg_signature": sign(TOKEN, now, "42", encrypt)}
    outer = json.dumps({"ToUserName": "gh_7f083739789a", "Encrypt": encrypt}).encode()
    assert await posted(lent, outer, **right) == 200
    await lent.work()
    assert await lent.said() == [("7", "你好")]


async def test_what_wechat_vouches_for_is_kept_even_if_it_cannot_be_read(
    opening: Opening,
) -> None:
    lent = await opening(WechatSealed())
    for _ in range(2):
        assert await posted_sealed(lent, sealed(b"<xml>something new</xml>")) == 200
    assert [envelope.body for envelope in lent.accepted] == [b"<xml>something new</xml>"] * 2
    assert len({envelope.dedupe_key for envelope in lent.accepted}) == 1


# -- hostile and repeated posts --------------------------------------------------------

LAUGHS = (
    b'<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>'
)
OUTSIDE = b'<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml></xml>'


@pytest.mark.parametrize(
    "body",
    [
        LAUGHS,
        OUTSIDE,
        xml(1)[:-6] + b"<a>" * 20 + b"</a>" * 20 + b"</xml>",
        xml(1)[:-6] + b"<a></a>" * 600 + b"</xml>",
        b"<xml><Content>&undeclared;</Content></xml>",
        b"<html>" + xml(1)[5:-6] + b"</html>",
        b"{" * 50_000,
        b'{"a":' * 20_000,
        xml(1, CreateTime="soon"),
        xml(1, CreateTime="9" * 40),
        xml(1, CreateTime="\u0661\u0667\u0666\u0664\u0660\u0663\u0666\u0660\u0660\u0661"),
        xml(1, FromUserName=""),
    ],
    ids=lambda body: repr(body[:9] + body[-40:]),
)
async def test_nothing_is_read_from_what_no_account_posts(opening: Opening, body: bytes) -> None:
    from models.errors import Permanent

    lent = await opening(WechatPlain())
    envelope = replace(payloads(WechatPlain())[0].envelope(), body=body)
    with pytest.raises(Permanent):
        lent.channel.normalize(envelope)
    # In secure mode the outer post is read before anything is proven.
    assert await posted(lent, body) == 200, "proven by the address, it becomes a ticket to look at"


async def test_more_than_a_message_has_is_refused(opening: Opening) -> None:
    lent = await opening(WechatPlain())
    assert await posted(lent, xml(1, Content="长" * MAX_BYTES)) == 400
    assert lent.accepted == []


async def test_an_unproven_dtd_is_refused_in_secure_mode(opening: Opening) -> None:
    lent = await opening(WechatSealed())
    assert await posted_sealed(lent, "x", msg_signature="no") == 401
    assert await posted(lent, LAUGHS) == 400
    assert lent.accepted == []


async def test_events_and_unnumbered_words_are_told_apart_by_who_when_and_what(
    opening: Opening,
) -> None:
    lent = await opening(WechatSealed())

    async def comes(**changes: str) -> Envelope:
        assert await posted_sealed(lent, sealed(xml(1, **changes))) == 200
        return lent.accepted[-1]

    click = {"MsgType": "event", "Event": "CLICK", "EventKey": "orders"}
    keys = [
        (await comes(**click)).dedupe_key,
        (await comes(**click)).dedupe_key,
        (await comes(**click | {"EventKey": "refunds"})).dedupe_key,
        (await comes(**click | {"CreateTime": "1764036009"})).dedupe_key,
        (await comes(**click | {"FromUserName": "o-another"})).dedupe_key,
        (await comes(MsgId="", Content="好")).dedupe_key,
        (await comes(MsgId="", Content="坏")).dedupe_key,
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 6
    await lent.work()
    assert sorted(text for _, text in await lent.said()) == sorted(["好", "坏"]), "no event speaks"


async def test_one_second_holds_messages_in_order(opening: Opening) -> None:
    lent = await opening(WechatSealed())
    for number in (9, 10, 2):
        body = xml(number, CreateTime="1764036000", MsgId=str(number), Content=f"第{number}句")
        assert await posted_sealed(lent, sealed(body)) == 200
        await lent.work()
    assert [text for _, text in await lent.said()] == ["第2句", "第9句", "第10句"]
    talk = await lent.store.conversations.find("wechat", "wx0123456789abcdef", OPENID)
    assert talk is not None, "a conversation for each customer of the account"
