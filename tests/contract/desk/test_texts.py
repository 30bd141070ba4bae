"""The texts that customers get by themselves, as the desk drafts and publishes them."""

from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from desk.texts import samples
from models.agent import Role
from models.texts import LANGUAGES, TEXTS
from tests.contract.desk.conftest import Visit
from tests.contract.desk.world import World
from workers.dialogue.wording import Wording

LATE = "/texts/progress.late/zh"


async def test_a_text_is_drafted_read_published_and_taken_back(house: World, visit: Visit) -> None:
    me = await house.person("admin", Role.ADMIN)
    desk = await visit("admin")
    (before,) = [
        t for t in (await desk.get("/texts")).json["texts"] if t["name"] == "progress.late"
    ]
    assert before["use"]["zh"] == "进度：已超时"
    assert before["placeholders"] == ["number"]
    shipped = before["languages"]["zh"]
    assert shipped == {
        "default": shipped["text"], "in_force": None, "text": shipped["text"], "versions": []
    }  # fmt: skip
    said = "很抱歉，工单 {number} 比约定晚了，正在加急。"
    read = await desk.post(f"{LATE}/preview", {"text": said})
    assert read.json == {"text": "很抱歉，工单 20260301000012 比约定晚了，正在加急。"}
    drafted = await desk.post(f"{LATE}/versions", {"text": said, "why": "更客气"})
    assert (drafted.status, drafted.json) == (201, {"number": 1})
    wording = Wording(house.services.texts)
    await wording.refresh(house.store)
    assert wording.say("progress.late", "zh", number="7").text == shipped["text"].format(number=7)
    published = (await desk.post(f"{LATE}/publish", {"number": 1})).json
    assert (published["in_force"], published["text"]) == (1, said)
    assert published["versions"][0]["published_by"]["id"] == me
    await wording.refresh(house.store)
    assert wording.say("progress.late", "zh", number="7").text.startswith("很抱歉，工单 7 比")
    second = {"text": "工单 {number} 已超时。", "why": "更短"}
    assert (await desk.post(f"{LATE}/versions", second)).json == {"number": 2}
    assert (await desk.post(f"{LATE}/publish", {"number": 2})).json["in_force"] == 2
    assert (await desk.post(f"{LATE}/publish", {"number": 1})).json["in_force"] == 1
    restored = (await desk.post(f"{LATE}/restore")).json
    assert (restored["in_force"], restored["text"]) == (None, shipped["text"])
    assert [version["number"] for version in restored["versions"]] == [2, 1]
    await wording.refresh(house.store)
    assert wording.say("progress.late", "zh", number="7").text == shipped["text"].format(number=7)
    audited = [line["action"] for line in await house.store.tickets.history("progress.late/zh")]
    assert Counter(audited) == {"text.draft": 2, "text.publish": 3, "text.restore": 1}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("工单 {numer}", "占位符只能是 {number}"),
        ("工单 {number", "花括号不成对"),
        ("工单 {number.__class__}", "占位符只能是"),
        ("工单 {number:>99999999}", "占位符里只写名称"),
        ("工单 {number!r}", "占位符里只写名称"),
        ("  ", "不能为空"),
    ],
)
async def test_an_unfit_text_is_refused_with_its_fault(
    house: World, visit: Visit, text: str, says: str
) -> None:
    await house.person("chen", Role.SUPERVISOR)
    desk = await visit("chen")
    for path, body in ((f"{LATE}/preview", {}), (f"{LATE}/versions", {"why": "试试"})):
        refused = await desk.post(path, {"text": text, **body})
        assert (refused.status, refused.json["field"]) == (422, "text")
        assert says in refused.json["message"]["zh"]


async def test_who_may_do_what(house: World, visit: Visit) -> None:
    for login, role in (("li", Role.AGENT), ("chen", Role.SUPERVISOR)):
        await house.person(login, role)
    agent, supervisor = await visit("li"), await visit("chen")
    assert (await agent.get("/texts")).status == 403
    assert (await agent.post(f"{LATE}/versions", {"text": "好", "why": "好"})).status == 403
    assert (await supervisor.get("/texts")).status == 200
    assert (await supervisor.post(f"{LATE}/publish", {"number": 1})).status == 403
    assert (await supervisor.post(f"{LATE}/restore")).status == 403
    await house.person("admin", Role.ADMIN)
    admin = await visit("admin")
    assert (await admin.post(f"{LATE}/publish", {"number": 1})).status == 404
    assert (await admin.post("/texts/progress.lost/zh/publish", {"number": 1})).status == 404
    assert (await admin.post("/texts/progress.late/fr/publish", {"number": 1})).status == 404


def test_every_placeholder_has_a_sample() -> None:
    used = {name for kind in TEXTS.values() for name in kind.names}
    assert all(samples(lang, ZoneInfo("UTC")).keys() == used for lang in LANGUAGES)


async def test_a_preview_names_the_zone_of_the_house(house: World, visit: Visit) -> None:
    await house.person("chen", Role.SUPERVISOR)
    desk = await visit("chen")
    for lang, said in (("zh", "今天 17:30（北京时间）"), ("en", "17:30 today (Beijing time)")):
        read = await desk.post(f"/texts/news.late/{lang}/preview", {"text": "{due} {number}"})
        assert read.json["text"] == f"{said} 20260301000012"
