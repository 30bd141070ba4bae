"""One day of a service centre, through the real doors, with every text that a customer received.

Mail comes and goes by SMTP, chat by WebSocket, ratings also by the page behind a link; agents use
the API, and time passes by the real clock, with short settings. The day is played in Chinese and
in English at once. Each text is taken out of its customer's inbox and compared word for word; at
the end no inbox holds another one.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sqlalchemy import func, select

from config.settings import load as load_settings
from models.store import Store
from models.tables import cursor, outbound, timer
from tests.flow.clients import MAILBOX, Agent, Relay, Visitor, at_the_desk, relay_settings, until
from tests.flow.conftest import PROVEN, running
from tests.flow.customers import Chatter, Correspondent, Inbox, page, submit
from tests.flow.load import unprocessed
from tests.flow.spoken import EN, ZH, Words
from tests.flow.system import Prepared, System, embedded
from workers.assembly.wiring import make_store

COMPLAINTS = "complaints@localhost"
ALIAS = "8001"
SNOOZE_SECONDS = 60
"""The shortest that the desk allows; the clock wakes it."""

_SETTINGS = {
    "SHOULI_CHANNELS__EMAIL__MAILBOXES": f'[{{address = "{MAILBOX}", account = "support"}},'
    f' {{address = "{COMPLAINTS}", account = "complaints"}}]',
    "SHOULI_DECLARED": '{"email/complaints" = {type = "投诉"}}',
    # An hour of the plan is 0.36 s, and nothing waits longer than a moment.
    "SHOULI_FOLLOW_UPS__WITHIN_HOURS": "{}",
    "SHOULI_FOLLOW_UPS__COMPLAINTS_WITHIN_HOURS": "0.0003",
    "SHOULI_FOLLOW_UPS__BEGIN_SHARE": "0.0",
    "SHOULI_FOLLOW_UPS__AGAIN_HOURS": "[0.0001]",
    "SHOULI_SATISFACTION__LANES__MAIL": "true",
    "SHOULI_SATISFACTION__DELAY_MINUTES": "{live = 0.01, mail = 0.01}",
    "SHOULI_PROGRESS__SETTLE_SECONDS": "0.0",
    "SHOULI_PROGRESS__EVERY_MINUTES": "0.0",
}


@pytest.fixture(scope="module")
def centre(
    tmp_path_factory: pytest.TempPathFactory, prepared: Prepared, relay: Relay
) -> Iterator[System]:
    home: Path = tmp_path_factory.mktemp("centre")
    far = (datetime.now(ZoneInfo("Asia/Shanghai")).hour + 12) % 24
    quiet = {"SHOULI_QUIET__PERIOD": f"{far:02}:00-{far:02}:01"}
    system = embedded(
        home, prepared, {**PROVEN, **relay_settings(relay.port), **_SETTINGS, **quiet}
    )
    link = {"SHOULI_SATISFACTION__LINK_BASE": system.intake}
    system.environ |= link
    yield from running(system)


@dataclass
class Centre:
    """Everybody of the day: those at the desk, and their customers."""

    system: System
    relay: Relay
    http: aiohttp.ClientSession
    boss: Agent
    caller: Agent
    inboxes: list[Inbox] = field(default_factory=list)
    visitors: list[Visitor] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def correspondent(self) -> Correspondent:
        name = f"customer{next(self._numbers)}@qq.example"
        one = Correspondent(name, system=self.system, relay=self.relay)
        self.inboxes.append(one)
        return one

    async def chatter(self) -> Chatter:
        visitor = await Visitor(self.system, self.http).__aenter__()
        self.visitors.append(visitor)
        one = Chatter(f"visitor {next(self._numbers)}", visitor=visitor)
        self.inboxes.append(one)
        return one

    async def received(self, customer: Inbox, words: Words) -> dict[str, Any]:
        """The acknowledgement, and the ticket that it is about.

        It names what is sure to be an inquiry or a complaint, and calls all else feedback.
        """
        said = customer.text_of(await customer.next())
        found = re.search(r"\d{14,20}", said)
        assert found, said
        listed = await self.boss.must("POST", "search", {"text": found[0]})
        ticket = dict(listed["found"][0]["ticket"])
        due = words.time(ticket["due_at"])
        (label,) = (one for one in ticket["labels"] if one["facet"] == "type")
        sure = label["accepted"] and label["value"] in words.kinds
        kind = words.kinds[label["value"] if sure else ""]
        assert said == words.acknowledged.format(type=kind, number=ticket["number"], due=due)
        return ticket

    async def asked(self, customer: Inbox, words: Words, number: str) -> tuple[Any, str]:
        """The question after satisfaction, and the page behind its link, which is theirs."""
        one = await customer.next()
        said, links = customer.text_of(one), f"{self.system.intake}/s/"
        link = said[said.index(links) :].split()[0]
        customer.check(one, words.ask.format(number=number, link=link), words.scale)
        shown = await page(self.http, link)
        assert shown == [piece.format(number=number) for piece in words.form]
        return one, link

    async def rating(self, ticket_id: str) -> tuple[Any, ...]:
        """What is written down of a ticket: score, solved, words, and how it came."""
        (one,) = (await self.boss.must("GET", f"tickets/{ticket_id}/satisfaction"))["surveys"]
        return one["score"], one["solved"], one["words"], one["via"]

    async def follow_up(self, ticket_id: str, *states: str) -> dict[str, Any]:
        async def there() -> Any:
            answer = await self.boss.must("GET", f"follow-ups?which=all&ticket={ticket_id}")
            return next((one for one in answer["follow_ups"] if one["state"] in states), None)

        return dict(await until(f"a follow-up that is {states}", there))

    async def incident(self, **wanted: Any) -> dict[str, Any]:
        async def there() -> Any:
            found = (await self.boss.must("GET", "incidents"))["incidents"]
            fit = [i for i in found if all(i[name] == value for name, value in wanted.items())]
            return fit[0] if fit else None

        return dict(await until(f"an incident with {wanted}", there))


async def test_a_day_in_which_every_text_is_as_it_should_be(
    centre: System, relay: Relay, http: aiohttp.ClientSession
) -> None:
    store = make_store(load_settings(environ=centre.environ))
    logins = ("chen", "wangfang", "lilei", "hanmeimei", "admin")
    try:
        async with at_the_desk(centre, *logins) as (boss, caller, lilei, han, admin):
            for agent in (boss, caller, lilei, han):
                changed = {"capacity": 100, "alias": ALIAS}
                await admin.must("PATCH", f"agents/{agent.id}", changed)
            day = Centre(centre, relay, http, boss, caller)
            try:
                parts = [(ZH, lilei), (EN, han)]
                await asyncio.gather(
                    *(_complaint(day, words, agent) for words, agent in parts),
                    *(_chat(day, words, agent) for words, agent in parts),
                    *(_by_link(day, words, agent) for words, agent in parts),
                    _incidents(day, lilei),
                )
                await until("all is quiet", lambda: _quiet(store))
                assert {i.name: i.unexpected() for i in day.inboxes if i.unexpected()} == {}
                known = {inbox.name for inbox in day.inboxes}
                assert {to for one in relay.letters for to in one.rcpt_tos} <= known
            finally:
                for visitor in day.visitors:
                    await visitor.__aexit__()
    finally:
        await store.close()


async def _quiet(store: Store) -> bool:
    """Whether all that has happened has had its consequences, and nothing is on its way."""
    last, now = await store.events.last(), await store.db.now()
    read = select(func.min(cursor.c.value)).where(cursor.c.channel == "follower")
    due = select(func.count()).where(timer.c.due_at <= now)
    sending = select(func.count()).where(outbound.c.state.in_(["queued", "sending"]))
    async with store.db.read() as conn:
        followed = (await conn.execute(read)).scalar_one()
        left = [(await conn.execute(query)).scalar_one() for query in (due, sending)]
    return followed == last and left == [0, 0] and not await unprocessed(store)


# -- a complaint, from its arrival to its reviewed end ----------------------------------


async def _complaint(day: Centre, words: Words, agent: Agent) -> None:
    customer = day.correspondent()
    await customer.write(words.complaint, words.subject, COMPLAINTS)
    ticket = await day.received(customer, words)
    ticket_id, number = ticket["id"], ticket["number"]
    await agent.mine("the complaint", lambda t: t["ticket"]["id"] == ticket_id)
    await customer.answer(words.progress)
    await customer.gets(words.working.format(number=number, agent=ALIAS))
    await _strangers(day, words, number)

    await agent.reply(ticket_id, words.settled, "resolved")
    await customer.gets(words.settled)
    await day.asked(customer, words, number)
    await customer.answer(words.rating)
    await customer.gets(words.thanks)
    assert (await day.rating(ticket_id))[:2] == (4, True)
    assert (await day.rating(ticket_id))[3] == "words"

    await _call_back(day, words, customer, agent, ticket_id)
    await _review(day, ticket_id)
    await customer.answer(words.progress)
    await customer.gets(words.closed.format(number=number))


async def _strangers(day: Centre, words: Words, number: str) -> None:
    """Whoever asks after what is not theirs is told nothing, also with its number."""
    visitor, writer = await day.chatter(), day.correspondent()
    await visitor.visitor.say(f"{words.progress} {number}")
    await visitor.gets(words.unknown)
    await writer.write(words.progress, words.subject)
    await writer.gets(words.unknown)


async def _call_back(
    day: Centre, words: Words, customer: Correspondent, agent: Agent, ticket_id: str
) -> None:
    """Not reached by telephone, nor by mail; then reached: by another than who handled it."""
    task = await day.follow_up(ticket_id, "waiting", "active")
    path = f"follow-ups/{task['id']}"
    assert (await agent.ask("POST", f"{path}/take")).status in {404, 409}
    for attempt in ("telephone", "mail", "again"):
        await _in_hand(day, ticket_id)
        named = {"client_id": f"attempt-{words.lang}-{attempt}"}
        if attempt == "mail":
            (way,) = (await day.caller.must("GET", path))["ways"]
            asked = {**named, "conversation": way["conversation"], "text": words.calling}
            await day.caller.must("POST", f"{path}/write", asked)
            await customer.gets(words.calling)
            continue
        said = {"reached": True, "content": "OK", "score": 5, "solved": True}
        reached = said if attempt == "again" else {"reached": False}
        await day.caller.must("POST", f"{path}/record", named | reached)
    done = await day.follow_up(ticket_id, "done")
    assert (done["attempts"], done["score"], done["review"]) == (3, 5, None)
    shown = await day.boss.must("GET", path)
    assert [one["reached"] for one in shown["attempts"]] == [False, False, True]


async def _in_hand(day: Centre, ticket_id: str) -> None:
    """Given to who calls back, by a supervisor's word."""

    async def hers() -> bool:
        task = await day.follow_up(ticket_id, "waiting", "active")
        if task["owner"] != "王芳":
            await day.boss.ask("POST", f"follow-ups/{task['id']}/take", {"agent": day.caller.id})
        return bool(task["owner"] == "王芳")

    await until("the follow-up is hers", hers)


