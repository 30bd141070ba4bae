"""The desk's page in a real browser, against the real API and store."""

import hashlib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from desk.push import HUB
from models.agent import Presence, Role
from models.message import Attachment, Sender
from models.routing import Line
from models.store.learning.shadows import Verdict
from models.store.learning.watching import Cell, day_of
from models.ticket import Label, Labels, Reason
from tests.browser.kit import EVIL, customer_says, sign_in
from tests.contract.desk.makers import picture, ticks
from tests.contract.desk.world import RULES, World, mail_with_file
from tests.contract.workers.watching import champion, stored


async def test_a_wrong_password_says_so(page: Page, url: str, house: World) -> None:
    await house.person("li")
    await page.goto(url)
    await page.get_by_label("账号").fill("li")
    await page.get_by_label("密码").fill("wrong")
    await page.get_by_role("button", name="登录").click()
    await expect(page.get_by_role("alert")).to_have_text("账号或密码不正确。")


async def test_one_says_until_when_they_are_there(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await sign_in(page, url)
    await page.get_by_role("button", name="下班时间").click()
    await page.get_by_label("下班时间").fill("23:59")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("button", name="今天到")).to_contain_text("23:59")
    assert (await house.store.agents.get(me)).shift_ends_at is not None
    await page.get_by_role("button", name="今天到").click()
    await page.get_by_label("下班时间").fill("")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("button", name="下班时间")).to_be_visible()
    assert (await house.store.agents.get(me)).shift_ends_at is None


async def test_a_day_at_the_desk(page: Page, url: str, house: World) -> None:
    me = await house.person("li", name="小李", presence=Presence.OFFLINE)
    await sign_in(page, url)
    await page.get_by_label("我的状态").select_option("ready")
    await expect(page.get_by_text("就绪中，新工单会自动出现在这里。")).to_be_visible()
    ticket = await house.ticket()
    await house.give(ticket, me, offer=600)
    card = page.locator(".card")
    await expect(card).to_contain_text("包裹三天没动")
    await expect(card).to_contain_text("待接单")
    await expect(card.locator(".due")).to_contain_text("内接单")
    await card.click()
    await page.get_by_role("button", name="接单", exact=True).click()
    await expect(card).to_contain_text("处理中")
    await expect(page.locator(".decisions")).to_contain_text("小李技能等级最高")
    await expect(page.locator(".facts")).to_contain_text("w***@example.com")
    await expect(page.locator(".reason.plus").first).to_contain_text("投诉")
    await expect(page.locator(".reason.minus")).to_contain_text("请问")
    await page.get_by_label("更正领域").select_option("发票")
    await expect(page.locator(".label").nth(1)).to_contain_text("小李更正")
    await page.get_by_role("button", name="显示完整信息").click()
    await expect(page.locator(".facts")).to_contain_text("wang@example.com")
    await page.get_by_label("答复客户").fill("您好，已为您查询。")
    await page.get_by_label("发送后").select_option("pending")
    await page.keyboard.press("Control+Enter")
    await page.get_by_label("答复客户").press("Control+Enter")
    ours = page.locator(".message.ours")
    await expect(ours).to_have_count(1)
    await expect(ours).to_contain_text("待发送")
    await expect(card).to_contain_text("待客户回复")
    found = await house.store.tickets.get(ticket)
    await house.store.conversations.delivered(found.conversation_id, 2)
    await expect(ours).to_contain_text("已送达")
    await page.get_by_role("button", name="解决", exact=True).click()
    await expect(page.locator(".bar")).to_contain_text("这张工单已解决")
    await expect(page.get_by_text("手上没有工单。")).to_be_visible()


async def test_hostile_text_stays_text(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    evil = Label(
        value=EVIL,
        confidence=0.4,
        accepted=False,
        reasons=(Reason(kind="w", text=EVIL, weight=1),),
    )
    file = mail_with_file(b"x")
    file["attachments"] = (file["attachments"][0].model_copy(update={"name": EVIL}),)
    ticket = await house.ticket(
        mail=True,
        subject=EVIL,
        text=EVIL,
        text_full=EVIL + EVIL,
        html=f"{EVIL}<p>formatted</p><script>parent.hacked=1</script>",
        labels=Labels(facets={"type": evil}, bundle="b1"),
        sender=Sender(external_id="x", name=EVIL, email="a@b.example"),
        **file,
    )
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".bubble")).to_have_text(EVIL)
    await page.get_by_role("button", name="显示引用的全文").click()
    await page.get_by_role("button", name="显示完整信息").click()
    assert await page.evaluate("window.hacked") is None
    assert await page.locator("#app img").count() == 1


