"""The clocks of a ticket at the desk."""

from pathlib import Path

from tests.contract.desk.conftest import Visit
from tests.contract.desk.makers import ticks
from tests.contract.desk.world import World
from tests.fakes import FakeClock


async def test_a_ticket_shows_its_clocks_and_who_is_told(
    house: World, visit: Visit, clock: FakeClock, tmp_path: Path
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(target=60.0)
    await house.give(ticket, me)
    await ticks(house.store, tmp_path)
    desk = await visit("li")
    view = (await desk.get(f"/tickets/{ticket}")).json
    states = {one["clock"]: one["state"] for one in view["clocks"]}
    assert states == dict.fromkeys(
        ("acknowledgement", "first_answer", "average_answer", "resolution"), "running"
    )
    began = clock.now
    clock.pass_(100.0)
    await ticks(house.store, tmp_path)
    found = (await desk.get(f"/tickets/{ticket}/clocks")).json
    assert (found["escalation"], found["pressed"]) == (2, 0)
    (first,) = (one for one in found["clocks"] if one["clock"] == "first_answer")
    assert (first["due_at"], first["breached_at"]) == (began + 60.0, began + 60.0)
    history = [line["what"] for line in found["history"] if line["clock"] == "first_answer"]
    assert history == ["started", "warned", "breached", "escalated", "escalated"]
    (queued,) = (await desk.get("/queue")).json["tickets"]
    assert queued["escalation"] == 2


async def test_a_stranger_to_a_ticket_sees_no_clocks(house: World, visit: Visit) -> None:
    ticket = await house.ticket()
    await house.give(ticket, await house.person("li"))
    await house.person("han")
    assert (await (await visit("han")).get(f"/tickets/{ticket}/clocks")).status == 404


async def test_a_ticket_says_that_its_clocks_have_still_to_be_moved(
    house: World, visit: Visit, tmp_path: Path
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(target=60.0)
    await house.give(ticket, me)
    desk = await visit("li")

    async def first_answer() -> tuple[bool, list[str]]:
        view = (await desk.get(f"/tickets/{ticket}")).json
        found = [c["state"] for c in view["clocks"] if c["clock"] == "first_answer"]
        return view["clocks_behind"], found

    assert await first_answer() == (True, [])
    await ticks(house.store, tmp_path)
    assert await first_answer() == (False, ["running"])
    answer = {"text": "明天到", "client_id": "0123456789abcdef", "then": "active"}
    assert (await desk.post(f"/tickets/{ticket}/reply", answer)).status == 201
    assert await first_answer() == (True, ["running"])
    await ticks(house.store, tmp_path)
    assert await first_answer() == (False, ["met"])