async def _review(day: Centre, ticket_id: str) -> None:
    """What is lacking is asked for; with all of it, the supervisor closes."""
    boss, path = day.boss, f"tickets/{ticket_id}/complaint"
    refused = await boss.ask("POST", f"tickets/{ticket_id}/close")
    assert refused.status == 409
    lacking = {gap["gap"] for gap in (await boss.must("GET", path))["gaps"]}
    assert lacking == {"outcome", "responsibility", "customer_word", "review"}
    settled = {"outcome": "已退款", "responsibility": "快递公司"}
    await boss.must("PATCH", path, settled)
    await boss.must("POST", f"{path}/word", {"word": "satisfied", "said": "OK"})
    await boss.must("POST", f"{path}/review", {"passed": True, "words": "同意"})
    assert (await boss.must("GET", path))["gaps"] == []
    await boss.must("POST", f"tickets/{ticket_id}/close")


# -- a chat that is set aside, and rated by buttons -------------------------------------


async def _chat(day: Centre, words: Words, agent: Agent) -> None:
    customer = await day.chatter()
    await customer.visitor.say(words.question)
    ticket = await day.received(customer, words)
    ticket_id, number = ticket["id"], ticket["number"]
    path = f"tickets/{ticket_id}"
    await agent.mine("the chat", lambda t: t["ticket"]["id"] == ticket_id)
    await customer.visitor.say(words.progress)
    await customer.gets(words.working.format(number=number, agent=ALIAS))
    await agent.reply(ticket_id, words.helped)
    await customer.gets(words.helped)
    # Told unasked: others are asked, and it is set aside until a time.
    await agent.must("POST", f"{path}/help", {})
    await customer.gets(words.helping.format(number=number))
    await agent.must("POST", f"{path}/resume")
    aside = (await agent.must("POST", f"{path}/snooze", {"seconds": SNOOZE_SECONDS}))["ticket"]
    await customer.gets(words.snoozed.format(number=number, due=words.time(aside["wake_at"])))

    async def woken() -> bool:
        return bool((await agent.ticket(ticket_id))["ticket"]["state"] == "active")

    await until("the clock wakes it, and it is taken up", woken, SNOOZE_SECONDS + 30.0)
    assert (await agent.heard("ticket.woken", ticket_id))["at"] >= aside["wake_at"]
    await agent.reply(ticket_id, words.done, "resolved")
    await customer.gets(words.done)
    line, _ = await day.asked(customer, words, number)
    await customer.press(line, words.scale[0])
    line = await customer.gets(words.ask_solved, words.solved)
    await customer.press(line, words.solved[0])
    await customer.gets(words.thanks)
    assert await day.rating(ticket_id) == (5, True, "", "choice")


