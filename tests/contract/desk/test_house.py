"""People, queues, parked envelopes, names, the page and the probes."""

import pytest
from sqlalchemy import select

from desk.parked import problem
from models.agent import Role
from models.store.intake.envelopes import DIED, Parked
from models.tables import audit
from tests.contract.desk.conftest import Visit
from tests.contract.desk.makers import many_parked, parked_envelope
from tests.contract.desk.world import World
from tests.contract.store import makers
from tests.fakes import FakeClock

AUDITED = select(audit.c.agent_id, audit.c.action, audit.c.subject).order_by(audit.c.id)

NEW = {"login": "zhao", "name": "赵", "role": "agent", "password": "a long password"}


async def test_an_admin_adds_changes_and_disables(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    await house.person("zhao2", Role.SUPERVISOR)
    admin = await visit("root")
    made = await admin.post("/agents", NEW | {"skills": {"lang:en": 4}, "capacity": 9})
    assert (made.status, made.json["capacity"], made.json["skills"]) == (201, 9, {"lang:en": 4})
    taken = await admin.post("/agents", NEW)
    assert (taken.status, taken.json["code"]) == (409, "login_taken")
    path = f"/agents/{made.json['id']}"
    changed = await admin.call("PATCH", path, {"role": "supervisor", "password": "another one"})
    assert changed.json["role"] == "supervisor"
    named = await admin.call("PATCH", path, {"alias": "8号", "team": "华东"})
    assert (named.json["alias"], named.json["team"]) == ("8号", "华东")
    stranger = await visit()
    body = {"login": "zhao", "password": "another one"}
    assert (await stranger.post("/login", body)).status == 200
    assert (await admin.call("PATCH", path, {"disabled": True})).status == 204
    assert (await stranger.get("/me")).status == 401
    assert (await stranger.post("/login", body)).status == 401
    (left,) = (await admin.get("/agents?left=true")).json["agents"]
    assert left["login"] == "zhao"
    assert (await (await visit("zhao2")).get("/agents?left=true")).status == 403
    assert (await admin.get("/agents?left=maybe")).status == 422
    assert (await admin.call("PATCH", path, {"disabled": False})).status == 200
    assert (await admin.get("/agents?left=true")).json["agents"] == []
    assert (await admin.call("PATCH", path, {})).status == 422


async def test_weak_or_odd_accounts_are_refused(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    admin = await visit("root")
    for bad in (
        {"password": "short"},
        {"login": "a b"},
        {"login": "x\n"},
        {"role": "god"},
        {"skills": {"lang:en": 6}},
        {"skills": {"domain:物留": 3}},
        {"skills": {"物流": 3}},
        {"capacity": -1},
        {"name": ""},
    ):
        answer = await admin.post("/agents", NEW | bad)
        assert answer.status == 422, bad
        assert answer.json["field"].split(".")[0] == next(iter(bad))
    short = (await admin.post("/agents", NEW | {"password": "short"})).json["message"]
    assert short == {
        "zh": "至少要有 10 个字符。",
        "en": "Must have at least 10 character(s).",
    }
    made = await admin.post("/agents", NEW | {"skills": {"domain:物流": 3, "group:支援": 1}})
    odd = await admin.call("PATCH", f"/agents/{made.json['id']}", {"skills": {"domain:物留": 3}})
    assert (odd.status, "物流" in odd.json["message"]["zh"]) == (422, True)


async def test_the_last_admin_stays(house: World, visit: Visit) -> None:
    me = await house.person("root", Role.ADMIN)
    admin = await visit("root")
    for change in ({"disabled": True}, {"role": "agent"}):
        assert (await admin.call("PATCH", f"/agents/{me}", change)).status == 409


async def test_logins_are_shown_to_admins_only(house: World, visit: Visit) -> None:
    await house.person("li")
    await house.person("root", Role.ADMIN)
    seen = (await (await visit("li")).get("/agents")).json["agents"]
    assert [agent["name"] for agent in seen] == ["Li", "Root"]
    assert not any("login" in agent for agent in seen)
    assert "login" in (await (await visit("root")).get("/agents")).json["agents"][0]


async def test_the_state_of_the_house(house: World, visit: Visit) -> None:
    await house.person("boss", Role.SUPERVISOR)
    await house.ticket()
    found = (await (await visit("boss")).get("/queues")).json
    assert found["classes"] == [
        {"skill_class": "domain:物流:1", "waiting": 1, "oldest": 1_800_000_000.0}
    ]
    assert found["tickets"] == {"waiting": 1}
    assert found["envelopes"] == {"live": 0, "mail": 0, "parked": 0}


async def test_parked_envelopes_are_looked_at_and_replayed(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    root = await house.person("root", Role.ADMIN)
    e = await parked_envelope(house, "ValueError: boom")
    admin = await visit("root")
    (parked,) = (await admin.get("/parked")).json["parked"]
    assert (parked["id"], parked["error"]) == (e.id, "ValueError: boom")
    assert "ValueError" in parked["problem"]["zh"]
    clock.now += 1.0  # of one millisecond, ids are in no order
    whole = await admin.get(f"/parked/{e.id}/raw")
    assert whole.raw == e.body
    assert whole.headers["Content-Disposition"].startswith("attachment;")
    assert whole.headers["Content-Disposition"].endswith(f"{e.id}.bin")
    clock.now += 1.0
    assert (await admin.post("/parked/replay", {"ids": [e.id, "nobody"]})).json == {"replayed": 1}
    assert house.bell.rung == ["drain.live", "drain.mail"]
    assert (await admin.get("/parked")).json["parked"] == []
    assert (await admin.get(f"/parked/{e.id}/raw")).status == 404, "it is parked no more"
    async with house.store.db.read() as conn:
        written = [tuple(row) for row in await conn.execute(AUDITED)]
    assert written[-2:] == [(root, "envelope.raw", e.id), (root, "envelope.replay", e.id)]


async def test_what_is_parked_is_told_page_by_page(house: World, visit: Visit) -> None:
    await house.person("root", Role.ADMIN)
    ids = await many_parked(house, 7)
    admin = await visit("root")
    seen: list[str] = []
    after = ""
    for left in (4, 1, 0):
        page = (await admin.get(f"/parked?limit=3{after}")).json
        assert page["total"] == 7
        seen += [one["id"] for one in page["parked"]]
        assert len(ids) - len(seen) == left
        after = f"&after={page['next_after']}"
    assert page["next_after"] is None
    assert seen == ids
    whole = (await admin.get("/parked?limit=7")).json
    assert (len(whole["parked"]), whole["next_after"]) == (7, None)
    assert (await admin.get("/parked?limit=501")).status == 422


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DIED, "内存"),
        ("no blob 0123", "备份"),
        ("KeyError: 'subject'", "KeyError"),
        ("NotFound: 渠道 slack 未启用。 / Channel slack is not open.", "渠道 slack 未启用。"),
        ("odd", "?"),
    ],
)
def test_why_it_is_parked_is_said_in_plain_words(error: str, said: str) -> None:
    one = Parked(
        id="e1", channel="email", account="kefu", received_at=0.0, attempts=3, error=error, size=9
    )
    words = problem(one)
    assert said in words.zh
    assert words.en.endswith(".")


