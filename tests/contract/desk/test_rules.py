"""Rules at the desk: who may draft and publish, and what they are told."""

import asyncio
from dataclasses import replace
from typing import Any

from aiohttp import ClientSession, CookieJar, web

from desk.app import create_app
from models.agent import Role
from models.routing import Line
from models.store.figures.audits import Asked
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import PASSWORD, RULES_CONTENT, World
from tests.fakes import FakeClock

EVERYTHING = {"triage": 3, "domain:物流": 3, "domain:发票": 3, "domain:支付": 3}


def body(**options: Any) -> dict[str, Any]:
    return {"content": RULES_CONTENT | options, "why": "试一试"}


async def staffed(house: World) -> None:
    await house.person("root", Role.ADMIN, name="管理员")
    await house.person("chen", Role.SUPERVISOR, skills=EVERYTHING)
    await house.person("li")
    await house.store.rules.first(RULES_CONTENT, "file")


async def test_a_supervisor_drafts_and_compares_an_admin_publishes(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await staffed(house)
    chen, root = await visit("chen"), await visit("root")
    made = await chen.post("/rules", body(late_factor=3.0))
    assert (made.status, made.json["number"], made.json["findings"]) == (201, 2, [])
    assert made.json["content"]["version"] == "2"
    diff = (await chen.get("/rules/2/diff?against=1")).json["changes"]
    assert [(c["where"], c["before"], c["after"]) for c in diff] == [("late_factor", 4.0, 3.0)]
    assert (await chen.post("/rules/2/publish", {"why": "x"})).status == 403
    clock.pass_(1)
    published = await root.post("/rules/2/publish", {"why": "好用"})
    assert (published.status, published.json["by"]["name"]) == (200, "管理员")
    assert house.bell.rung[-1] == "dispatch"
    again = await root.post("/rules/2/publish", {"why": "好用"})
    assert (again.status, again.json["message"]["zh"]) == (409, "这一版已在那里生效。")
    clock.pass_(1)
    back = await root.post("/rules/rollback", {"why": "不好"})
    assert [p["number"] for p in back.json["publications"]] == [1]
    listed = (await chen.get("/rules")).json
    assert [(v["number"], v["state"]) for v in listed["versions"]] == [
        (2, "retired"),
        (1, "published"),
    ]
    assert [(p["number"], p["why"], p["ended_at"] is None) for p in listed["publications"]] == [
        (1, "不好", True),
        (2, "好用", False),
        (1, "file", False),
    ]


async def test_to_one_line_of_business_first(house: World, visit: Visit) -> None:
    await staffed(house)
    root = await visit("root")
    await root.post("/rules", body(preferred_level=3))
    line = {"channels": [], "accounts": [], "domains": ["物流"]}
    made = await root.post("/rules/2/publish", {"why": "物流先行", "line": line})
    assert (made.status, made.json["line"]) == (200, line)
    await root.post("/rules", body(late_factor=3.0))
    refused = await root.post("/rules/3/publish", {"why": "x", "line": line})
    assert (refused.status, refused.json["code"]) == (422, "unfit_rules")
    assert "业务线" in refused.json["message"]["zh"]
    assert "all" in refused.json["message"]["en"]


async def test_an_error_is_told_and_keeps_it_back_unless_one_insists(
    house: World, visit: Visit
) -> None:
    await house.person("root", Role.ADMIN, skills={"domain:物流": 3})
    await house.store.rules.first(RULES_CONTENT, "file")
    root = await visit("root")
    made = (await root.post("/rules", body())).json
    assert {f["where"] for f in made["findings"]} >= {"class.domain:支付:1", "class.triage:1"}
    refused = await root.post("/rules/2/publish", {"why": "x"})
    assert refused.status == 422
    assert "没有坐席能接" in refused.json["message"]["zh"]
    insisted = await root.post("/rules/2/publish", {"why": "下周有人", "despite": True})
    assert insisted.json["why"] == "下周有人（检查有 3 处错误仍发布 despite 3 errors）"


async def test_what_is_no_rules_is_refused_with_the_place(house: World, visit: Visit) -> None:
    await staffed(house)
    chen = await visit("chen")
    answer = await chen.post("/rules", body(scarcity=-1))
    assert (answer.status, answer.json["field"]) == (422, "content")
    assert answer.json["message"]["zh"] == "稀缺加权：应不小于 0。"
    assert (await chen.post("/rules", {"content": RULES_CONTENT, "why": " "})).status == 422
    assert (await chen.post("/rules", body() | {"based_on": 9})).status == 404
    assert (await chen.get("/rules/9")).status == 404
    assert (await chen.get("/rules/1/diff?against=x")).status == 422


async def test_content_is_looked_at_before_it_is_kept(house: World, visit: Visit) -> None:
    await staffed(house)
    chen = await visit("chen")
    asked = {"content": {"targets": RULES_CONTENT["targets"], "units": RULES_CONTENT["units"],
                         "required_facets": ["domain"], "late_factor": 3.0,
                         "natural_limit": {"type:表扬": 60.0}}}  # fmt: skip
    found = (await chen.post("/rules/review", asked)).json
    assert found["content"]["preferred_level"] == 2, "what it leaves out is there"
    assert [f["where"] for f in found["findings"]] == ["natural_limit.type:表扬"]
    assert found["against"] == 1
    assert {c["where"] for c in found["changes"]} >= {"late_factor", "natural_limit.type:表扬"}
    assert "the factor of a late ticket's key: 4 → 3" in {
        c["text"]["en"] for c in found["changes"]
    }
    broken = (await chen.post("/rules/review", {"content": RULES_CONTENT | {"scarcity": -1}})).json
    assert (broken["content"], broken["against"], broken["changes"]) == (None, None, [])
    assert [f["where"] for f in broken["findings"]] == ["scarcity"]
    assert (await chen.post("/rules/review", {"content": []})).status == 422
    assert [v["number"] for v in (await chen.get("/rules")).json["versions"]] == [1]


async def test_content_is_looked_at_for_the_line_it_is_meant_for(
    house: World, visit: Visit
) -> None:
    await staffed(house)
    root = await visit("root")
    line = {"channels": [], "accounts": [], "domains": ["物流"]}
    await root.post("/rules", body(preferred_level=3))
    await root.post("/rules/2/publish", {"why": "物流先行", "line": line})
    asked = {"content": RULES_CONTENT | {"late_factor": 3.0}}
    for_all = (await root.post("/rules/review", asked)).json
    assert (for_all["against"], for_all["findings"]) == (1, [])
    for_one = (await root.post("/rules/review", asked | {"line": line})).json
    assert for_one["against"] == 2
    assert [f["where"] for f in for_one["findings"]] == ["late_factor"]
    assert [c["where"] for c in for_one["changes"]] == ["preferred_level", "late_factor"]
    elsewhere = asked | {"line": line | {"domains": ["保险"]}}
    found = (await root.post("/rules/review", elsewhere)).json
    assert found["against"] == 1, "what is in force for all is in force there"
    assert "line.domains.保险" in {f["where"] for f in found["findings"]}


async def test_who_drafts_is_told_what_happened_meanwhile(house: World, visit: Visit) -> None:
    await staffed(house)
    chen, root = await visit("chen"), await visit("root")

    async def seen() -> dict[str, Any]:
        listed = (await chen.get("/rules")).json
        now = [p["id"] for p in listed["publications"] if p["ended_at"] is None]
        return {"version": listed["versions"][0]["number"], "in_force": now}

    old = await seen()
    assert (await chen.post("/rules", body() | {"seen": old})).status == 201
    refused = await chen.post("/rules", body() | {"seen": old, "client_id": "one-and-only"})
    assert (refused.status, refused.json["code"]) == (409, "rules_moved")
    assert "看过再存" in refused.json["message"]["zh"]
    again = body() | {"seen": await seen(), "client_id": "one-and-only"}
    assert (await chen.post("/rules", again)).json["number"] == 3
    assert (await chen.post("/rules", again)).json["number"] == 3, "a retry is no conflict"
    old = await seen()
    await root.post("/rules/3/publish", {"why": "生效"})
    assert (await chen.post("/rules", body() | {"seen": old})).status == 409
    old = await seen()
    await root.post("/rules/rollback", {"why": "退回"})
    assert (await chen.post("/rules", body() | {"seen": old})).status == 409
    assert (await chen.post("/rules", body() | {"seen": await seen()})).status == 201
    assert (await chen.post("/rules", body())).status == 201, "who does not ask is not refused"


async def test_a_version_that_this_release_cannot_read_is_said_to_be_one(
    house: World, visit: Visit
) -> None:
    await house.person("chen", Role.SUPERVISOR, skills=EVERYTHING)
    await house.store.rules.first(RULES_CONTENT | {"of_a_later_release": 1}, "file")
    chen = await visit("chen")
    looked = await chen.post("/rules/review", {"content": RULES_CONTENT})
    assert (looked.status, looked.json["against"], looked.json["changes"]) == (200, None, [])
    (told,) = looked.json["findings"]
    assert told["level"] == "warning"
    assert "第 1 版" in told["text"]["zh"]
    await chen.post("/rules", body())
    for path in ("/rules/2/diff?against=1", "/rules/1/diff?against=2"):
        refused = await chen.get(path)
        assert (refused.status, refused.json["code"]) == (422, "unfit_rules")
        assert "cannot read version 1" in refused.json["message"]["en"]


async def test_agents_have_no_business_here(house: World, visit: Visit) -> None:
    await staffed(house)
    li = await visit("li")
    for path in ("/rules", "/rules/1", "/rules/1/diff?against=1"):
        assert (await li.get(path)).status == 403
    assert (await li.post("/rules", body())).status == 403
    assert (await li.post("/rules/review", {"content": RULES_CONTENT})).status == 403
    assert (await li.post("/rules/rollback", {"why": "x"})).status == 403


async def test_a_version_carries_its_rehearsal(house: World, visit: Visit) -> None:
    await staffed(house)
    await house.store.rules.rehearsed(1, {"tickets": 3}, None)
    chen = await visit("chen")
    assert (await chen.get("/rules/1")).json["rehearsal"] == {"tickets": 3}
    assert (await chen.get("/rules")).json["versions"][0]["rehearsed"] is True


async def test_a_version_is_rehearsed_at_the_desk_and_keeps_the_report(
    house: World, visit: Visit, clock: FakeClock
) -> None:
    await house.store.rules.first(RULES_CONTENT, "first")
    chen = await house.person("chen", Role.SUPERVISOR)
    await house.person("li")
    supervisor, li = await visit("chen"), await visit("li")
    empty = await supervisor.post("/rules/1/rehearse", {})
    assert (empty.status, empty.json["code"]) == (409, "unplayed")
    await house.ticket()
    clock.pass_(60.0)
    assert (await li.post("/rules/1/rehearse", {})).status == 403
    assert (await supervisor.post("/rules/7/rehearse", {})).status == 404
    assert (await supervisor.post("/rules/1/rehearse", {"tickets": 9})).status == 422
    told = (await supervisor.post("/rules/1/rehearse", {"tickets": 10})).json["rehearsal"]
    assert (told["tickets"], told["differences"]["moved"]) == (1, 0)
    assert (await supervisor.get("/rules/1")).json["rehearsal"] == told
    (deed,) = await house.store.audits.page(Asked(action="rules.rehearse"), limit=9)
    assert (deed.agent_id, deed.subject) == (chen, "1")


async def test_a_rehearsal_ends_when_whoever_asked_goes_away(house: World) -> None:
    """As when the page is closed, or “cancel” is pressed."""
    await house.store.rules.first(RULES_CONTENT, "first")
    await house.person("chen", Role.SUPERVISOR)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def rehearse(_number: int, _line: Line, _tickets: int) -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    # Not a TestServer: that cancels whatever it does for a client that has gone, as ours does not.
    runner = web.AppRunner(create_app(replace(house.services, rehearse=rehearse)))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    known = {"login": "chen", "password": PASSWORD}
    api = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1"
    client = ClientSession(cookie_jar=CookieJar(unsafe=True), headers={"X-Shouli-Desk": "1"})
    async with client, asyncio.timeout(10):
        await client.post(f"{api}/login", json=known)
        asking = asyncio.create_task(client.post(f"{api}/rules/1/rehearse", json={}))
        await begun.wait()
        asking.cancel()
        await ended.wait()
    await runner.cleanup()
    assert (await house.store.rules.get(1)).rehearsal is None
