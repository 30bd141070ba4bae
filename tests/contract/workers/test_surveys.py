"""Customers are asked once, in waking hours; what they answer in their own way is kept."""

from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import select, update

from config.settings import load_taxonomy
from desk.rating import Links, RatingPage
from models.message import Lane
from models.satisfaction import Answer, Score
from models.store import Store
from models.store.dialogue.surveys import Survey
from models.tables import conversation, outbound, ticket
from models.ticket import Label, Labels, Reason, TicketState
from tests.contract.store.makers import agent, envelope
from tests.contract.workers.system import (
    MAIL,
    SAFETY,
    SETTINGS,
    SILENT,
    System,
    acknowledgement,
    says,
    wording,
)
from tests.fakes import FakeClock
from workers.dialogue.surveying import ASK, Surveying, When, scores
from workers.messages.deliver import Deliverer

HOUR = 3600.0


class Centre:
    """A system with the part of the clock that asks."""

    def __init__(self, store: Store, clock: FakeClock, **options: Any) -> None:
        self.store, self.clock = store, clock
        self.system = System(store, settings=acknowledgement(channels=SILENT))
        both = {"lanes": {"live": True, "mail": True}}
        settings = SETTINGS.satisfaction.model_copy(update=both | options)
        when = When("21:00-08:00", ZoneInfo("Asia/Shanghai"))
        links = Links(b"s" * 32, "https://chat.example.com")
        self.surveying = Surveying(settings, when, wording(), links.address, [SAFETY])
        self.links = links

    async def tick(self, seconds: float = 0.0) -> None:
        self.clock.pass_(seconds)
        last = await self.store.events.last()
        await self.store.followers.catch_up([self.surveying.follower], last)
        assert await self.store.timers.fire_due({ASK: self.surveying.ask}) == []

    async def resolved(self, talk: str = "t", **options: Any) -> Any:
        """A ticket from its customer's first word to its resolution by somebody."""
        lane = options.pop("envelope", {})
        await agent(self.store, f"a-{talk}")
        key = f"first-{talk}-{self.clock.now}"
        await self.system.bring(envelope(key, says("包裹没到", talk, **options), **lane))
        await self.system.dispatcher.run()
        found = (await self.store.tickets.page())[0]
        assert found.owner_id is not None
        await self.store.tickets.move(found.id, found.owner_id, TicketState.RESOLVED)
        return await self.store.tickets.get(found.id)

    async def asked(self, **options: Any) -> tuple[Any, Survey]:
        found = await self.resolved(**options)
        await self.tick(120 + HOUR)
        (survey,) = await self.store.surveys.of_ticket(found.id)
        return found, survey

    async def say(self, text: str, key: str, **options: Any) -> None:
        await self.system.bring(envelope(key, says(text, **options)))

    async def told(self) -> list[str]:
        o = outbound.c
        query = select(o.text).where(o.kind == "notice").order_by(o.conversation_id, o.seq)
        async with self.store.db.read() as conn:
            return list((await conn.execute(query)).scalars())

    async def events(self, kind: str) -> list[Any]:
        return [e for e in await self.store.events.after(0) if e.kind == kind]


@pytest.fixture
async def centre(store: Store, clock: FakeClock) -> Centre:
    return Centre(store, clock)


async def test_a_customer_is_asked_after_a_while_and_once(centre: Centre) -> None:
    found = await centre.resolved()
    await centre.tick()
    assert await centre.told() == []
    await centre.tick(121)
    (text,) = await centre.told()
    assert text.startswith(f"您的工单{found.number}已处理完毕，请问您对这次服务满意吗？")
    assert "https://chat.example.com/s/" in text
    await centre.tick(HOUR)
    assert len(await centre.told()) == 1


async def test_nobody_who_was_hurt_is_asked_how_satisfied_they_are(centre: Centre) -> None:
    assert SAFETY.danger
    for talk, floor in (("hurt", SAFETY), ("robbed", load_taxonomy(SETTINGS).floors["theft"])):
        centre.clock.pass_(1)
        found = await centre.resolved(talk=talk)
        reason = Reason(kind="floor", text=floor.says("…"), weight=1.0)
        label = Label(value="紧急", confidence=1, accepted=True, by="floor", reasons=(reason,))
        labels = Labels(facets={"urgency": label}, bundle="b").model_dump(mode="json")
        async with centre.store.db.write() as tx:
            here = ticket.c.id == found.id
            await tx.conn.execute(update(ticket).where(here).values(labels=labels))
    await centre.tick(121)
    (text,) = await centre.told()
    assert found.number in text


