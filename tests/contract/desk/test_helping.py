"""Helpers, sub-tasks and notes at the desk's door: who may see and do what."""

from models.agent import Role
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World


async def test_a_helper_sees_writes_and_answers_but_does_not_own(
    house: World, visit: Visit
) -> None:
    me = await house.person("li")
    wang = await house.person("wang", name="王芳")
    ticket = await house.ticket()
    await house.give(ticket, me)
    li, helper = await visit("li"), await visit("wang")
    path = f"/tickets/{ticket}"
    assert (await helper.get(path)).status == 404
    opened = await li.post(f"{path}/subtasks", {"title": "查仓库", "agent": wang})
    (task,) = opened.json["tasks"]
    assert [one["agent"]["name"] for one in opened.json["helpers"]] == ["王芳"]
    shown = (await helper.get(path)).json
    assert shown["ticket"]["state"] == "helping"
    assert not {"reply", "resolve", "transfer", "take"} & set(shown["actions"])
    assert (await helper.post(f"{path}/resolve")).status == 409
    assert (await helper.post(f"{path}/subtasks", {"title": "x", "agent": me})).status == 409
    note = await helper.post(f"{path}/notes", {"text": "仓库说明天发"})
    assert [one["text"] for one in note.json["notes"]] == ["仓库说明天发"]
    done = await helper.post(f"{path}/subtasks/{task['id']}/done", {"result": "明天发货"})
    assert done.json["tasks"][0]["result"] == "明天发货"
    now = (await li.get(path)).json["ticket"]
    assert (now["state"], now["owner"]["id"]) == ("active", me)


async def test_somebody_of_the_department_takes_it(house: World, visit: Visit) -> None:
    me = await house.person("li")
    await house.person("wang", skills={"dept:物流部": 1})
    await house.person("zhao")
    ticket = await house.ticket()
    await house.give(ticket, me)
    li, wang, zhao = await visit("li"), await visit("wang"), await visit("zhao")
    path = f"/tickets/{ticket}/subtasks"
    assert (await li.post(path, {"title": "查"})).status == 422
    assert (await li.post(path, {"title": "查", "department": "没有部"})).status == 422
    (task,) = (await li.post(path, {"title": "查", "department": "物流部"})).json["tasks"]
    assert (await zhao.post(f"{path}/{task['id']}/take")).status == 404
    assert (await li.post(f"{path}/{task['id']}/take")).status == 403
    taken = await wang.post(f"{path}/{task['id']}/take")
    assert taken.json["tasks"][0]["assignee"]["name"] == "Wang"
    assert (await wang.post(f"{path}/{task['id']}/cancel", {"why": "不做"})).status == 409
    cancelled = await li.post(f"{path}/{task['id']}/cancel", {"why": "不用了"})
    assert cancelled.json["tasks"][0]["state"] == "cancelled"
    assert (await wang.get(f"/tickets/{ticket}/helping")).status == 200, "she helped"


async def test_a_task_of_another_ticket_is_not_found(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    one, other = await house.ticket("k1"), await house.ticket("k2")
    chen = await visit("chen")
    body = {"title": "查", "department": "物流部"}
    (task,) = (await chen.post(f"/tickets/{one}/subtasks", body)).json["tasks"]
    wrong = f"/tickets/{other}/subtasks/{task['id']}/done"
    assert (await chen.post(wrong, {"result": "x"})).status == 404


async def test_a_helper_leaves(house: World, visit: Visit) -> None:
    me, wang = await house.person("li"), await house.person("wang")
    ticket = await house.ticket()
    await house.give(ticket, me)
    li, helper = await visit("li"), await visit("wang")
    await li.post(f"/tickets/{ticket}/helpers", {"agent": wang})
    assert (await li.post(f"/tickets/{ticket}/helpers", {"agent": me})).status == 422
    left = await helper.call("DELETE", f"/tickets/{ticket}/helpers/{wang}")
    assert left.json["helpers"] == []
    assert (await li.call("DELETE", f"/tickets/{ticket}/helpers/{wang}")).status == 404