@pytest.mark.parametrize("mail", [True, False])
async def test_an_original_that_a_program_opens_is_one_click_away(
    page: Page, url: str, house: World, mail: bool
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(mail=mail)
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".bubble")).to_have_count(1)
    link = page.get_by_role("link", name="下载原文")
    await expect(link).to_have_count(1 if mail else 0)
    if mail:
        async with page.expect_download() as taken:
            await link.click()
        assert (await taken.value).suggested_filename.endswith(".eml")


async def test_formatted_mail_runs_and_loads_nothing(
    browser: Browser, url: str, house: World
) -> None:
    me = await house.person("li")
    html = f'{EVIL}<p>formatted</p><img src="http://127.0.0.1:9/spy.gif">'
    await house.give(await house.ticket(mail=True, html=html), me)
    context = await browser.new_context()
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url))
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.get_by_role("button", name="显示原格式").click()
    await expect(page.frame_locator("iframe").locator("p")).to_have_text("formatted")
    assert await page.evaluate("window.hacked") is None
    assert all(address.startswith((url, "data:")) for address in answered)
    await context.close()


async def test_a_lost_line_resumes_and_shows_nothing_twice(
    page: Page, url: str, house: World, app: web.Application
) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".bubble")).to_have_count(1)
    for number in range(3):
        for line in app[HUB]._lines:
            line.overrun = True
            line.tell_waiting({"total": 0, "oldest": None})
        await expect(page.locator(".lamp")).to_have_text("重新连接中…")
        await customer_says(house, f"m{number}", f"第 {number} 条")
        await expect(page.locator(".lamp")).to_have_text("已连接")
        await expect(page.locator(".bubble")).to_have_count(number + 2)
    texts = await page.locator(".bubble").all_text_contents()
    assert texts == ["包裹三天没动", "第 0 条", "第 1 条", "第 2 条"]


async def test_a_draft_survives_what_happens_meanwhile(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(), me)
    other = await house.ticket("k2")
    await sign_in(page, url)
    await page.locator(".card").click()
    await page.get_by_label("答复客户").fill("正在写")
    await customer_says(house, "m1", "还在吗")
    await expect(page.locator(".bubble")).to_have_count(2)
    await expect(page.get_by_label("答复客户")).to_have_value("正在写")
    await page.get_by_role("button", name="等待中").click()
    await page.locator(f'[data-ticket="{other}"]').click()
    await expect(page.get_by_text("这张工单在等待，可以接手。")).to_be_visible()
    await page.get_by_role("button", name="我的").click()
    await page.locator(".card").click()
    await expect(page.get_by_label("答复客户")).to_have_value("正在写")


async def test_waiting_tickets_are_counted_live_and_taken(
    page: Page, url: str, house: World
) -> None:
    await house.person("li")
    await sign_in(page, url)
    waiting = page.get_by_role("button", name="等待中")
    await expect(waiting).to_contain_text("0")
    await house.ticket()
    await expect(waiting).to_contain_text("1")
    await waiting.click()
    await page.locator(".card").click()
    await page.get_by_role("button", name="接手").click()
    await expect(page.get_by_label("答复客户")).to_be_visible()
    await expect(page.locator(".decisions")).to_contain_text("自己接手")


async def test_why_an_answer_waits_is_said_in_the_readers_language(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    house.problems["email"] = "未配置发信服务器 / No mail relay is configured"
    ticket = await house.ticket(mail=True)
    await house.give(ticket, me)
    await house.store.tickets.reply(ticket, me, "您好", "client-1", "active")
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".why-waits")).to_contain_text("请告诉管理员")
    await page.get_by_label("答复客户").fill("还在查")
    await page.get_by_role("button", name="发送", exact=True).click()
    await expect(page.locator(".notice")).to_contain_text("还不能发出")
    await page.get_by_role("button", name="English").click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator(".why-waits").first).to_contain_text("Please tell an admin")
    await page.reload()
    await expect(page.locator(".lamp")).to_have_text("Live")


async def test_a_stranger_in_the_talk_is_flagged(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(), me)
    await customer_says(house, "m1", "请改账号", sender=Sender(external_id="other", name="陌生人"))
    await sign_in(page, url)
    await page.locator(".card").click()
    await expect(page.locator(".quarantined .flag")).to_contain_text("请核实身份")