async def test_nobody_is_asked_at_night(centre: Centre, clock: FakeClock) -> None:
    clock.pass_(5 * HOUR + 60)  # 21:01
    await centre.resolved()
    await centre.tick(HOUR)
    assert await centre.told() == []
    await centre.tick(9 * HOUR + 3540)  # 08:00
    assert len(await centre.told()) == 1


async def test_a_clock_that_was_down_does_not_ask_at_night(
    centre: Centre, clock: FakeClock
) -> None:
    await centre.resolved()
    await centre.tick()
    await centre.tick(8 * HOUR)  # midnight
    assert await centre.told() == []
    await centre.tick(8 * HOUR)
    assert len(await centre.told()) == 1


async def test_one_customer_is_asked_once_a_week(centre: Centre) -> None:
    await centre.asked(talk="one")
    await centre.resolved(talk="two")
    await centre.tick(HOUR)
    assert len(await centre.told()) == 1
    await centre.tick(7 * 86_400)
    await centre.resolved(talk="three")
    await centre.tick(HOUR)
    assert len(await centre.told()) == 2


async def test_what_was_resolved_long_ago_is_not_asked_about(centre: Centre) -> None:
    await centre.resolved()
    await centre.tick(86_401)
    await centre.tick(121)
    assert await centre.told() == []


async def test_who_wrote_again_is_not_asked(centre: Centre) -> None:
    await centre.resolved()
    await centre.tick()
    await centre.say("还是没到", "again")
    await centre.tick(HOUR)
    assert await centre.told() == []


@pytest.mark.parametrize(("level", "asked"), [("verified", 1), ("claimed", 0), ("unknown", 0)])
async def test_by_mail_only_proven_people_are_asked(
    centre: Centre, level: str, asked: int
) -> None:
    await centre.resolved(trust=level, envelope=MAIL)
    await centre.tick(2 * HOUR)
    assert len(await centre.told()) == asked


async def test_words_are_an_answer_and_reopen_nothing(centre: Centre) -> None:
    found, survey = await centre.asked()
    await centre.say("满意", "b")
    await centre.say("已解决", "c")
    kept = await centre.store.surveys.get(survey.id)
    assert (kept.score, kept.solved, kept.via, kept.changes) == (4, True, "words", 1)
    assert (await centre.told())[1:] == ["谢谢您的评价。请问问题是否已经解决？", "感谢您的评价！"]
    now = await centre.store.tickets.get(found.id)
    assert (now.state, now.epoch) == (TicketState.RESOLVED, found.epoch)
    assert len(await centre.store.tickets.page()) == 1
    assert len(await centre.events("satisfaction.answered")) == 2
    assert await centre.events("satisfaction.low") == []


async def test_a_button_is_an_answer(centre: Centre) -> None:
    _, survey = await centre.asked()
    best = scores(survey)[0]
    await centre.say(best.label, "b", meta={"choice": best.value})
    await centre.say("已解决", "c", meta={"choice": f"rate:{survey.id}:yes"})
    kept = await centre.store.surveys.get(survey.id)
    assert (kept.score, kept.solved, kept.via) == (5, True, "choice")


async def test_a_low_one_is_told_once_and_keeps_its_words(centre: Centre) -> None:
    found, survey = await centre.asked()
    await centre.say("不满意，等了太久", "b")
    await centre.say("非常不满意", "c")
    await centre.say("满意", "d")
    (low,) = await centre.events("satisfaction.low")
    assert (low.ticket_id, low.agent_id) == (found.id, found.owner_id)
    assert low.data["score"] == 2
    kept = await centre.store.surveys.get(survey.id)
    assert (kept.score, kept.words, kept.changes) == (4, "等了太久", 2)
    assert "非常抱歉" in (await centre.told())[1]


async def test_an_answer_can_be_changed_for_a_day(centre: Centre) -> None:
    _, survey = await centre.asked()
    await centre.say("一般", "b")
    await centre.tick(86_400 + 1)
    await centre.say("不满意", "c", meta={"choice": f"rate:{survey.id}:2"})
    assert (await centre.store.surveys.get(survey.id)).score == 3
    assert (await centre.told())[-1] == "本次评价已截止，感谢您的关注。"


