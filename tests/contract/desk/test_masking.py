"""Numbers in messages: masked everywhere until somebody asks, which is written down."""

from models.agent import Role
from models.tables import audit
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World

NUMBER = "13812345678"
TEXT = f"请回电{NUMBER}，单号 SF1234567890123"


async def audited(house: World) -> list[tuple[str, str | None, str]]:
    async with house.store.db.read() as conn:
        rows = await conn.execute(audit.select().where(audit.c.action.like("message.%")))
        return [(row.action, row.agent_id, row.subject) for row in rows]


async def test_numbers_are_masked_until_revealed_and_that_is_audited(
    house: World, visit: Visit
) -> None:
    li = await house.person("li")
    ticket_id = await house.ticket(text=TEXT, text_full=f"{TEXT}\n> {NUMBER}")
    await house.give(ticket_id, li)
    desk = await visit("li")
    view = await desk.get(f"/tickets/{ticket_id}")
    assert NUMBER not in view.raw.decode()
    (message,) = view.json["messages"]
    assert message["text"] == TEXT.replace(NUMBER, "138****5678")
    assert message["keys"] == [
        {"kind": "phone", "text": "138****5678", "masked": True},
        {"kind": "order", "text": "SF1234567890123", "masked": False},
    ]
    assert NUMBER not in (await desk.get("/queue")).raw.decode()
    assert await audited(house) == []
    full = (await desk.post(f"/tickets/{ticket_id}/messages/{message['id']}/reveal")).json
    assert full["text"] == TEXT
    assert full["keys"][0] == {"kind": "phone", "text": NUMBER, "masked": False}
    assert await audited(house) == [("message.reveal", li, ticket_id)]
    assert NUMBER not in (await desk.get(f"/tickets/{ticket_id}")).raw.decode()


async def test_numbers_in_subjects_are_masked_in_lists(house: World, visit: Visit) -> None:
    await house.person("boss", Role.SUPERVISOR)
    await house.ticket(subject=f"致电{NUMBER}", mail=True)
    found = await (await visit("boss")).get("/tickets")
    assert NUMBER not in found.raw.decode()
    assert found.json["tickets"][0]["subject"] == "致电138****5678"


async def test_formatted_mail_with_numbers_is_audited(house: World, visit: Visit) -> None:
    li = await house.person("li")
    ticket_id = await house.ticket(text=TEXT, html=f"<p>{TEXT}</p>", mail=True)
    await house.give(ticket_id, li)
    plain = await house.ticket("k2", text="没有号码", html="<p>没有号码</p>", mail=True)
    await house.give(plain, li)
    other = await house.ticket("k3", text="见下", html=f"<p>{NUMBER}</p>", mail=True)
    await house.give(other, li)
    desk = await visit("li")
    for one in (ticket_id, plain, other):
        (message,) = (await desk.get(f"/tickets/{one}")).json["messages"]
        answer = await desk.client.get(
            f"/api/v1/tickets/{one}/messages/{message['id']}/html", headers=desk.headers
        )
        assert answer.status == 200
    shown = [("message.html", li, ticket_id), ("message.html", li, other)]
    assert sorted(await audited(house)) == sorted(shown)


async def test_a_stranger_to_a_ticket_reveals_nothing(house: World, visit: Visit) -> None:
    li = await house.person("li")
    await house.person("wang")
    ticket_id = await house.ticket(text=TEXT)
    await house.give(ticket_id, li)
    (message,) = (await (await visit("li")).get(f"/tickets/{ticket_id}")).json["messages"]
    path = f"/tickets/{ticket_id}/messages/{message['id']}/reveal"
    assert (await (await visit("wang")).post(path)).status == 404
    assert await audited(house) == []
