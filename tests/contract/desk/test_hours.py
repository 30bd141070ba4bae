"""The opening hours as the desk tells of them."""

from datetime import UTC, datetime

from models.agent import Presence, Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from tests.fakes import FakeClock


def _at(clock: FakeClock, day: int, hour: int) -> None:
    clock.now = datetime(2026, 11, day, hour, tzinfo=UTC).timestamp()


async def test_who_is_told_what_by_the_hours_and_by_who_is_there(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    _at(clock, 24, 12)  # a Tuesday; only Mondays are worked here
    await house.person("chen", Role.SUPERVISOR, presence=Presence.BUSY)
    desk = await visit("chen")
    found = (await desk.get("/hours")).json
    (centre,) = found["openings"]
    opens = datetime(2026, 11, 30, 9, tzinfo=UTC).timestamp()
    assert (centre["open"], centre["until"]) == (False, opens)
    assert "9:00" in centre["told"]["zh"].replace("09:00", "9:00")
    assert centre["week"] == [["09:00-18:00"], [], [], [], [], [], []]
    assert found["receipts"] == [
        {"channel": "email", "sent": True}, {"channel": "webchat", "sent": False},
    ]  # fmt: skip


async def test_the_text_is_the_one_that_was_published(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    _at(clock, 23, 12)
    await house.person("chen", Role.SUPERVISOR, presence=Presence.BUSY)
    await house.person("root", Role.ADMIN, presence=Presence.OFFLINE)
    chen, root = await visit("chen"), await visit("root")
    texts = {}
    for name in ("ack.open", "ack.away"):
        text = f"{name}：{{number}} {{due}}"
        made = await root.post(f"/texts/{name}/zh/versions", {"text": text, "why": "x"})
        await root.post(f"/texts/{name}/zh/publish", {"number": made.json["number"]})
    for presence in (Presence.BUSY, Presence.READY):
        me = next(one.id for one in await house.store.agents.all() if one.login == "chen")
        await house.store.agents.present(me, presence)
        (centre,) = (await chen.get("/hours")).json["openings"]
        texts[presence] = centre["told"]["zh"]
        assert centre["open"]
    assert texts[Presence.BUSY].startswith("ack.away：2026")
    assert texts[Presence.READY].startswith("ack.open：2026")
    assert "时限" in texts[Presence.READY]


async def test_hours_are_for_those_who_supervise(house: World, visit: Visit) -> None:
    await house.person("li")
    assert (await (await visit("li")).get("/hours")).status == 403