async def test_names_in_both_languages(house: World, visit: Visit) -> None:
    await house.person("li", skills={"lang:en": 3})
    found = (await (await visit("li")).get("/glossary")).json
    assert found["states"]["waiting"] == {"zh": "待分配", "en": "Waiting"}
    assert found["presences"]["break"]["zh"] == "小休"
    assert found["facets"][0]["classes"][0]["name"] == {"zh": "咨询", "en": "Inquiry"}
    assert {"triage", "domain:发票", "lang:en"} <= set(found["skills"])


async def test_bundles(house: World, visit: Visit) -> None:
    await house.person("boss", Role.SUPERVISOR)
    await house.store.bundles.add("b1", {"taxonomy": "t1"}, b"x")
    await house.store.bundles.promote("b1", None)
    found = (await (await visit("boss")).get("/bundles")).json
    assert (found["champion"], found["bundles"][0]["card"]) == ("b1", {"taxonomy": "t1"})


async def test_the_page_is_served_under_a_strict_policy(house: World, visit: Visit) -> None:
    client = (await visit()).client
    root = await client.get("/", allow_redirects=False)
    assert (root.status, root.headers["Location"]) == (302, "/desk")
    page = await client.get("/desk")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Referrer-Policy"] == "no-referrer"
    script = await client.get("/desk/desk.js")
    assert script.content_type == "text/javascript"
    tag = script.headers["ETag"]
    assert (await client.get("/desk/desk.js", headers={"If-None-Match": tag})).status == 304
    for outside in ("app.py", "..%2fapp.py", "index", "%2e%2e/app.py"):
        assert (await client.get(f"/desk/{outside}")).status == 404


async def test_probes(house: World, visit: Visit) -> None:
    client = (await visit()).client
    assert await (await client.get("/healthz")).json() == {"status": "ok", "version": "test"}
    assert await (await client.get("/readyz")).json() == {"status": "ready"}


async def test_the_board_is_everybodys_and_says_what_is_not_known(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.person("li")
    agent = await visit("li")
    empty = (await agent.get("/board")).json
    assert (empty["queues"], empty["people"]) == ([], {"ready": 1})
    first = await makers.waiting(house.store, "a")
    await makers.waiting(house.store, "b")
    assert (await agent.get("/board")).json == empty, "read every two seconds at most"
    clock.pass_(2)
    board = (await agent.get("/board")).json
    (queue,) = board["queues"]
    assert queue["skills"] == [["domain:物流", 1]]
    assert queue["preferred"] == []
    assert (queue["waiting"], queue["late"], queue["by_urgency"]) == (2, 0, {"重要": 2})
    assert (queue["an_hour"], queue["wait"]) == (None, None)
    listed = queue["first"]
    assert [ticket["position"] for ticket in listed] == [1, 2]
    assert first in {ticket["id"] for ticket in listed}
    assert listed[0]["due_at"] == clock() - 2 + 300.0
    assert (await (await visit()).get("/board")).status == 401
