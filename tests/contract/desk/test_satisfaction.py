"""What a customer said of a ticket, as the desk shows it and takes it down."""

import pytest

from models.satisfaction import Answer, Score
from models.ticket import TicketState
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World


async def test_what_a_caller_heard(house: World, visit: Visit) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    desk, path = await visit("li"), f"/tickets/{ticket}/satisfaction"
    assert (await desk.get(path)).json == {"surveys": []}
    early = await desk.post(path, {"score": 5})
    assert (early.status, early.json["message"]["zh"]) == (
        409, "工单还没有解决，解决后再录入评价。"
    )  # fmt: skip
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    entered = await desk.post(
        path, {"score": 2, "solved": False, "words": "等太久，打13812345678"}
    )
    assert entered.status == 201
    (shown,) = (await desk.get(path)).json["surveys"]
    assert shown == entered.json
    assert (shown["score"], shown["solved"], shown["words"]) == (2, False, "等太久，打138****5678")
    assert (shown["via"], shown["entered_by"], shown["asked_at"]) == ("caller", me, None)
    # Heard wrong, and said again within the time to change it.
    assert (await desk.post(path, {"score": 4})).json["score"] == 4
    audited = [line["action"] for line in await house.store.tickets.history(ticket)]
    assert audited.count("satisfaction.enter") == 2


async def test_nobody_improves_what_the_customer_said_themselves(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    desk, path = await visit("li"), f"/tickets/{ticket}/satisfaction"
    await desk.post(path, {"score": 4})
    (survey,) = await house.store.surveys.of_ticket(ticket)
    await house.store.surveys.answer(survey.id, Answer(Score.DISSATISFIED), "link", 3600.0)
    refused = await desk.post(path, {"score": 5})
    assert (refused.status, refused.json["message"]["zh"]) == (
        409, "客户已经自己评价过，以客户的评价为准。"
    )  # fmt: skip
    assert (await desk.get(path)).json["surveys"][0]["score"] == 2


@pytest.mark.parametrize(
    "bad", [{}, {"words": "好"}, {"score": 6}, {"score": 0}, {"stars": 5}, {"score": "5 stars"}]
)
async def test_what_says_nothing_is_refused(
    house: World, visit: Visit, bad: dict[str, object]
) -> None:
    me = await house.person("li")
    ticket = await house.ticket()
    await house.give(ticket, me)
    await house.store.tickets.move(ticket, me, TicketState.RESOLVED)
    assert (await (await visit("li")).post(f"/tickets/{ticket}/satisfaction", bad)).status == 422


async def test_strangers_see_and_say_nothing(house: World, visit: Visit) -> None:
    ticket = await house.ticket()
    desk = await visit()
    assert (await desk.get(f"/tickets/{ticket}/satisfaction")).status == 401
    assert (await desk.post(f"/tickets/{ticket}/satisfaction", {"score": 5})).status == 401