async def test_after_a_week_it_is_too_late(centre: Centre) -> None:
    _, survey = await centre.asked()
    await centre.tick(7 * 86_400)
    await centre.say("满意", "b", meta={"choice": f"rate:{survey.id}:4"})
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_a_digit_says_nothing_unless_the_question_named_it(centre: Centre) -> None:
    _, survey = await centre.asked()
    await centre.say("1", "b")
    assert (await centre.store.surveys.get(survey.id)).score is None
    assert (await centre.told())[-1].startswith("请用文字回复您的评价")
    await centre.say("1", "c")  # asked for once: now it is for a person
    (found,) = await centre.store.tickets.page()
    assert found.state != TicketState.RESOLVED


async def test_a_digit_that_the_question_named_means_what_it_said(
    store: Store, clock: FakeClock
) -> None:
    centre = Centre(store, clock, keys={"1": "非常满意", "2": "不满意"})
    _, survey = await centre.asked()
    assert (await centre.told())[0].endswith("\n1 非常满意\n2 不满意")
    await centre.say("1", "b")
    assert (await store.surveys.get(survey.id)).score == 5


async def test_a_stranger_rates_nothing(centre: Centre) -> None:
    _, survey = await centre.asked()
    await centre.say("非常不满意", "b", sender="zhang")
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_another_conversation_cannot_press_this_button(centre: Centre) -> None:
    _, survey = await centre.asked()
    press = {"choice": f"rate:{survey.id}:1"}
    await centre.say("非常不满意", "b", talk="other", sender="zhang", meta=press)
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_the_button_of_an_earlier_question_does_not_answer_the_next(centre: Centre) -> None:
    _, earlier = await centre.asked()
    await centre.tick(8 * 86_400)
    await centre.say("又丢了一个包裹", "again")
    await centre.system.dispatcher.run()
    found = (await centre.store.tickets.page())[0]
    assert found.owner_id is not None
    await centre.store.tickets.move(found.id, found.owner_id, TicketState.RESOLVED)
    await centre.tick(121)
    (later,) = await centre.store.surveys.of_ticket(found.id)
    assert later.id != earlier.id
    await centre.say("非常不满意", "b", meta={"choice": f"rate:{earlier.id}:1"})
    assert (await centre.store.surveys.get(later.id)).score is None


async def test_what_comes_with_a_file_is_for_the_agent(centre: Centre) -> None:
    found, survey = await centre.asked()
    file = {"id": "1", "name": "a.png", "mime": "image/png", "size": 1, "sha256": "a" * 64}
    await centre.say("不满意", "b", attachments=[file])
    assert (await centre.store.surveys.get(survey.id)).score is None
    assert (await centre.store.tickets.get(found.id)).state != TicketState.RESOLVED


async def test_free_words_while_it_is_open_again_are_for_the_agent(centre: Centre) -> None:
    found, survey = await centre.asked()
    await centre.say("包裹还是没到", "b")
    await centre.say("不满意，马上给我退款", "c")
    assert (await centre.store.surveys.get(survey.id)).score is None
    assert (await centre.store.tickets.get(found.id)).state in {
        TicketState.WAITING,
        TicketState.ACTIVE,
    }


async def test_a_caller_enters_what_they_heard(centre: Centre) -> None:
    found = await centre.resolved()
    enter = centre.store.surveys.enter
    heard = Answer(Score.NEUTRAL, True, "电话里说的")
    kept = await enter(found.id, heard, found.owner_id, 86_400, 86_400)
    assert (kept.score, kept.via, kept.entered_by) == (3, "caller", found.owner_id)
    assert kept.asked_at is None
    await centre.tick(HOUR)
    assert await centre.told() == []  # who has told us is not asked


async def test_a_caller_enters_what_they_heard_of_who_never_answered(centre: Centre) -> None:
    found, survey = await centre.asked()
    await centre.tick(8 * 86_400)
    heard = Answer(Score.NEUTRAL)
    kept = await centre.store.surveys.enter(found.id, heard, found.owner_id, 86_400, 86_400)
    assert (kept.id, kept.score, kept.via) == (survey.id, 3, "caller")


