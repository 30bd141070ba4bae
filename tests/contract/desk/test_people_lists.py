"""A file of people: looked at, brought in whole or not at all, and taken out again."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from models.agent import Role
from models.store.figures.audits import Asked
from models.tables.columns import metadata
from tests.contract.desk.conftest import Answer, Desk, Visit
from tests.contract.desk.world import World
from tests.fakes import FakeClock

_CSV = {"Content-Type": "text/csv"}


async def look(desk: Desk, text: str, encoding: str = "utf-8") -> Answer:
    return await desk.call(
        "POST", "/agents/import/preview", data=text.encode(encoding), headers=_CSV
    )


async def bring(desk: Desk, text: str, seen: str) -> Answer:
    path = f"/agents/import?seen={seen}"
    return await desk.call("POST", path, data=text.encode(), headers=_CSV)


def verdicts(answer: Answer) -> list[str]:
    return [line["verdict"] for line in answer.json["lines"]]


def reasons(answer: Answer) -> list[str]:
    return [reason["zh"] for line in answer.json["lines"] for reason in line["reasons"]]


@pytest.fixture
async def root(house: World, visit: Visit) -> Desk:
    await house.person("root", Role.ADMIN, name="管理员")
    await house.person("li", name="李雷", skills={"domain:物流": 3})
    return await visit("root")


async def test_what_was_looked_at_is_done_and_once_more_does_nothing(
    house: World, visit: Visit, root: Desk
) -> None:
    text = "账号,姓名,班组,角色,容量,技能\nli,李雷,夜班,,,domain:物流=4\n"
    text += "wang,王芳,,班长,8,lang:en=2\n"
    shown = await look(root, text, "gb18030")
    assert verdicts(shown) == ["change", "add"]
    assert shown.json["lines"][0]["changes"] == [
        {"field": "team", "before": "", "after": "夜班"},
        {"field": "skills", "before": {"domain:物流": 3}, "after": {"domain:物流": 4}},
    ]
    assert {one.login for one in await house.store.agents.all()} == {"li", "root"}
    house.bell.rung.clear()
    done = (await bring(root, text, shown.json["seen"])).json
    assert (done["added"], done["changed"]) == (1, 1)
    assert house.bell.rung == ["dispatch"]
    people = {one.login: one for one in await house.store.agents.all()}
    wang, li = people["wang"], people["li"]
    assert (wang.name, wang.role, wang.capacity, wang.skills) == (
        "王芳",
        "supervisor",
        8,
        {"lang:en": 2},
    )
    assert (li.team, li.capacity, li.role) == ("夜班", 6, "agent"), "empty cells say nothing"
    (told,) = done["passwords"]
    stranger = await visit()
    signed = await stranger.post("/login", {"login": "wang", "password": told["password"]})
    assert signed.status == 200
    again = await look(root, text)
    assert verdicts(again) == ["same", "same"]
    assert (await bring(root, text, again.json["seen"])).json == {
        "added": 0, "changed": 0, "passwords": [],
    }  # fmt: skip
    late = await bring(root, text, shown.json["seen"])
    assert (late.status, late.json["code"]) == (409, "people_moved")


async def test_one_line_that_cannot_be_done_keeps_all_out(house: World, root: Desk) -> None:
    text = "账号,姓名\nwang,王芳\nwu 1,吴\n"
    shown = await look(root, text)
    assert verdicts(shown) == ["add", "refused"]
    refused = await bring(root, text, shown.json["seen"])
    assert (refused.status, refused.json["code"]) == (422, "lines_refused")
    assert {one.login for one in await house.store.agents.all()} == {"li", "root"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("wu,,,,", "姓名"),
        ("w u,吴,,,", "账号"),
        (",吴,,,", "账号"),
        ("wu,吴,经理,,", "角色"),
        ("wu,吴,,many,", "容量"),
        ("wu,吴,,101,", "容量"),
        ("wu,吴,,,domain:物留=3", "物留"),
        ("wu,吴,,,物流=3", "domain:物流"),
        ("wu,吴,,,物流", "1–5"),
        ("li,,,,", "姓名"),
        ("gone,高,,,", "已离岗"),
        ("root,管理员,坐席,,", "另一位管理员"),
        ("wu,吴,,,\nwu,武,,,", "第 2 行"),
    ],
)
async def test_what_cannot_be_done_says_why(
    house: World, root: Desk, line: str, told: str
) -> None:
    gone = await house.person("gone", name="高")
    await house.store.agents.change(gone, None, disabled_at=1.0)
    shown = await look(root, f"账号,姓名,角色,容量,技能\n{line}\n")
    assert verdicts(shown)[-1] == "refused"
    assert any(told in reason for reason in reasons(shown)), reasons(shown)


async def test_an_empty_cell_empties_and_a_missing_column_does_not(
    house: World, root: Desk
) -> None:
    li = next(one.id for one in await house.store.agents.all() if one.login == "li")
    await house.store.agents.change(li, None, alias="小李", team="夜班")
    text = "login,alias\nli,\n"
    shown = await look(root, text)
    assert (await bring(root, text, shown.json["seen"])).json["changed"] == 1
    one = await house.store.agents.get(li)
    assert (one.alias, one.team, one.skills) == ("", "夜班", {"domain:物流": 3})


async def test_the_exported_list_is_as_it_is(house: World, root: Desk) -> None:
    li = next(one.id for one in await house.store.agents.all() if one.login == "li")
    odd: dict[str, Any] = {"alias": "=1+1", "team": '夜班,"A"', "skills": {"group:VIP, 支援": 5}}
    await house.store.agents.change(li, None, **odd)
    text = (await root.get("/agents/export")).raw.decode("utf-8-sig")
    assert ",'=1+1," in text, "no formula for a spreadsheet"
    assert verdicts(await look(root, text)) == ["same", "same"]
    (deed,) = await house.store.audits.page(Asked(action="agent.export"), limit=5)
    assert deed.detail == {"people": 2}


async def test_no_list_at_all_is_refused_with_the_remedy(root: Desk) -> None:
    refused = await look(root, "姓名\n王芳\n")
    assert (refused.status, refused.json["code"]) == (422, "no_list")
    assert "账号" in refused.json["message"]["zh"]
    many = await look(root, "账号,姓名\n" + "".join(f"n{n},新\n" for n in range(501)))
    assert (many.status, "500" in many.json["message"]["zh"]) == (422, True)


async def test_lists_are_for_admins_who_signed_in(house: World, visit: Visit, root: Desk) -> None:
    made = (await root.post("/tokens", {"name": "n", "role": "admin"})).json
    program, li = await visit(), await visit("li")
    program.headers = {"Authorization": f"Bearer {made['token']}"}
    for desk, code in ((program, "session_needed"), (li, "forbidden")):
        assert (await desk.get("/agents/export")).json["code"] == code
        assert (await look(desk, "账号\nli\n")).json["code"] == code
        assert (await bring(desk, "账号\nli\n", "0" * 64)).json["code"] == code


NEWCOMERS = "账号,姓名\nwang,王芳\nzhao,赵云\n"


async def test_who_did_not_get_the_answer_is_told_the_same_passwords_again(
    house: World, visit: Visit, root: Desk
) -> None:
    seen = (await look(root, NEWCOMERS)).json["seen"]
    first = (await bring(root, NEWCOMERS, f"{seen}&client_id=import-0001")).json
    assert [one["login"] for one in first["passwords"]] == ["wang", "zhao"]
    assert len({one["password"] for one in first["passwords"]}) == 2
    again = await bring(root, NEWCOMERS, f"{seen}&client_id=import-0001")
    assert again.json == first
    assert len(await house.store.agents.all()) == 4
    wang = first["passwords"][0]
    assert (await (await visit()).post("/login", login_of(wang))).status == 200


def login_of(made: Any) -> dict[str, str]:
    return {"login": made["login"], "password": made["password"]}


async def test_two_at_once_with_one_key_are_told_the_same(root: Desk) -> None:
    seen = (await look(root, NEWCOMERS)).json["seen"]
    told = await asyncio.gather(
        *(bring(root, NEWCOMERS, f"{seen}&client_id=import-0001") for _ in range(4))
    )
    assert {answer.status for answer in told} == {200}
    assert len({answer.raw for answer in told}) == 1


async def test_the_passwords_are_told_again_only_to_the_same_request_for_an_hour(
    house: World, visit: Visit, root: Desk, clock: FakeClock
) -> None:
    await house.person("other", Role.ADMIN)
    seen = (await look(root, NEWCOMERS)).json["seen"]
    path = f"{seen}&client_id=import-0001"
    first = (await bring(root, NEWCOMERS, path)).json
    foreign = await bring(await visit("other"), NEWCOMERS, path)
    assert (foreign.status, foreign.json["code"]) == (409, "people_moved")
    changed = await bring(root, NEWCOMERS + "qian,钱\n", path)
    assert (changed.status, "client_id" in changed.json["message"]["en"]) == (409, True)
    assert (await bring(root, NEWCOMERS, seen)).json["code"] == "people_moved"
    wang = await visit()
    await wang.post("/login", login_of(first["passwords"][0]))
    own = {"current": first["passwords"][0]["password"], "password": "a password of mine"}
    assert (await wang.call("PUT", "/me/password", own)).status == 204
    again = (await bring(root, NEWCOMERS, path)).json
    assert [one["login"] for one in again["passwords"]] == ["zhao"], "theirs is another by now"
    clock.pass_(3601)
    late = await bring(root, NEWCOMERS, path)
    assert (late.status, late.json["code"]) == (409, "people_moved")


async def test_no_password_is_kept(house: World, root: Desk) -> None:
    seen = (await look(root, NEWCOMERS)).json["seen"]
    made = (await bring(root, NEWCOMERS, f"{seen}&client_id=import-0001")).json["passwords"]
    async with house.store.db.read() as conn:
        kept = [str(row) for table in metadata.sorted_tables
                for row in await conn.execute(select(table))]  # fmt: skip
    assert any("wang" in row for row in kept)
    assert not [row for row in kept for one in made if one["password"] in row]