async def test_transfer_decline_and_junk(page: Page, url: str, house: World) -> None:
    me, other = await house.person("li"), await house.person("wang", name="小王")
    tickets = [await house.ticket(f"k{n}") for n in range(3)]
    await house.give(tickets[0], me)
    await house.give(tickets[1], me, offer=600)
    await house.give(tickets[2], me)
    await sign_in(page, url)
    await page.locator(f'[data-ticket="{tickets[0]}"]').click()
    await page.get_by_role("button", name="转派").click()
    await page.get_by_role("dialog").get_by_role("button", name="转派").click()
    await expect(page.get_by_label("转给")).to_be_focused()  # nothing is chosen for them
    await page.get_by_label("转给").select_option(f"agent/{other}")
    await page.get_by_role("dialog").get_by_role("button", name="转派").click()
    await expect(page.locator(".bar")).to_contain_text("已转给小王")
    await page.locator(f'[data-ticket="{tickets[1]}"]').click()
    await page.get_by_role("button", name="拒接").click()
    await page.get_by_label("原因").fill("不熟悉")
    await page.get_by_role("dialog").get_by_role("button", name="拒接").click()
    await expect(page.locator(".card")).to_have_count(2)
    await page.locator(f'[data-ticket="{tickets[2]}"]').click()
    await page.get_by_text("更多", exact=True).click()
    await page.get_by_role("button", name="标为无效").click()
    await page.get_by_label("同时屏蔽此人").check()
    await page.get_by_role("dialog").get_by_role("button", name="标为无效").click()
    await expect(page.get_by_text("已屏蔽：新来信直接归为无效")).to_be_visible()
    states = [(await house.store.tickets.get(t)).state for t in tickets]
    assert states == ["active", "waiting", "invalid"]


async def test_a_supervisor_sees_all_and_finds_by_number(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    await house.person("boss", Role.SUPERVISOR)
    ticket = await house.ticket()
    await house.give(ticket, me)
    await house.ticket("k2")
    await sign_in(page, url, "boss")
    await page.get_by_role("button", name="全部").click()
    await expect(page.locator(".card")).to_have_count(2)
    number = (await house.store.tickets.get(ticket)).number
    await page.get_by_label("查找工单").fill(number)
    await page.keyboard.press("Enter")
    await expect(page.locator(".card")).to_have_count(1)


async def test_the_keyboard_is_enough(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await page.locator(".card").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_be_focused()
    await page.get_by_role("button", name="转派").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    for control in await page.locator("button:visible, select:visible, textarea:visible").all():
        name = await control.evaluate(
            "e => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent"
        )
        assert name


@pytest.mark.parametrize("width", [390, 768, 1024])
async def test_a_small_screen_shows_one_room_at_a_time(
    page: Page, url: str, house: World, width: int
) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(text="长" * 500, mail=True), me)
    await page.set_viewport_size({"width": width, "height": 844})
    await sign_in(page, url)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) == 0
    await page.locator(".card").click()
    await expect(page.get_by_label("答复客户")).to_be_visible()
    assert await page.evaluate(overflow) == 0
    if width < 960:
        await expect(page.locator(".queue")).to_be_hidden()
        await page.get_by_role("button", name="信息").click()
        await expect(page.locator(".facts")).to_be_visible()
        assert await page.evaluate(overflow) == 0
        await page.get_by_role("button", name="‹ 对话").click()
        await page.get_by_role("button", name="返回列表").click()
        await expect(page.locator(".card")).to_be_visible()


async def test_a_session_that_ended_asks_to_sign_in(page: Page, url: str, house: World) -> None:
    me = await house.person("li")
    await house.give(await house.ticket(), me)
    await sign_in(page, url)
    await house.store.agents.change(me, None, password="another")
    # Whichever comes first: the live line is closed, or a request is refused.
    await page.evaluate("document.querySelector('.card')?.click()")
    await expect(page.get_by_role("heading", name="登录坐席台")).to_be_visible()