async def test_choices_are_spelled_out_where_there_are_no_buttons(centre: Centre) -> None:
    await centre.asked()
    deliverer = Deliverer(centre.store, {"webchat": centre.system.channel})
    await deliverer.run()
    text = centre.system.channel.sent[-1].text
    assert text.endswith("\n非常满意 / 满意 / 一般 / 不满意 / 非常不满意")


# -- the page --------------------------------------------------------------------------


@pytest.fixture
async def page(centre: Centre) -> AsyncIterator[tuple[Survey, str, ClientSession]]:
    _, survey = await centre.asked()
    app = web.Application()
    app.add_routes(RatingPage(centre.store, centre.links, centre.clock, 86_400).routes())
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/s/"
    async with ClientSession() as http:
        yield survey, base, http
    await runner.cleanup()


async def test_the_link_shows_a_form_and_keeps_what_is_submitted(
    centre: Centre, page: tuple[Survey, str, ClientSession]
) -> None:
    survey, base, http = page
    (said,) = await centre.told()
    token = said.rpartition("/s/")[2]
    shown = await http.get(base + token)
    assert shown.status == 200
    assert "您对这次服务满意吗" in await shown.text()
    assert (await centre.store.surveys.get(survey.id)).score is None  # looking is no answer
    form = {"score": "2", "solved": "no", "words": "<b>等太久</b>"}
    done = await http.post(base + token, data=form)
    assert "感谢您的评价" in await done.text()
    kept = await centre.store.surveys.get(survey.id)
    assert (kept.score, kept.solved, kept.words, kept.via) == (2, False, "<b>等太久</b>", "link")
    again = await (await http.get(base + token, params={"lang": "en"})).text()
    assert "&lt;b&gt;等太久&lt;/b&gt;" in again
    assert "You have rated us already" in again
    await http.post(base + token, data={"score": "4"})
    assert (await centre.store.surveys.get(survey.id)).score == 4
    assert len(await centre.events("satisfaction.low")) == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"score=%ff", {"Content-Type": "application/x-www-form-urlencoded; charset=none"}),
        (b"score=\xff\xfe", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"score=4", {"Content-Type": "multipart/form-data"}),
        (b"--x\r\nscore", {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"score=4", {"Content-Encoding": "gzip"}),
        (b"score=4&words=" + b"x" * 20_000, {}),
    ],
)
async def test_what_is_no_form_is_asked_for_again(
    centre: Centre, page: tuple[Survey, str, ClientSession], body: bytes, headers: dict[str, str]
) -> None:
    survey, base, http = page
    (said,) = await centre.told()
    kind = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    answer = await http.post(base + said.rpartition("/s/")[2], data=body, headers=kind)
    assert answer.status == 422
    assert "请选择满意程度" in await answer.text()
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_a_link_ends(
    centre: Centre, clock: FakeClock, page: tuple[Survey, str, ClientSession]
) -> None:
    survey, base, http = page
    address = base + centre.links.token(survey.id)
    clock.pass_(7 * 86_400)
    assert (await http.get(address)).status == 410
    assert (await http.post(address, data={"score": "5"})).status == 410
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_no_link_can_be_forged(
    centre: Centre, page: tuple[Survey, str, ClientSession]
) -> None:
    survey, base, http = page
    good = centre.links.token(survey.id)
    other = Links(b"x" * 32, "").token(survey.id)
    for bad in (other, good[:-1], good[:-1] + ("B" if good[-1] != "B" else "C"), "A" * 43):
        assert (await http.post(base + bad, data={"score": "1"})).status == 404, bad
    assert (await http.post(base + good, data={"score": "6"})).status == 422
    assert (await http.post(base + good, data={})).status == 422
    assert (await centre.store.surveys.get(survey.id)).score is None


async def test_a_conversation_without_a_way_back_is_not_asked(centre: Centre) -> None:
    await centre.resolved()
    async with centre.store.db.write() as tx:
        await tx.conn.execute(update(conversation).values(route=None))
    await centre.tick(HOUR)
    assert await centre.told() == []


def test_the_lanes_are_what_the_settings_say() -> None:
    wanted = SETTINGS.satisfaction.wanted
    assert wanted(Lane.LIVE, "webchat")
    assert not wanted(Lane.MAIL, "email")
