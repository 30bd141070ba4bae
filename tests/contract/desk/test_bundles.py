"""Admins retrain, look, compare, promote and roll back; others do not."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.agent import Role
from models.store.learning.shadows import Verdict
from models.store.learning.watching import Cell, day_of
from models.tables import audit
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from tests.fakes import FakeClock

SUSPECT = {"agent": "?", "facet": "type", "before": "投诉", "after": "咨询"}


async def made(house: World, name: str, *, passed: bool, agent: str = "?") -> str:
    """A run that ended with a bundle; its id."""
    run_id = await house.store.retrainings.ask(None)
    work = await house.store.retrainings.lease(20.0)
    assert work is not None
    outcome: dict[str, Any] = {"verdict": {"passed": passed, "reasons": []}}
    outcome["suspects"] = [SUSPECT | {"agent": agent}]
    assert await house.store.retrainings.finish(work, name, {"id": name}, b"x", outcome, 1.0)
    return run_id


async def test_a_run_is_asked_for_followed_and_cancelled(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN, name="管理员")
    admin = await visit("root")
    answer = await admin.post("/retrainings", {"seed": 3})
    assert answer.status == 202
    assert house.bell.rung == ["retrain"]
    assert (await admin.post("/retrainings", {})).status == 409
    found = (await admin.get("/retrainings")).json
    (run,) = found["retrainings"]
    assert (run["id"], run["state"], run["seed"]) == (answer.json["id"], "waiting", 3)
    assert run["started_by"] == "管理员"
    assert found["corrections"] == {"given": 0, "new": 0, "excluded": 0}
    assert (await admin.post(f"/retrainings/{run['id']}/cancel")).status == 204
    assert (await admin.post(f"/retrainings/{run['id']}/cancel")).status == 409
    assert (await admin.post("/retrainings/nobody/cancel")).status == 404


async def test_promote_and_roll_back_are_audited_with_their_reason(
    house: World, visit: Visit
) -> None:
    admin_id = await house.person("root", Role.ADMIN)
    for name in ("b1", "b2"):
        await house.store.bundles.add(name, {"id": name}, b"x")
    await house.store.bundles.promote("b1", None)
    admin = await visit("root")
    assert (await admin.post("/bundles/b2/promote", {"why": "更准"})).json == {"champion": "b2"}
    assert (await admin.post("/bundles/b2/promote", {"why": "再来"})).status == 409
    assert (await admin.post("/bundles/b9/promote", {"why": "没有"})).status == 404
    assert (await admin.post("/bundles/b1/promote", {"why": " "})).status == 422
    before = {one["id"]: one["replaced"] for one in (await admin.get("/bundles")).json["bundles"]}
    assert (before["b2"], before["b1"]) == ("b1", None)
    late = await admin.post("/bundles/rollback", {"why": "投诉多了", "champion": "b1"})
    assert late.status == 409
    assert "已经换过" in str(late.json)
    back = await admin.post("/bundles/rollback", {"why": "投诉多了", "champion": "b2"})
    assert back.json == {"champion": "b1"}
    assert (await admin.post("/bundles/rollback", {"why": "再退"})).status == 409
    async with house.store.db.read() as conn:
        rows = (await conn.execute(audit.select().order_by(audit.c.id))).all()
    told = [(r.action, r.agent_id, r.subject, r.detail.get("why")) for r in rows]
    assert ("bundle.promote", admin_id, "b2", "更准") in told
    assert ("bundle.rollback", admin_id, "b1", "投诉多了") in told


async def test_a_bundle_that_cannot_serve_is_refused_and_says_so(
    house: World, visit: Visit
) -> None:
    await house.person("root", Role.ADMIN)
    await house.store.bundles.add("broken", {}, b"x")
    answer = await (await visit("root")).post("/bundles/broken/promote", {"why": "x"})
    assert (answer.status, answer.json["code"]) == (409, "bundle_refused")
    assert "现役模型不受影响" in answer.json["message"]["zh"]
    assert await house.store.bundles.champion() is None


async def test_the_gate_is_overruled_only_on_purpose(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    agent_id = await house.person("li", name="李雷")
    await made(house, "weak", passed=False, agent=agent_id)
    admin = await visit("root")
    answer = await admin.post("/bundles/weak/promote", {"why": "着急"})
    assert answer.status == 409
    assert "关口没有通过" in answer.json["message"]["zh"]
    card = (await admin.get("/bundles/weak")).json
    assert card["retraining"]["outcome"]["suspects"][0]["name"] == "李雷"
    forced = {"why": "新业务更要紧", "against_gate": True}
    assert (await admin.post("/bundles/weak/promote", forced)).status == 200
    assert (await admin.get("/bundles/nobody")).status == 404


async def test_two_bundles_are_compared(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    for name in ("b1", "b2"):
        await house.store.bundles.add(name, {}, b"x")
    admin = await visit("root")
    found = (await admin.get("/bundles/b1/compare/b2")).json
    assert found["facets"]["type"]["cases"] == 0
    assert (await admin.get("/bundles/b1/compare/b9")).status == 404


async def test_corrections_are_kept_out_and_let_in(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    li = await house.person("li")
    ticket = await house.ticket()
    await house.store.tickets.correct(ticket, li, "type", "咨询")
    (given,) = await house.store.corrections.all()
    admin = await visit("root")
    out = {"corrections": [given.id], "why": "反着标"}
    assert (await admin.post("/corrections/exclusions", out)).json == {"changed": 1}
    assert (await house.store.corrections.all())[0].excluded
    back = {"corrections": [given.id], "excluded": False}
    assert (await admin.post("/corrections/exclusions", back)).json == {"changed": 1}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/retrainings", None),
        ("POST", "/retrainings", {}),
        ("POST", "/retrainings/x/cancel", None),
        ("GET", "/bundles/b1", None),
        ("GET", "/bundles/b1/compare/b2", None),
        ("POST", "/bundles/b1/promote", {"why": "x"}),
        ("POST", "/bundles/rollback", {"why": "x"}),
        ("POST", "/corrections/exclusions", {"corrections": ["c"]}),
    ],
)
async def test_only_admins(
    house: World, visit: Visit, method: str, path: str, body: object
) -> None:
    await house.person("boss", Role.SUPERVISOR)
    assert (await (await visit("boss")).call(method, path, body)).status == 403


async def test_a_challenger_is_put_in_shadow_watched_and_taken_out(
    house: World, visit: Visit
) -> None:
    await house.person("root", Role.ADMIN)
    for name in ("b1", "b2", "broken"):
        await house.store.bundles.add(name, {"id": name}, b"x")
    await house.store.bundles.promote("b1", None)
    admin = await visit("root")
    assert (await admin.get("/bundles/shadow")).json == {"shadow": None}
    assert (await admin.post("/bundles/b2/shadow")).json == {"bundle": "b2"}
    assert (await admin.post("/bundles/b1/shadow")).status == 409
    assert (await admin.post("/bundles/b9/shadow")).status == 404
    refused = await admin.post("/bundles/broken/shadow")
    assert (refused.status, refused.json["code"]) == (409, "bundle_refused")
    ticket_id = await house.ticket("k1")
    said = Verdict("b2", ticket_id, "type", "b1", "投诉", "咨询", 0.9, 0.55)
    await house.store.shadows.add([said])
    shadow = (await admin.get("/bundles/shadow")).json["shadow"]
    assert (shadow["bundle"], shadow["tickets"]) == ("b2", 1)
    (facet,) = shadow["facets"]
    assert facet["pairs"] == [{"champion": "投诉", "challenger": "咨询", "count": 1}]
    assert shadow["disagreements"][0]["ticket_id"] == ticket_id
    assert (await admin.post("/bundles/shadow/end")).json == {"bundle": "b2"}
    assert (await admin.get("/bundles/shadow")).json == {"shadow": None}


async def test_the_watch_is_told_by_day(house: World, visit: Visit, clock: FakeClock) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    assert (await admin.get("/bundles/watch")).json["series"] == []
    await house.store.bundles.add("b1", {"id": "b1"}, b"x")
    await house.store.bundles.promote("b1", None)
    today = day_of(clock.now, ZoneInfo("Asia/Shanghai"))
    cell = Cell("b1", today, "email", "type", "label", "投诉")
    await house.store.watching.add(
        {cell: 3, cell._replace(facet="", measure="unknown", bucket="1"): 3}
    )
    told = (await admin.get("/bundles/watch?days=7")).json
    assert {(each["measure"], each["channel"]) for each in told["series"]} == {
        ("label", "email"), ("label", ""), ("unknown", "email"), ("unknown", ""),
    }  # fmt: skip
    (of_type,) = (each for each in told["trend"]["facets"] if each["facet"] == "type")
    assert [each["value"] for each in of_type["classes"]] == ["投诉"]
    assert of_type["now"]["labelled"] == 3
    assert (await admin.get("/bundles/watch?days=0")).status == 422


async def test_agents_see_nothing_of_shadow_and_watch(house: World, visit: Visit) -> None:
    await house.person("li")
    agent = await visit("li")
    assert (await agent.get("/bundles/shadow")).status == 403
    assert (await agent.get("/bundles/watch")).status == 403
    assert (await agent.post("/bundles/b1/shadow")).status == 403
    assert (await agent.post("/bundles/shadow/end")).status == 403
