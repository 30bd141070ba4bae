"""A way back that ends, or is counted: told before an answer is written."""

from datetime import UTC, datetime, timedelta

import pytest

from models.message import ReplyRoute, SendResult
from tests.contract.desk.conftest import Visit, say
from tests.contract.desk.world import World
from tests.contract.store import makers


async def counted(house: World, left: int | None = 5, hours: float = 48.0, key: str = "k1") -> str:
    """A ticket of mine, on a channel that allows so many messages for so long."""
    ends = datetime.fromtimestamp(house.services.clock(), UTC) + timedelta(hours=hours)
    route = ReplyRoute(adapter="webchat", address="talk", expires_at=ends, quota_left=left)
    return await house.ticket(key, reply_route=route)


async def doubt(desk: object, ticket: str) -> str | None:
    found: str | None = (await desk.get(f"/tickets/{ticket}")).json["reply_doubt"]  # type: ignore[attr-defined]
    return found


async def test_few_messages_left_are_told_and_then_none(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await counted(house)
    await house.give(ticket, me)
    desk = await visit("li")
    assert await doubt(desk, ticket) is None
    await say(desk, ticket, text="一\n二\n三")  # three of them, as the channel counts
    assert "2" in (await doubt(desk, ticket) or "")
    await say(desk, ticket, text="四", client_id="client-0002")
    told = await doubt(desk, ticket) or ""
    assert told.startswith("客户再发来消息之前，只能再发 1 条 / ")
    assert told.endswith("Until the customer writes again, 1 more can be sent")
    await say(desk, ticket, text="五", client_id="client-0003")
    told = await doubt(desk, ticket) or ""
    assert told.startswith("可发的条数已用完")
    assert "No message is left" in told


async def test_the_customers_next_word_begins_anew(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await counted(house, left=1)
    await house.give(ticket, me)
    desk = await visit("li")
    await say(desk, ticket, text="一")
    sending = await house.store.outbound.lease(5, 60.0)
    assert sending is not None
    (answer,) = sending.messages
    assert await house.store.outbound.finish(sending.token, answer.id, SendResult("sent"))
    assert (await doubt(desk, ticket) or "").startswith("可发的条数已用完")
    later = makers.envelope("k2", now=await house.store.db.now() + 1)
    route = ReplyRoute(adapter="webchat", address="talk", quota_left=3)
    await makers.thread(house.store, later, conversation_key="talk-k1", reply_route=route)
    assert await doubt(desk, ticket) is None


async def test_what_was_not_sent_is_not_counted(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await counted(house, left=1)
    await house.give(ticket, me)
    desk = await visit("li")
    await say(desk, ticket, text="一")
    sending = await house.store.outbound.lease(5, 60.0)
    assert sending is not None
    failed = SendResult("failed", error="不行")
    assert await house.store.outbound.finish(sending.token, sending.messages[0].id, failed)
    assert "1" in (await doubt(desk, ticket) or "")


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (3.0, ""),
        (1.5, "之后不能再答复 / No answer goes after"),
        (-0.1, "可答复的时间已过"),
    ],
)
async def test_the_end_is_told(house: World, visit: Visit, hours: float, told: str) -> None:
    me = await house.person("li")
    ticket = await counted(house, left=None, hours=hours)
    await house.give(ticket, me)
    found = await doubt(await visit("li"), ticket) or ""
    assert told in found
    assert bool(found) == bool(told)
