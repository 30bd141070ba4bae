"""Follow-ups at the desk's door: an agent's and a supervisor's, and what each may not do."""

from models.agent import Role
from models.store.complaints.calling_back import BEGIN, beginning, following_up
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import PLAN, World
from tests.contract.store.makers import follow
from tests.fakes import FakeClock


async def _due(house: World, clock: FakeClock) -> str:
    """A complaint by mail that li has resolved; returns the id of its follow-up."""
    li = await house.person("li")
    ticket_id = await house.ticket(subject="致电13812345678", mail=True)
    await house.give(ticket_id, li)
    await house.store.tickets.move(ticket_id, li, TicketState.RESOLVED)
    await follow(house.store, following_up(PLAN))
    clock.pass_(1.0)
    assert await house.store.timers.fire_due({BEGIN: beginning(PLAN)}) == []
    (found,) = await house.store.follow_ups.page()
    return found.id


async def test_somebody_else_calls_and_a_low_result_is_reviewed(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    follow_up = await _due(house, clock)
    await house.person("han")
    await house.person("chen", Role.SUPERVISOR)
    li, han, chen = await visit("li"), await visit("han"), await visit("chen")
    (waits,) = (await li.get("/follow-ups?which=open")).json["follow_ups"]
    assert (waits["complaint"], waits["handler"], waits["actions"]) == (True, "Li", [])
    assert waits["ticket"]["subject"] == "致电138****5678"
    assert waits["ticket"]["opening"] == "包裹三天没动"
    refused = await li.post(f"/follow-ups/{follow_up}/take")
    assert (refused.status, refused.json["message"]["zh"]) == (409, "投诉须由经办人以外的人回访。")
    taken = await han.post(f"/follow-ups/{follow_up}/take")
    assert taken.json["follow_up"]["actions"] == ["record", "write"]
    assert (await li.get(f"/follow-ups/{follow_up}")).status == 404
    shown = (await han.get(f"/follow-ups/{follow_up}")).json
    assert [way["channel"] for way in shown["ways"]] == ["email"]
    # Who calls must see the ticket, and may ask for the number.
    assert (await han.get(f"/tickets/{waits['ticket']['id']}")).status == 200
    said = {"client_id": "attempt-1", "reached": True, "content": "还没收到", "solved": False}
    done = (await han.post(f"/follow-ups/{follow_up}/record", said)).json["follow_up"]
    assert (done["state"], done["review"], done["solved"]) == ("done", "open", False)
    assert (await han.get("/follow-ups?which=review")).status == 403
    (low,) = (await chen.get("/follow-ups?which=review")).json["follow_ups"]
    wish = {"reopen": True, "note": "确认未解决"}
    assert (await han.post(f"/follow-ups/{low['id']}/review", wish)).status == 403
    after = (await chen.post(f"/follow-ups/{low['id']}/review", wish)).json["follow_up"]
    assert (after["review"], after["reviewed_by"]) == ("reopened", "Chen")
    ticket = (await chen.get(f"/tickets/{waits['ticket']['id']}")).json["ticket"]
    assert ticket["state"] == "waiting"


async def test_written_to_in_a_conversation_of_theirs_only(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    follow_up = await _due(house, clock)
    han = await house.person("han")
    await house.person("chen", Role.SUPERVISOR)
    other = await house.ticket("k2")
    caller, chen = await visit("han"), await visit("chen")
    assert (await chen.post(f"/follow-ups/{follow_up}/take", {"agent": "none"})).status == 422
    assert (await chen.post(f"/follow-ups/{follow_up}/take", {"agent": han})).status == 200
    (mine,) = (await caller.get("/follow-ups")).json["follow_ups"]
    (way,) = (await caller.get(f"/follow-ups/{follow_up}")).json["ways"]
    foreign = (await house.store.tickets.get(other)).conversation_id
    asks = {"client_id": "question-1", "text": "问题解决了吗？"}
    stray = await caller.post(f"/follow-ups/{follow_up}/write", asks | {"conversation": foreign})
    assert stray.status == 404
    sent = await caller.post(
        f"/follow-ups/{mine['id']}/write", asks | {"conversation": way["conversation"]}
    )
    assert sent.json["follow_up"]["state"] == "asked"
    (answer,) = await house.store.outbound.page()
    assert (answer.channel, answer.kind) == ("email", "reply")
    (tried,) = (await chen.get(f"/follow-ups/{follow_up}")).json["attempts"]
    assert (tried["channel"], tried["reached"], tried["agent"]) == ("email", None, "Han")


async def test_who_did_not_hear_that_it_was_written_down_asks_again_and_hears_it(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    """By then it is nobody's: the answer to the first request was lost on its way."""
    follow_up = await _due(house, clock)
    await house.person("han")
    await house.person("wei")
    han, wei = await visit("han"), await visit("wei")
    await han.post(f"/follow-ups/{follow_up}/take")
    said = {"client_id": "attempt-1", "reached": False, "content": "无人接听"}
    answers = [await han.post(f"/follow-ups/{follow_up}/record", said) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.json["follow_up"]["attempts"] for answer in answers] == [1, 1]
    assert (await wei.get(f"/follow-ups/{follow_up}")).status == 404
