"""Admins see, add and remove the trade's own words."""

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World


async def test_admins_add_and_remove_words(house: World, visit: Visit) -> None:
    await house.person("li")
    await house.person("root", Role.ADMIN)
    admin, agent = await visit("root"), await visit("li")
    added = await admin.post("/dictionary", {"words": ["权益包", "花呗分期", "权益包"]})
    assert (added.status, added.json["added"]) == (201, ["权益包", "花呗分期"])
    for words in (["abc"], ["单"], ["权益 包"], []):
        assert (await admin.post("/dictionary", {"words": words})).status == 422
    known = (await admin.get("/dictionary")).json
    assert {each["word"] for each in known["words"]} == {"权益包", "花呗分期"}
    assert all(each["added_by"] and each["added_at"] > 0 for each in known["words"])
    assert known["settings"] == []
    for answer in (
        await agent.get("/dictionary"),
        await agent.post("/dictionary", {"words": ["权益包"]}),
        await agent.call("DELETE", "/dictionary/权益包"),
    ):
        assert answer.status == 403
    assert (await admin.call("DELETE", "/dictionary/权益包")).status == 204
    assert (await admin.call("DELETE", "/dictionary/权益包")).status == 404
