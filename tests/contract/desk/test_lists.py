"""What stands in an agent's lists, in which order, and what it says."""

from pathlib import Path
from typing import Any

from models.agent import Role
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit, say
from tests.contract.desk.makers import ticks
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.fakes import FakeClock


async def test_a_list_says_who_waits_for_the_next_answer(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    me = await house.person("li")
    ticket = await house.ticket("k1")
    await house.give(ticket, me)
    desk = await visit("li")

    async def since() -> float | None:
        (mine,) = (await desk.get("/queue")).json["tickets"]
        found: float | None = mine["unanswered_since"]
        return found

    async def write(key: str, **options: Any) -> None:
        e = makers.envelope(key, now=clock.now)
        await makers.thread(house.store, e, conversation_key="talk-k1", **options)

    assert await since() is None, "until the first answer its deadline counts"
    await say(desk, ticket)
    assert await since() is None
    clock.pass_(60.0)
    await write("k2")
    asked = clock.now
    clock.pass_(5.0)
    await write("k3")
    assert await since() == asked
    await say(desk, ticket, client_id="client-0002")
    assert await since() is None
    await write("k4", auto="auto_reply")
    assert await since() is None, "nobody wrote that"


async def test_what_is_owed_next_comes_first(
    house: World, visit: Visit, clock: FakeClock, tmp_path: Path
) -> None:
    me = await house.person("li")
    put_by, quiet, asked, first = [await house.ticket(f"k{n}") for n in range(4)]
    desk = await visit("li")
    for n, ticket in enumerate((put_by, quiet, asked)):
        await house.give(ticket, me)
        await say(desk, ticket, client_id=f"client-{n:04}")
        if ticket == put_by:
            await house.store.tickets.snooze(ticket, me, 3600.0)
    await house.give(first, me)
    until = (await house.store.tickets.get(first)).due_at
    assert until is not None
    clock.pass_(until - clock.now - 10.0)
    await makers.thread(
        house.store, makers.envelope("k9", now=clock.now), conversation_key="talk-k2"
    )

    async def mine() -> list[Any]:
        found: list[Any] = (await desk.get("/queue")).json["tickets"]
        return found

    assert [t["id"] for t in await mine()] == [asked, first, quiet, put_by]
    # Its clock is known a moment later, and gives the next answer more time than the first has.
    await ticks(house.store, tmp_path)
    found = await mine()
    assert [t["id"] for t in found] == [first, asked, quiet, put_by]
    due = found[1]["next_answer_due_at"]
    assert due > found[0]["due_at"] > clock.now
    assert [t["next_answer_due_at"] for t in found] == [None, due, None, None]


async def test_what_i_have_ended_today(house: World, visit: Visit, clock: FakeClock) -> None:
    me = await house.person("li")
    before, first, second, open_ = [await house.ticket(f"k{n}") for n in range(4)]
    await house.give(before, me)
    await house.store.tickets.move(before, me, TicketState.RESOLVED)
    clock.pass_(8 * 3600.0 + 1)  # past midnight in Shanghai; 16:00 it was
    for ticket in (first, second, open_):
        await house.give(ticket, me)
    desk = await visit("li")
    assert (await desk.post(f"/tickets/{first}/resolve", {})).status == 200
    clock.pass_(1.0)
    await say(desk, second, then="resolved")
    ended = (await desk.get("/queue/ended")).json["tickets"]
    assert [(one["id"], one["state"]) for one in ended] == [
        (second, "resolved"),
        (first, "resolved"),
    ]
    await house.person("han")
    assert (await (await visit("han")).get("/queue/ended")).json == {"tickets": []}
    await desk.post(f"/tickets/{first}/retake")
    ended = (await desk.get("/queue/ended")).json["tickets"]
    assert [one["id"] for one in ended] == [second]


async def test_the_queue_has_offers_first_and_counts_what_waits(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    active, offered, _ = [await house.ticket(f"k{n}") for n in range(3)]
    await house.give(active, me)
    await house.give(offered, me, offer=20.0)
    queue = (await (await visit("li")).get("/queue")).json
    assert [(t["id"], t["state"]) for t in queue["tickets"]] == [
        (offered, "offered"),
        (active, "active"),
    ]
    assert queue["tickets"][0]["preview"] == "包裹三天没动"
    assert queue["waiting"] == {"total": 1, "oldest": 1_800_000_000.0}


async def test_lists_are_paged_and_filtered(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("boss", Role.SUPERVISOR)
    made = []
    for number in range(3):
        clock.pass_(1)
        made.append(await house.ticket(f"k{number}"))
    boss = await visit("boss")
    first = (await boss.get("/tickets?limit=2")).json
    rest = (await boss.get(f"/tickets?limit=2&before={first['before']}")).json
    assert [t["id"] for t in first["tickets"] + rest["tickets"]] == made[::-1]
    assert rest["before"] is None
    assert (await boss.get("/tickets?state=active")).json["tickets"] == []
    for bad in ("state=lost", "q=2026", "limit=0", "limit=x", "colour=red"):
        assert (await boss.get(f"/tickets?{bad}")).status == 422, bad


async def test_a_list_tells_who_wrote_and_what_they_said_first_and_last(
    house: World, visit: Visit
) -> None:
    await house.person("chen", role=Role.SUPERVISOR)
    ticket = await house.ticket("k1")
    for key, text in (("e2", "在吗？电话 13812345678"), ("e3", "x" * 500)):
        e = makers.envelope(key, now=await house.store.db.now())
        await makers.thread(house.store, e, conversation_key="talk-k1", text=text, text_full=text)
        [found] = (await (await visit("chen")).get("/tickets?state=waiting")).json["tickets"]
        assert (found["id"], found["customer"]) == (ticket, "王***")
        assert found["opening"] == "包裹三天没动"
        assert found["preview"] == text.replace("13812345678", "138****5678")[:80]


async def test_agents_see_what_waits(house: World, visit: Visit) -> None:
    me = await house.person("li")
    free, mine = await house.ticket("k1"), await house.ticket("k2")
    await house.give(mine, me)
    found = (await (await visit("li")).get("/tickets?state=waiting")).json["tickets"]
    assert [(t["id"], t["preview"]) for t in found] == [(free, "包裹三天没动")]


async def test_a_supervisor_sees_why_it_waits_and_what_the_router_knew(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    await house.person("wang", Role.SUPERVISOR)
    ticket = await house.ticket()
    assert (await (await visit("li")).get(f"/tickets/{ticket}")).json["waits"] is None
    boss = await visit("wang")
    waits = (await boss.get(f"/tickets/{ticket}")).json["waits"]
    assert waits == {"text": {"zh": "在等", "en": "waits"}, "facts": {"reason": "turn"}}
    await house.give(ticket, me)
    view = (await boss.get(f"/tickets/{ticket}")).json
    (decision,) = view["decisions"]
    assert decision["facts"]["candidates"] == [
        {"agent": {"id": me, "name": "Li"}, "outcome": "chosen", "detail": ""}
    ]
    assert decision["facts"]["others"] == {}
    assert "take" in view["actions"], "a supervisor may take it from them"
    await boss.post(f"/tickets/{ticket}/take", {})
    decisions = (await boss.get(f"/tickets/{ticket}")).json["decisions"]
    assert [d["by"] for d in decisions if d["facts"] is None] == ["hand"]


async def test_what_waits_is_read_to_its_end_and_what_is_due_comes_first(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("boss", Role.SUPERVISOR)
    made = []
    for number, target in enumerate((900.0, 100.0, 500.0, 100.0, 300.0)):
        clock.pass_(1)
        made.append(await house.ticket(f"k{number}", target=target))
    boss, seen = await visit("boss"), []
    path = "/tickets?state=waiting&order=due&limit=2"
    before: str | None = ""
    while before is not None:
        page = (await boss.get(path + (f"&before={before}" if before else ""))).json
        seen += [ticket["id"] for ticket in page["tickets"]]
        before = page["before"]
        if len(seen) == 2:  # what was read last is taken meanwhile: nothing is left out for it
            await house.give(seen[1], await house.person("li"))
    assert seen == [made[1], made[3], made[4], made[2], made[0]]
    total = (await boss.get("/queue")).json["waiting"]["total"]
    assert total == len(made) - 1
    refused = await boss.get("/tickets?state=active&order=due")
    assert (refused.status, refused.json["field"]) == (422, "order")