async def test_rules_are_drafted_compared_published_and_taken_back(
    page: Page, url: str, house: World
) -> None:
    everything = {"triage": 3, "domain:物流": 3, "domain:发票": 3, "domain:支付": 3}
    await house.person("root", Role.ADMIN, name="周管理", skills=everything)
    await house.store.rules.first(RULES.model_dump(mode="json"), "routing.toml")
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="分单规则").click()
    view = page.get_by_role("dialog", name="分单规则")
    await expect(view.locator("[data-version='1']")).to_contain_text("生效中")

    await view.get_by_role("button", name="起草").click()
    editor = page.locator("dialog.drafting")
    await editor.get_by_label("紧急", exact=True).first.fill("45")
    await editor.get_by_label("紧急，单位").first.select_option("秒")
    await editor.get_by_role("button", name="存为草案").click()
    form = page.locator("dialog.ask")
    await expect(form).to_contain_text("1 分钟 → 45 秒")
    await form.get_by_label("为什么").fill("紧急的再快些")
    await form.get_by_role("button", name="存为草案").click()
    await expect(editor).to_have_count(0)
    await expect(view.locator("[data-version='2']")).to_contain_text("草案")
    await expect(view.locator(".rules-detail")).to_contain_text("1 分钟 → 45 秒")
    await expect(view.locator(".rules-detail")).to_contain_text("没有问题")

    await view.get_by_role("button", name="发布", exact=True).click()
    await form.get_by_label("为什么").fill("物流先行")
    await form.get_by_label("物流").check()
    await form.get_by_label("网页聊天").check()
    await form.get_by_label("账号").fill("site，shop")
    await form.get_by_role("button", name="发布").click()
    await expect(view.locator("[data-version='2']")).to_contain_text(
        "网页聊天 + site + shop + 物流"
    )
    await expect(view.locator(".rules-detail")).to_contain_text("周管理 · 物流先行")
    published = await house.store.rules.published()
    assert [p.number for p in published] == [2, 1]
    assert published[0].line == Line(
        channels=("webchat",), accounts=("site", "shop"), domains=("物流",)
    )

    await view.get_by_role("button", name="退回").click()
    await form.get_by_label("为什么").fill("不合适")
    await form.get_by_label("退回给谁的规则").select_option("网页聊天 + site + shop + 物流")
    await form.get_by_role("button", name="退回").click()
    await expect(page.locator(".notice").last).to_contain_text("物流改按第 1 版")
    await expect(view.locator("[data-version='2']")).to_contain_text("已停用")
    await expect(view.locator(".rules-detail h3")).to_have_text("第 1 版")
    assert [p.number for p in await house.store.rules.published()] == [1]


async def test_files_both_ways(page: Page, url: str, house: World) -> None:
    """A customer's picture is shown small; ours is put on the server and goes with the answer."""
    me = await house.person("li")
    sent = picture("PNG", (1200, 800))
    voice = b"OggS" + bytes(60)
    digests = [hashlib.sha256(content).hexdigest() for content in (sent, voice)]
    await house.store.blobs.put(dict(zip(digests, (sent, voice), strict=True)))
    files = (
        Attachment(id="p1", name="破损.png", mime="image/png", size=len(sent), sha256=digests[0]),
        Attachment(id="v1", name="语音.ogg", mime="audio/ogg", size=64, sha256=digests[1]),
    )
    ticket = await house.ticket(text="", attachments=files)
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    shown = page.locator("img.preview")
    await expect(shown).to_have_js_property("naturalWidth", 640)
    await expect(page.locator("audio")).to_have_count(1)
    await expect(page.locator(".bubble")).to_have_count(0)
    await page.locator("input[type=file]").set_input_files(
        [
            {"name": "退货单.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"},
            {"name": "多余.txt", "mimeType": "text/plain", "buffer": b"x"},
            {"name": "空.txt", "mimeType": "text/plain", "buffer": b""},
        ]
    )
    await expect(page.get_by_role("alert")).to_contain_text("空.txt: 文件是空的。")
    chips = page.locator(".reply .chips .file")
    await expect(chips).to_have_count(2)
    await page.get_by_role("button", name="去掉 多余.txt").click()
    await page.get_by_label("答复客户").fill("退货单请见附件。")
    await page.keyboard.press("Control+Enter")
    ours = page.locator(".message.ours")
    await expect(ours.locator(".file-name")).to_have_text("退货单.pdf")
    await expect(chips).to_have_count(0)
    conversation_id = (await house.store.tickets.get(ticket)).conversation_id
    entry = (await house.store.conversations.log(conversation_id, 0))[-1]
    assert [file["name"] for file in entry.attachments] == ["退货单.pdf"]

    alone = {"name": "回单.png", "mimeType": "image/png", "buffer": sent}
    await page.locator("input[type=file]").set_input_files(alone)
    await expect(page.get_by_role("button", name="去掉 回单.png")).to_be_visible()
    await page.get_by_label("答复客户").press("Control+Enter")
    await expect(ours).to_have_count(2)
    await expect(ours.last.locator("img.preview")).to_be_visible()
    await expect(ours.last.locator(".bubble")).to_have_count(0)


