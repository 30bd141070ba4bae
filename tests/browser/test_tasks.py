"""Incidents and follow-ups on the desk's page."""

from playwright.async_api import Page, expect

from models.agent import Role
from models.message import Sender
from models.similarity import Alarm, dump, feature, fingerprint
from models.store.complaints.calling_back import BEGIN, beginning, following_up
from models.store.complaints.incident_detection import StoredFingerprint, incident_follower
from models.store.complaints.incidents import TELL, tell
from models.ticket import TicketState
from tests.browser.kit import sign_in
from tests.contract.desk.world import LABELS, PLAN, World
from tests.contract.store import makers

FOLLOWERS = (
    incident_follower(Alarm(3, 1800.0, 0.3), ("type:投诉",), ("supervisor",)),
    following_up(PLAN),
)


async def clock_turns(house: World) -> None:
    await house.store.followers.catch_up(FOLLOWERS, await house.store.events.last())
    effects = {TELL: tell, BEGIN: beginning(PLAN)}
    assert await house.store.timers.fire_due(effects) == []


async def test_a_text_is_drafted_approved_and_reaches_the_members(
    house: World, page: Page, url: str
) -> None:
    await house.person("li", name="李雷")
    await house.person("chen", Role.SUPERVISOR, name="陈班长")
    features = dump(fingerprint({feature("三号线"): 1.0}))
    for n in range(12):
        text = f"三号线停在人民广场站{n + 20}分钟不动，没有人通知，上班迟到了！"
        await makers.waiting(
            house.store, f"k{n}", labels=LABELS, text=text,
            fingerprint=StoredFingerprint(features, True),
            sender=Sender(external_id=f"c{n}"),
        )  # fmt: skip
    (li,) = [a for a in await house.store.agents.all() if a.login == "li"]
    await sign_in(page, url, "chen")
    await clock_turns(house)
    await expect(page.get_by_text("许多客户在投诉同一件事").first).to_be_visible()
    (found,) = await house.store.incidents.page()
    zh = "三号线信号故障正在抢修，预计 10:30 恢复。给您添麻烦了，退票请到任一站。"
    await house.store.incidents.draft(found.id, li.id, zh, "Line 3 is being repaired.")
    await page.get_by_role("button", name="事件", exact=True).click()
    dialog = page.locator("dialog#incidents")
    await expect(dialog.get_by_text("成员 12 位，已告知 0 位").first).to_be_visible()
    await dialog.get_by_role("button", name="批准").click()
    await page.locator("dialog.ask").get_by_role("button", name="批准").click()
    await expect(dialog.get_by_text("李雷起草，陈班长批准")).to_be_visible()
    await clock_turns(house)
    await dialog.locator("button.card").first.click()
    await expect(dialog.get_by_text("成员 12 位，已告知 12 位").first).to_be_visible()


async def test_a_follow_up_is_taken_and_recorded(house: World, page: Page, url: str) -> None:
    li = await house.person("li", name="李雷")
    await house.person("han", name="韩梅梅")
    ticket_id = await house.ticket(mail=True, text="包裹没有收到")
    await house.give(ticket_id, li)
    await house.store.tickets.move(ticket_id, li, TicketState.RESOLVED)
    await clock_turns(house)
    await clock_turns(house)
    await sign_in(page, url, "han")
    await page.get_by_role("button", name="回访", exact=True).click()
    dialog = page.locator("dialog#followups")
    await dialog.get_by_role("button", name="未结").click()
    await expect(dialog.get_by_role("heading", name="包裹没有收到")).to_be_visible()
    await dialog.get_by_role("button", name="接手").click()
    await dialog.get_by_role("button", name="记录结果").click()
    form = page.locator("dialog.ask")
    await form.get_by_label("是否联系上").select_option("yes")
    await form.get_by_label("满意度").select_option("4")
    await form.get_by_label("内容").fill("客户说已经收到。")
    await form.get_by_role("button", name="记录结果").click()
    await expect(dialog.get_by_text("没有回访任务。")).to_be_visible()
    (done,) = await house.store.follow_ups.page()
    assert (done.state, done.score) == ("done", 4)