# -- a mail, rated by the page behind the link ------------------------------------------


async def _by_link(day: Centre, words: Words, agent: Agent) -> None:
    customer = day.correspondent()
    await customer.write(words.wish, words.subject)
    ticket = await day.received(customer, words)
    ticket_id = ticket["id"]
    await agent.mine("the mail", lambda t: t["ticket"]["id"] == ticket_id)
    await agent.reply(ticket_id, words.done, "resolved")
    await customer.gets(words.done)
    _, link = await day.asked(customer, words, ticket["number"])
    form = {"score": "2", "solved": "no", "words": "等太久"}
    assert await submit(day.http, link, form) == list(words.form_thanks)
    assert await day.rating(ticket_id) == (2, False, "等太久", "link")
    # Whoever is not satisfied is called back, by somebody of the centre.
    await day.follow_up(ticket_id, "waiting", "active")


# -- what breaks out, and a drill --------------------------------------------------------


async def _incidents(day: Centre, author: Agent) -> None:
    """Twelve complain of one thing, in each language; one approved text goes to all of them."""
    known: set[str] = set()
    for words in (ZH, EN):
        customers = [day.correspondent() for _ in words.breakdown]
        for customer, text in zip(customers, words.breakdown, strict=True):
            await customer.write(text, words.outcry, COMPLAINTS)
        for customer in customers:
            await day.received(customer, words)
        found = await day.incident(members=12, told=0, drill=False)
        known.add(found["id"])
        assert {i["id"] for i in (await day.boss.must("GET", "incidents"))["incidents"]} == known
        path = f"incidents/{found['id']}"
        draft = await author.must("POST", f"{path}/texts", {"zh": ZH.incident, "en": EN.incident})
        assert (await author.ask("POST", f"{path}/texts/{draft['id']}/approve")).status >= 400
        await day.boss.must("POST", f"{path}/texts/{draft['id']}/approve")
        for customer in customers:
            await customer.gets(words.incident)
        late = day.correspondent()
        await late.write(words.late, words.outcry, COMPLAINTS)
        await day.received(late, words)
        await late.gets(words.incident)
        if words is EN:
            await _drill(day, author)
        await day.boss.must("POST", f"{path}/close", {"summary": "信号故障，已恢复"})


async def _drill(day: Centre, author: Agent) -> None:
    """The same way, while a real one is open; that nobody hears of it the end of the day tells."""
    drill = await day.boss.must("POST", "incidents/drills", {"title": "演练", "members": 12})
    path = f"incidents/{drill['id']}"
    text = await author.must("POST", f"{path}/texts", {"zh": "演练文字", "en": "Only a drill"})
    await day.boss.must("POST", f"{path}/texts/{text['id']}/approve")
    await day.incident(id=drill["id"], told=12, drill=True)
