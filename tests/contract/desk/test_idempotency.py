"""A request whose answer was lost and that is made again is done once."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from desk import bodies, complaint_bodies
from models.agent import Role
from models.routing import Line
from models.tables import metadata
from tests.contract.desk.conftest import Desk, Visit
from tests.contract.desk.world import RULES_CONTENT, World

LINE = Line(domains=("物流",))
KEY = "0123456789abcdef"

ASKED: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "NewNote": ("/tickets/{ticket}/notes", {"text": "仓库说明天发"}, {"text": "后天"}),
    "OpenSubtask": (
        "/tickets/{ticket}/subtasks",
        {"title": "查仓库", "department": "物流部"},
        {"title": "查运单", "department": "物流部"},
    ),
    "NewImprovement": (
        "/tickets/{ticket}/complaint/improvements",
        {"text": "换承运商", "owner": "{me}", "due_at": 2e9},
        {"text": "换仓库", "owner": "{me}", "due_at": 2e9},
    ),
    "NewCanned": ("/canned", {"title": "多久到", "zh": "三天"}, {"title": "多久到", "zh": "两天"}),
    "NewRules": (
        "/rules",
        {"content": RULES_CONTENT, "why": "试一试"},
        {"content": RULES_CONTENT, "why": "再试"},
    ),
    "RollBackRules": (
        "/rules/rollback",
        {"why": "不好", "line": {"domains": ["物流"]}},
        {"why": "很不好", "line": {"domains": ["物流"]}},
    ),
    "NewText": (
        "/texts/progress.none/zh/versions",
        {"text": "没有查到。", "why": "短些"},
        {"text": "查不到。", "why": "短些"},
    ),
    "DraftText": ("/incidents/{incident}/texts", {"zh": "正在抢修"}, {"zh": "已经修好"}),
    "NewDrill": ("/incidents/drills", {"title": "停运"}, {"title": "停电"}),
    "NewWebhook": (
        "/webhooks",
        {"url": "https://crm.example/hook"},
        {"url": "https://crm.example/other"},
    ),
}
"""By the body's name: where it goes, what it says, and something else."""

COUNTED = (
    "note", "subtask", "improvement", "canned", "rules_version", "rules_publication", "wording",
    "incident", "incident_text", "incident_member", "webhook", "audit", "event", "timer",
)  # fmt: skip


def test_nothing_that_takes_a_key_is_missing_here() -> None:
    taking = {
        name
        for module in (bodies, complaint_bodies)
        for name, model in vars(module).items()
        if isinstance(model, type) and issubclass(model, bodies.Repeatable)
    }
    assert taking - {"Repeatable"} == set(ASKED)


async def _rows(house: World) -> dict[str, int]:
    async with house.store.db.read() as conn:
        return {
            name: (await conn.execute(select(func.count()).select_from(metadata.tables[name])))
            .scalar_one()
            for name in COUNTED
        }  # fmt: skip


@pytest.fixture
async def root(house: World, visit: Visit) -> Desk:
    await house.person("root", Role.ADMIN, name="管理员")
    return await visit("root")


async def _places(house: World) -> dict[str, str]:
    rules = house.store.rules
    await rules.first(RULES_CONTENT, "file")
    for _ in range(3):
        number = await rules.draft(RULES_CONTENT, None, "more")
        await rules.publish(number, LINE, None, "on")
    return {
        "ticket": await house.ticket(),
        "me": await _me(house),
        "incident": await house.store.incidents.drill(None, "演练", 3, ()),
    }


async def _me(house: World) -> str:
    found = await house.store.agents.by_login("root")
    assert found is not None
    return found[0].id


@pytest.mark.parametrize("name", sorted(ASKED))
async def test_it_is_done_once_and_answered_alike(
    house: World, visit: Visit, root: Desk, name: str
) -> None:
    places = await _places(house)
    path, *asked = ASKED[name]
    said, other = (
        {k: v.format(**places) if isinstance(v, str) else v for k, v in one.items()}
        for one in asked
    )
    path, key = path.format(**places), {"client_id": KEY}
    before = await _rows(house)
    first = await root.post(path, said | key)
    made = await _rows(house)
    assert first.status in (200, 201)
    assert made != before
    again = await root.post(path, said | key)
    assert (again.status, again.json) == (first.status, first.json)
    assert await _rows(house) == made
    conflict = await root.post(path, other | key)
    assert conflict.status == 409
    assert "client_id" in conflict.json["message"]["zh"]
    assert "client_id" in conflict.json["message"]["en"]
    assert await _rows(house) == made
    # Without a key each is another one, and so it is with a key of its own.
    assert (await root.post(path, other | {"client_id": "another-key"})).status == first.status


async def test_a_key_is_each_persons_own_and_each_places(
    house: World, visit: Visit, root: Desk
) -> None:
    await house.person("chen", Role.SUPERVISOR)
    one, other = await house.ticket("k1"), await house.ticket("k2")
    note = {"text": "请看", "client_id": KEY}
    await root.post(f"/tickets/{one}/notes", note)
    assert (await root.post(f"/tickets/{other}/notes", note)).status == 409
    by_another = await (await visit("chen")).post(f"/tickets/{one}/notes", note)
    assert len(by_another.json["notes"]) == 2


async def test_a_program_that_asks_again_with_another_token_is_known(
    house: World, visit: Visit, root: Desk
) -> None:
    """Keys are the person's, whatever they prove themselves with."""
    note = {"text": "系统已查到", "client_id": KEY}
    path = f"/tickets/{await house.ticket()}/notes"
    answers = []
    for name in ("旧令牌", "新令牌"):
        program = await visit()
        made = (await root.post("/tokens", {"name": name, "role": "admin"})).json
        program.headers = {"Authorization": f"Bearer {made['token']}"}
        answers.append(await program.post(path, note))
    first, again = answers
    assert (first.status, len(first.json["notes"])) == (201, 1)
    assert (again.status, again.json) == (first.status, first.json)


async def test_what_was_refused_leaves_its_key_free(house: World, root: Desk) -> None:
    path = f"/tickets/{await house.ticket()}"
    of_nobody = {"title": "查仓库", "client_id": KEY}
    assert (await root.post(f"{path}/subtasks", of_nobody)).status == 422
    note = {"text": "请看", "client_id": KEY}
    assert (await root.post(f"{path}/notes", note)).status == 201
