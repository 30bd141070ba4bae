"""Many people at once: all that a list says, or nothing of it."""

from typing import Any

import pytest

from models.agent import Role
from models.errors import Conflict
from models.store import Store
from models.store.figures.audits import Asked
from models.store.routing.staffing import Changed, Newcomer


async def _deeds(store: Store) -> list[tuple[str | None, str]]:
    found = await store.audits.page(Asked(action="agent"), limit=50)
    return [(deed.agent_id, deed.action) for deed in found]


async def test_a_list_adds_and_changes(store: Store) -> None:
    root = await store.agents.add("root", "管理员", Role.ADMIN, "h", {})
    li = await store.agents.add("li", "李雷", Role.AGENT, "h", {"domain:物流": 3})
    values: dict[str, Any] = {"skills": {"lang:en": 2}, "team": "夜班", "role": "supervisor"}
    await store.staffing.apply(
        [Newcomer(f"n{n}", "新人", "h", skills={"lang:ja": 1}, alias="小新") for n in range(3)],
        [Changed(li, {"skills": {"domain:物流": 3}, "team": "", "role": "agent"}, values)],
        root,
    )
    people = {one.login: one for one in await store.agents.all()}
    assert people.keys() == {"li", "n0", "n1", "n2", "root"}
    changed, added = people["li"], people["n1"]
    assert (changed.skills, changed.team, changed.role) == ({"lang:en": 2}, "夜班", "supervisor")
    assert (added.skills, added.alias, added.capacity) == ({"lang:ja": 1}, "小新", 6)
    assert [who for who, action in await _deeds(store) if action == "agent.import"] == [root]
    assert (root, "agent.change") in await _deeds(store)


async def test_a_login_that_was_taken_meanwhile_leaves_everything_as_it_was(store: Store) -> None:
    li = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    before = await store.agents.all()
    with pytest.raises(Conflict, match="taken"):
        await store.staffing.apply(
            [Newcomer("wang", "王芳", "h"), Newcomer("li", "别人", "h")],
            [Changed(li, {"team": ""}, {"team": "夜班"})],
            None,
        )
    assert await store.agents.all() == before
    assert "agent.import" not in {action for _, action in await _deeds(store)}


@pytest.mark.parametrize("how", ["changed", "left"])
async def test_who_is_not_as_they_were_seen_is_left_alone(store: Store, how: str) -> None:
    li = await store.agents.add("li", "李雷", Role.AGENT, "h", {})
    await store.agents.change(
        li, None, **({"team": "早班"} if how == "changed" else {"disabled_at": 1.0})
    )
    with pytest.raises(Conflict, match="meanwhile"):
        await store.staffing.apply(
            [Newcomer("wang", "王芳", "h")], [Changed(li, {"team": ""}, {"team": "夜班"})], None
        )
    assert "wang" not in {one.login for one in await store.agents.all()}
