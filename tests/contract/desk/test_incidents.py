"""Incidents at the desk's door: who may do what, and that a drill is one."""

from models.agent import Role
from models.message import Sender
from models.similarity import Alarm, dump, feature, fingerprint
from models.store.complaints.incident_detection import StoredFingerprint, incident_follower
from models.store.complaints.incidents import TELL, tell
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import LABELS, World
from tests.contract.store import makers

FOLLOWER = incident_follower(Alarm(3, 1800.0, 0.3), ("type:投诉",), ("supervisor",))


async def _incident(house: World) -> str:
    features = dump(fingerprint({feature("三号线"): 1.0}))
    for n in range(3):
        await makers.waiting(
            house.store,
            f"k{n}",
            labels=LABELS,
            fingerprint=StoredFingerprint(features, True),
            sender=Sender(external_id=f"c{n}"),
            text=f"三号线停运了{'，一个小时' * n}，回电13812345678",
        )
    await makers.follow(house.store, FOLLOWER)
    (found,) = await house.store.incidents.page()
    return found.id


async def test_an_agent_drafts_a_supervisor_approves_and_all_are_told(
    house: World, visit: Visit
) -> None:
    await house.person("li")
    await house.person("chen", Role.SUPERVISOR)
    li, chen = await visit("li"), await visit("chen")
    incident_id = await _incident(house)
    (found,) = (await li.get("/incidents?state=open")).json["incidents"]
    assert (found["id"], found["members"], found["drill"]) == (incident_id, 3, False)
    assert found["domain"] == {"zh": "物流", "en": "Delivery"}
    draft = await li.post(f"/incidents/{incident_id}/texts", {"zh": "正在抢修"})
    assert draft.status == 201
    approve = f"/incidents/{incident_id}/texts/{draft.json['id']}/approve"
    assert (await li.post(approve)).status == 403
    assert (await chen.post(approve)).status == 200
    assert await house.store.timers.fire_due({TELL: tell}) == []
    shown = (await li.get(f"/incidents/{incident_id}")).json
    assert shown["incident"]["told"] == 3
    assert "三号线" in shown["typical"]
    assert "13812345678" not in shown["typical"]
    assert [text["approved_by"] for text in shown["texts"]] == ["Chen"]
    assert all(member["number"] and member["told_at"] for member in shown["members"])
    assert (await li.post(f"/incidents/{incident_id}/close", {"summary": "x"})).status == 403
    closed = await chen.post(f"/incidents/{incident_id}/close", {"summary": "已恢复"})
    assert closed.json["incident"]["summary"] == "已恢复"
    again = await li.post(f"/incidents/{incident_id}/texts", {"zh": "又一条"})
    assert (again.status, again.json["code"]) == (409, "conflict")


async def test_the_author_does_not_approve_and_a_member_is_taken_out(
    house: World, visit: Visit
) -> None:
    await house.person("chen", Role.SUPERVISOR)
    chen, incident_id = await visit("chen"), await _incident(house)
    draft = await chen.post(f"/incidents/{incident_id}/texts", {"en": "Being repaired"})
    refused = await chen.post(f"/incidents/{incident_id}/texts/{draft.json['id']}/approve")
    assert (refused.status, refused.json["message"]["zh"]) == (409, "须由起草人以外的人批准。")
    assert (await chen.post(f"/incidents/{incident_id}/texts", {})).status == 422
    (member, *_) = (await chen.get(f"/incidents/{incident_id}")).json["members"]
    out = await chen.post(f"/incidents/{incident_id}/members/{member['id']}/remove")
    assert out.json["incident"]["members"] == 2
    assert (await chen.get("/incidents/none")).status == 404


async def test_a_drill_is_begun_by_a_supervisor(house: World, visit: Visit) -> None:
    await house.person("li")
    await house.person("chen", Role.SUPERVISOR)
    li, chen = await visit("li"), await visit("chen")
    wanted = {"title": "季度演练", "members": 12}
    assert (await li.post("/incidents/drills", wanted)).status == 403
    made = await chen.post("/incidents/drills", wanted)
    shown = (await li.get(f"/incidents/{made.json['id']}")).json
    assert (shown["incident"]["drill"], shown["incident"]["title"]) == (True, "季度演练")
    assert len(shown["members"]) == 12
    assert all(member["ticket_id"] is None for member in shown["members"])