async def test_an_admin_sees_the_shadow_and_the_drift_by_day(
    house: World, page: Page, url: str
) -> None:
    await house.person("root", Role.ADMIN, name="管理员")
    for name in ("b1", "b2"):
        await house.store.bundles.add(name, {"id": name}, b"x")
    await house.store.bundles.promote("b1", None)
    await house.store.shadows.begin("b2", None)
    ticket_id = await house.ticket()
    said = Verdict("b2", ticket_id, "type", "b1", "投诉", "咨询", 0.9, 0.6)
    await house.store.shadows.add([said])
    today = day_of(await house.store.db.now(), ZoneInfo("Asia/Shanghai"))
    await house.store.watching.add({Cell("b1", today, "email", "type", "label", "投诉"): 80})
    await sign_in(page, url, "root")
    await page.get_by_role("button", name="模型").click()
    await expect(page.locator(".shadow .figure")).to_contain_text("100% 不一致（1 张中 1 张）")
    await expect(page.locator(".watch-card .chart").first).to_be_visible()
    await expect(page.locator(".watch .watch-card").first).to_contain_text("80 条")
    await page.get_by_role("button", name="结束").click()
    await expect(page.locator(".shadow")).to_have_count(0)


async def test_an_answer_by_example_is_inserted_into_the_reply(
    house: World, page: Page, url: str, tmp_path: Path
) -> None:
    await house.store.bundles.promote(
        await stored(house.store, champion(), tmp_path / "made"), None
    )
    li = await house.person("li")
    await house.store.canned.add("发票怎么办理", "请在订单页申请。", "", li)
    ticket_id = await house.ticket(text="请问发票怎么办理")
    await house.give(ticket_id, li)
    await sign_in(page, url)
    await page.locator(".card").first.click()
    await page.get_by_role("button", name="参考答复").click()
    take = page.get_by_role("button", name="插入")
    await expect(take).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(take).to_be_hidden()
    await page.keyboard.press("g")
    await expect(take).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#reply-text")).to_have_value("请在订单页申请。")
    await expect(page.locator("#reply-text")).to_be_focused()
    await expect(page.locator(".offer")).to_be_hidden()


async def test_an_answer_is_in_sight_of_its_writer_wherever_they_read(
    page: Page, url: str, house: World
) -> None:
    me = await house.person("li")
    ticket = await house.ticket(text="很长的话" * 400)
    await customer_says(house, "more", "还有一句", attachments=())
    await house.give(ticket, me)
    await sign_in(page, url)
    await page.locator(".card").click()
    news, last = page.locator(".to-end"), page.locator(".message").last
    await expect(last).to_contain_text("还有一句")
    pane = page.locator(".scroll")
    # The browser may move the pane by itself while a message is put in: nobody reads further up.
    left = await pane.evaluate("""(pane) => {
      const more = document.createElement("li");
      more.style.height = "200px";
      pane.querySelector(".log").append(more);
      pane.scrollTop -= 10;
      return new Promise((done) => setTimeout(() => {
        done(pane.scrollHeight - pane.scrollTop - pane.clientHeight);
        more.remove();
      }, 200));
    }""")
    assert left < 60, "what is this near is the end: see scroll.js"
    await pane.hover()
    await page.mouse.wheel(0, -9000)
    await expect(page.locator(".message").last).not_to_be_in_viewport()
    await customer_says(house, "later", "有人吗", attachments=())
    await expect(news).to_be_visible()
    await page.get_by_label("答复客户").fill("明天到")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.ours")).to_be_in_viewport()
    await expect(news).to_be_hidden()


async def test_the_clocks_that_an_answer_stops_are_shown_stopped(
    page: Page, url: str, house: World, tmp_path: Path
) -> None:
    ticket = await house.ticket()
    await house.give(ticket, await house.person("li"))
    await ticks(house.store, tmp_path)
    await sign_in(page, url)
    await page.locator(".card").click()
    first = page.locator("[data-clock=first_answer]")
    await expect(first).to_have_attribute("data-state", "running")
    await page.get_by_label("答复客户").fill("明天到")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".message.ours")).to_be_visible()
    await expect(first).to_have_attribute("data-state", "running")
    await ticks(house.store, tmp_path)
    await expect(first).to_have_attribute("data-state", "met")


async def test_the_address_can_ask_for_a_language(page: Page, url: str) -> None:
    """As the demo page does; a later choice at the desk stands."""
    await page.goto(f"{url}/desk?lang=en#board")
    await expect(page.get_by_label("Password")).to_be_visible()
    await expect(page).to_have_url(f"{url}/desk#board")
    await page.get_by_role("button", name="中文").click()
    await page.reload()
    await expect(page.get_by_label("密码")).to_be_visible()
    await page.goto(f"{url}/desk?lang=fr")
    await expect(page.get_by_label("密码")).to_be_visible()
